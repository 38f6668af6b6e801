"""Something that our other tables fire, or that waits for the commit, writes to the target: nothing
is published. What leaves it alone works on."""

import pytest

from pipeline.errors import AuditFailed, ClickstatsError
from pipeline.run import run_all, run_named
from tests.databases import Database
from tests.engines import reference, stored
from tests.runs import WORLD, A, B

TRIGGER = """
create function change() returns trigger language plpgsql as $$ begin
    {body}
    return new;
end $$;
create {kind} trigger change {when} on {table} {deferred} for each row execute function change();
"""
NOW = {"kind": "", "deferred": ""}
AT_THE_COMMIT = {"kind": "constraint", "deferred": "deferrable initially deferred"}
PUBLISHED = "if new.outcome = 'published' then {} end if;"
BODIES = {
    "a score": "update link_click_analytics set intent_score = 7 where intent_score <> 7;",
    "readings": "update link_click_readings set intent_score_human = 7;",
    "a row less": "delete from link_click_analytics;",
    "a row more": "insert into link_click_analytics (intent_score) values (7);",
    "all rows": "truncate link_click_analytics;",
    "a type": "alter table link_click_analytics alter hours_to_first_click type numeric(10, 1);",
}
WHOLE = "select * from link_click_analytics order by id"
HUMAN = "select * from link_click_readings order by application_id"
LATER = "update link_clicks set clicked_at = clicked_at + interval '1 hour' where tracking_id = 'a'"


def trigger(body: str, when: str, table: str, how: dict[str, str] = NOW) -> str:
    return TRIGGER.format(body=body, when=when, table=table, **how)


@pytest.fixture
def computed(empty: Database) -> Database:
    empty.load(WORLD)
    run_all(empty.settings())
    return empty


def refuses(database: Database, match: str) -> None:
    """Whether there is something to write or not, every run refuses, and the tables stay."""
    before = [database.execute(query) for query in (WHOLE, HUMAN)]
    for change in ("", LATER):
        database.execute(f"select 1; {change}")
        for run in (run_all, lambda settings: run_named(settings, [A])):
            with pytest.raises(AuditFailed, match=match):
                run(database.settings())
            assert [database.execute(query) for query in (WHOLE, HUMAN)] == before


