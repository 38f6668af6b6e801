"""Something on the target stores other values than a run has computed: nothing is published. What
leaves the computed values alone works on."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.errors import AuditFailed, Refused
from pipeline.load import staging
from pipeline.run import run_all, run_named
from pipeline.settings import Settings
from tests.databases import Database, fresh, skipped_without_icu
from tests.engines import reference, stored
from tests.holds import at
from tests.runs import WORLD, A, B, writing_runs

FUNCTION = """
create function {name}() returns trigger language plpgsql as $$ begin
    {body}
    return new;
end $$;
"""
CHANGE = FUNCTION.format(name="change", body="{body}") + (
    "create {constraint} trigger change {when} on link_click_analytics {deferred}"
    " for each row execute function change()"
)
AGAIN = (
    "if new.engagement_score <> 1 then"
    " update link_click_analytics set engagement_score = 1 where id = new.id; end if;"
)


def row_trigger(body: str, when: str = "before insert or update") -> str:
    return CHANGE.format(body=body, constraint="", when=when, deferred="")


# what alters a row, and what the refusal names
ALTERING = {
    "a score": (row_trigger("new.engagement_score := 1;"), "trigger change"),
    "a metric": (row_trigger("new.peak_click_hour := 3;"), "trigger change"),
    "a sequence": (row_trigger("new.click_sequence := '{}';"), "trigger change"),
    "a job": (row_trigger("new.job_id := null;"), "trigger change"),
    "the instant": (row_trigger("new.calculated_at := now();"), "trigger change"),
    "an instant of the future": (
        row_trigger("new.calculated_at := now() + interval '1 s'; new.intent_score := 1;"),
        "trigger change",
    ),
    "one row": (
        row_trigger(f"if new.application_id = '{B}' then new.intent_score := 1; end if;"),
        "trigger change",
    ),
    "afterwards": (row_trigger(AGAIN, "after insert or update"), "trigger change"),
    "at the commit": (
        CHANGE.format(
            body=AGAIN,
            constraint="constraint",
            when="after insert or update",
            deferred="deferrable initially deferred",
        ),
        "trigger change",
    ),
    "deleted afterwards": (
        row_trigger(
            "delete from link_click_analytics where id = new.id;", "after insert or update"
        ),
        "trigger change",
    ),
    "a type": (
        "alter table link_click_analytics alter hours_to_first_click type numeric(10, 1)",
        r"column hours_to_first_click numeric\(10,1\)",
    ),
    "a domain": (
        "create domain rounded as numeric(10, 0);"
        "alter table link_click_analytics alter hours_to_first_click type rounded",
        "column hours_to_first_click rounded",
    ),
    "a collation": (
        "create collation other"
        " (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
        'alter table link_click_analytics alter click_sequence type text[] collate "other";'
        + row_trigger("new.click_sequence := array[lower(new.click_sequence[1])];"),
        "trigger change",
    ),
}
QUICK = ["a score", "one row", "at the commit", "a type"]  # of stored rows
LEAVING_ALONE = {
    "a stamp": row_trigger("new.updated_at := now();"),
    "a stamp afterwards": row_trigger(
        "if new.updated_at > '1970-01-01' then"
        " update link_click_analytics set updated_at = '1970-01-01' where id = new.id; end if;",
        "after insert or update",
    ),
    "a column of its own": "alter table link_click_analytics add note text;"
    + row_trigger("new.note := 'seen';"),
    "a log elsewhere": "create table log (id uuid);"
    + row_trigger("insert into log values (new.id);", "after insert or update"),
    "a rule": "create table log (id uuid);"
    "create rule change as on insert to link_click_analytics do also"
    " insert into log values (new.id)",
    "a wider type": "drop view application_scores; alter table link_click_analytics"
    " alter hours_to_first_click type numeric(12, 2)",
    "disabled": row_trigger("new.engagement_score := 1;")
    + "; alter table link_click_analytics disable trigger change",
}
CLICK = "update link_clicks set clicked_at = clicked_at + interval '50 s'"


@pytest.fixture
def filled(empty: Database) -> Database:
    empty.load(WORLD)
    return empty


@pytest.fixture(scope="module")
def with_rows(server_url: str, with_all_tables: str) -> Iterator[str]:
    """The template of a run."""
    with fresh(server_url, with_all_tables) as template:
        template.load(WORLD)
        run_all(template.settings())
        yield template.name


@pytest.fixture
def computed(server_url: str, with_rows: str) -> Iterator[Database]:
    """After a run."""
    with fresh(server_url, with_rows) as computed:
        yield computed


@pytest.mark.parametrize(("altering", "named"), ALTERING.values(), ids=ALTERING)
def test_what_alters_a_new_row(filled: Database, altering: str, named: str) -> None:
    refused(filled, altering, named)


@pytest.mark.parametrize(
    ("altering", "named"),
    [
        pytest.param(*ALTERING[name], id=name, marks=[pytest.mark.slow] * (name not in QUICK))
        for name in ALTERING
    ],
)
def test_what_alters_a_stored_row(computed: Database, altering: str, named: str) -> None:
    refused(computed, altering, named)


def refused(filled: Database, altering: str, named: str) -> None:
    filled.execute(CLICK)
    with skipped_without_icu():
        filled.execute(altering)
    before = filled.execute("select * from link_click_analytics order by id")
    for run in (run_all, lambda settings: run_named(settings, [A, B])):
        with pytest.raises(AuditFailed, match=f"otherwise than computed.*{named}"):
            run(filled.settings())
    assert filled.execute("select * from link_click_analytics order by id") == before


def test_a_rule_that_alters(filled: Database) -> None:
    filled.execute(
        "create rule change as on insert to link_click_analytics do also"
        " update link_click_analytics set engagement_score = 1"
    )
    with pytest.raises(AuditFailed, match=r"otherwise than computed.*rule change"):
        run_all(filled.settings())
    assert stored(filled) == {}


@pytest.mark.parametrize("known", [False, True], ids=["new readings", "stored readings"])
@pytest.mark.parametrize("change", ["intent_score_human := 7", "last_human_click := now()"])
def test_what_alters_readings(filled: Database, change: str, known: bool) -> None:
    if known:
        run_all(filled.settings())
        filled.execute(CLICK)
    filled.execute(
        row_trigger(f"new.{change};").replace("on link_click_analytics", "on link_click_readings")
    )
    before = filled.execute("select * from link_click_readings order by application_id")
    for run in (run_all, lambda settings: run_named(settings, [A])):
        with pytest.raises(AuditFailed, match=r"otherwise than computed.*trigger change"):
            run(filled.settings())
    assert filled.execute("select * from link_click_readings order by application_id") == before


BESIDE = """
create function beside() returns trigger language plpgsql as $$ begin
    if pg_trigger_depth() < 2 then
        update link_click_analytics set {change} where application_id = '{B}';
    end if;
    return null;