@pytest.mark.parametrize("how", [NOW, AT_THE_COMMIT], ids=["at once", "at the commit"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_entry_of_a_published_run(computed: Database, body: str, how: dict[str, str]) -> None:
    computed.execute("drop view application_scores")
    computed.execute(trigger(PUBLISHED.format(body), "after update", "clickstats_runs", how))
    refuses(computed, "triggers and rules on clickstats_runs")


@pytest.mark.parametrize("outcome", ["running", "failed"])
def test_the_entry_of_a_run_that_begins_or_fails(computed: Database, outcome: str) -> None:
    body = f"if new.outcome = '{outcome}' then {BODIES['a score']} end if;"
    before = computed.execute(WHOLE)
    computed.execute(trigger(body, "after insert or update", "clickstats_runs"))
    if outcome == "failed":
        computed.execute("delete from link_clicks")  # fewer than half of them
    with pytest.raises(ClickstatsError, match="audit failed"):
        run_all(computed.settings())
    assert computed.execute(WHOLE) == before


@pytest.mark.parametrize(
    "body",
    [
        "new.definition := '{}';",
        "new.timezone := 'Asia/Tokyo';",
        "new.outcome := 'failed';",
        "new.clicks_read := 1000;",
        "new := old;",
        "return null;",
    ],
)
def test_an_entry_that_is_altered(computed: Database, body: str) -> None:
    computed.execute(trigger(PUBLISHED.format(body), "before update", "clickstats_runs"))
    refuses(computed, "stored otherwise than it was written")


@pytest.mark.parametrize("how", [NOW, AT_THE_COMMIT], ids=["at once", "at the commit"])
def test_an_entry_that_tells_somebody(computed: Database, how: dict[str, str]) -> None:
    computed.execute("create table log (id uuid)")
    body = "insert into log values (new.id); notify clickstats;"
    computed.execute(trigger(body, "after update", "clickstats_runs", how))
    computed.execute(LATER)
    assert run_all(computed.settings()).updated == 1
    run_named(computed.settings(), [A])
    assert stored(computed) == reference(computed)
    # that both are published, and before it that the first one's snapshot was taken
    assert computed.execute("select count(*) from log") == [(3,)]


@pytest.mark.parametrize("how", [NOW, AT_THE_COMMIT], ids=["at once", "at the commit"])
def test_changes_of_scores_that_alter_a_row(computed: Database, how: dict[str, str]) -> None:
    before = computed.execute(WHOLE)
    computed.execute(
        trigger(BODIES["a score"], "after insert", "link_click_score_changes", how) + LATER
    )
    with pytest.raises(AuditFailed, match="trigger change"):
        run_all(computed.settings())
    assert computed.execute(WHOLE) == before


@pytest.mark.parametrize(
    ("body", "when"),
    [
        ("new.intent_score := 7;", "before insert"),
        ("new.rules_before := 7;", "before insert"),
        ("delete from link_click_score_changes;", "after insert"),
    ],
)
def test_changes_of_scores_that_are_altered(computed: Database, body: str, when: str) -> None:
    computed.execute(trigger(body, when, "link_click_score_changes") + LATER)
    with pytest.raises(AuditFailed, match=rf"{A} among them.*trigger change"):
        run_all(computed.settings())
    with pytest.raises(AuditFailed, match=rf"{A} among them.*trigger change"):
        run_named(computed.settings(), [A])
    assert computed.execute("select * from link_click_score_changes") == []


def test_changes_of_scores_that_are_sent_elsewhere(computed: Database) -> None:
    computed.execute("create table log (id uuid)")
    body = "insert into log values (new.application_id);"
    computed.execute(trigger(body, "after insert", "link_click_score_changes") + LATER)
    assert run_all(computed.settings()).updated == 1
    assert computed.execute("select * from log") == [(A,)]


@pytest.mark.parametrize(
    "body",
    [
        f"update link_click_readings set intent_score_human = 7 where application_id = '{B}';",
        f"delete from link_click_readings where application_id = '{B}';",
        f"delete from link_click_analytics where application_id = '{B}';",
    ],
)
def test_other_rows(computed: Database, body: str) -> None:
    """Beside the one that is written."""
    before = [computed.execute(query) for query in (WHOLE, HUMAN)]
    computed.execute(trigger(body, "after update", "link_click_analytics") + LATER)
    for run in (run_all, lambda settings: run_named(settings, [A])):
        with pytest.raises(AuditFailed, match=rf"{B} among them.*trigger change"):
            run(computed.settings())
    assert [computed.execute(query) for query in (WHOLE, HUMAN)] == before


@pytest.mark.parametrize("how", [NOW, AT_THE_COMMIT], ids=["at once", "at the commit"])
def test_a_table_whose_rows_go_with_ours(computed: Database, how: dict[str, str]) -> None:
    """The deletion of a row that a foreign key has left behind deletes another one, which fires."""
    computed.execute(
        f"""
        create table note (id uuid references link_click_analytics (id) on delete cascade);
        insert into note select id from link_click_analytics;
        {trigger(BODIES["a score"], "after delete", "note", how)}
        set session_replication_role = replica;
        delete from job_applications where id = '{B}'
        """
    )
    before = computed.execute(WHOLE)
    with pytest.raises(AuditFailed, match=rf"{A} among them.*trigger change"):
        run_all(computed.settings())
    assert computed.execute(WHOLE) == before


def test_a_trigger_of_another_table_that_waits_for_the_commit(computed: Database) -> None:
    """One on the target writes there, as a log does."""
    computed.execute(
        "create table log (id uuid);"
        + trigger(BODIES["a score"], "after insert", "log", AT_THE_COMMIT)
        + trigger("insert into log values (new.id);", "after update", "link_click_analytics")
        .replace("change()", "note()")
        .replace("trigger change", "trigger note")
        + LATER
    )
    before = computed.execute(WHOLE)
    with pytest.raises(AuditFailed, match="trigger note"):
        run_all(computed.settings())
    assert computed.execute(WHOLE) == before