end $$;
create trigger beside after insert or update on link_click_analytics
    for each statement execute function beside();
update link_clicks set clicked_at = clicked_at + interval '1 hour' where tracking_id = 'a'
"""


def test_a_row_beside_those_that_are_written(computed: Database) -> None:
    before = stored(computed)
    computed.execute(BESIDE.format(change="intent_score = 7", B=B))
    for run in (run_all, lambda settings: run_named(settings, [A])):
        with pytest.raises(AuditFailed, match=rf"1 row .*{B} among them.*trigger beside"):
            run(computed.settings())
    assert stored(computed) == before


def test_a_row_beside_those_that_are_written_is_only_stamped(computed: Database) -> None:
    computed.execute(BESIDE.format(change="updated_at = now()", B=B))
    assert run_all(computed.settings()).updated == 1
    assert stored(computed) == reference(computed)


@pytest.mark.parametrize("event", LEAVING_ALONE.values(), ids=LEAVING_ALONE)
def test_what_leaves_the_values_alone(filled: Database, event: str) -> None:
    filled.execute(event)
    run_all(filled.settings())
    assert stored(filled) == reference(filled)
    filled.execute(CLICK)
    run_named(filled.settings(), [A])
    assert run_all(filled.settings()).updated == 1
    assert stored(filled) == reference(filled)


def test_what_is_left_to_a_newer_run_or_has_gone_is_no_alteration(filled: Database) -> None:
    filled.execute(LEAVING_ALONE["a stamp"])
    run_all(filled.settings())
    filled.execute(CLICK)

    def meanwhile() -> None:
        filled.execute(f"delete from job_applications where id = '{B}'; {CLICK}")
        filled.execute(
            "update link_click_analytics set total_click_events = 7,"
            " calculated_at = clock_timestamp() at time zone 'UTC'"
        )

    report = run_all(filled.settings(), before=at("write", meanwhile))
    assert (report.newer, report.gone) == (1, 1)


@pytest.mark.parametrize("added", ["link_click_analytics", "child"])
@pytest.mark.parametrize("missing", [True, False], ids=["hides another", "alone"])
def test_a_second_row_for_an_application(filled: Database, added: str, missing: bool) -> None:
    """Of two rows that are to be written, one is stored twice by now, so that two are updated."""
    run_all(filled.settings())
    filled.execute(
        f"{CLICK};"
        f"delete from link_click_analytics where {missing} and application_id = '{B}';"
        "drop index idx_analytics_unique_application;"
        "create table child () inherits (link_click_analytics)"
    )
    before = "select application_id, total_click_events from link_click_analytics order by id"
    again = f"insert into {added} (application_id) values ('{A}')"
    with pytest.raises(AuditFailed, match=r"or more than once.*child child, no unique index"):
        run_all(filled.settings(), before=at("write", lambda: filled.execute(again)))
    assert {clicks for _, clicks in filled.execute(before)} == {0, 1}


@writing_runs
def test_what_comes_while_a_run_computes(
    filled: Database, monkeypatch: pytest.MonkeyPatch, run: Callable[[Settings], object]
) -> None:
    """After the look, before the first row is written; afterwards the table is locked."""

    def meanwhile(*arguments: Any) -> Callable[[], None]:
        filled.execute(row_trigger("new.engagement_score := 1;"))
        return staging(*arguments)

    monkeypatch.setattr("pipeline.load.staging", meanwhile)
    with pytest.raises(Refused, match="while the run wrote there came: trigger change"):
        run(filled.settings())
    assert stored(filled) == {}
