"""Whom to follow up: open applications with human clicks of late, best first, by the names that the
source has."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from pipeline.answers.changes import changes
from pipeline.answers.explain import explain_named
from pipeline.answers.followups import Followups, followups, strongest
from pipeline.run import run_all, run_named
from tests.commands import clickstats
from tests.databases import CopyOf, Database, skipped_without_icu
from tests.definitions import written

DAYS = timedelta(days=14)
NAMES = """
create table companies (id integer primary key, name text);
insert into companies values (1, 'Acme'), (2, 'Initech');
alter table jobs add column job_title text, add column company_id integer;
insert into jobs (id, job_title, company_id) values
    (uuid_of('J'), 'Data Engineer', 1), (uuid_of('K'), 'SRE', 2);
"""
WORLD = """
create function uuid_of(text) returns uuid language sql as $$ select md5($1)::uuid $$;
create function click(application text, link text, ago interval, agent text default null)
returns void language sql as $$
    insert into link_tracking (tracking_id, application_id, link_function)
        values (application || ':' || link, uuid_of(application), link) on conflict do nothing;
    insert into link_clicks (tracking_id, clicked_at, user_agent)
        values (application || ':' || link, clock_timestamp() at time zone 'UTC' - ago, agent)
$$;
insert into job_applications (id, job_id, created_at, application_status)
select uuid_of(name), uuid_of(job),
    clock_timestamp() at time zone 'UTC' - '30 days'::interval, status
from (values
    ('keen', 'J', 'applied'), ('mild', 'K', 'applied'), ('long ago', 'J', 'applied'),
    ('rejected', 'K', 'Rejected by mail'), ('scanned', 'J', 'applied'), ('no status', 'K', null)
) as application (name, job, status);
select click('keen', 'Calendly', '2 hours'), click('keen', 'LinkedIn', '3 hours'),
    click('mild', 'Resume', '1 hour'), click('long ago', 'Calendly', '20 days'),
    click('rejected', 'Calendly', '1 hour'), click('no status', 'GitHub', '13 days 23 hours'),
    click('scanned', 'Calendly', '1 hour', 'LinkedInBot/1.0');
"""


@pytest.fixture
def clicked(copy_of: CopyOf) -> Database:
    return copy_of(computed)


def computed(database: Database) -> None:
    database.execute(WORLD)
    database.execute(NAMES)
    run_all(database.settings())


def found(database: Database, within: timedelta = DAYS, **options: object) -> Followups:
    return followups(database.settings(), within, 20, **options)  # type: ignore[arg-type]


def names(database: Database, within: timedelta = DAYS, **options: object) -> list[str]:
    """By the names in which the world was written, in order."""
    known = dict(
        database.execute(
            "select uuid_of(name), name from unnest(%s) as name",
            (["keen", "mild", "long ago", "rejected", "scanned", "no status"],),
        )
    )
    return [known[one["application_id"]] for one in found(database, within, **options).followups]


def test_open_ones_with_human_clicks_best_first(clicked: Database) -> None:
    assert names(clicked) == ["keen", "mild", "no status"]


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (timedelta(days=21), ["long ago", "keen", "mild", "no status"]),
        (timedelta(hours=2.5), ["keen", "mild"]),
        (timedelta(hours=1.5), ["mild"]),
        (timedelta(minutes=5), []),
    ],
)
def test_how_far_to_look_back(clicked: Database, within: timedelta, expected: list[str]) -> None:
    assert sorted(names(clicked, within)) == sorted(expected)


def test_closed_ones_when_asked_for(clicked: Database) -> None:
    assert set(names(clicked, all_statuses=True)) == {"keen", "mild", "no status", "rejected"}
    assert names(clicked, statuses=["rejected*"]) == ["rejected"]
    assert names(clicked, statuses=["APPLIED"]) == ["keen", "mild"]


def test_what_is_said_of_one(clicked: Database) -> None:
    keen, *_ = found(clicked).followups
    assert (keen["company"], keen["job_title"]) == ("Acme", "Data Engineer")
    assert keen["application_status"] == "applied"
    assert keen["last_click_on"] == ["Calendly"]
    assert keen["reason"] == "a click on Calendly"
    assert keen["application_id"].startswith(keen["short_id"])
    assert len(keen["short_id"]) == 8
    assert (keen["intent_change"], keen["engagement_change"]) == (0, 0)


def test_what_has_changed_since_yesterday(clicked: Database) -> None:
    clicked.execute("select click('mild', 'Calendly', '1 minute')")
    [(mild,)] = clicked.execute("select uuid_of('mild')")
    run_named(clicked.settings(), [mild])
    [one] = [each for each in found(clicked).followups if each["application_id"] == mild]
    assert one["intent_change"] == one["intent_score"] > 0
    assert one["engagement_change"] > 0


def test_how_statuses_are_read(clicked: Database) -> None:
    read = {each["application_status"]: each["meaning"] for each in found(clicked).statuses}
    assert read == {"applied": "open", "Rejected by mail": "closed", None: "open"}


def test_nobody(clicked: Database) -> None:
    answer = found(clicked, timedelta(minutes=5))
    assert (answer.count, answer.followups) == (0, [])
    assert answer.newest_human_click
    assert timedelta() < answer.now - answer.newest_human_click < timedelta(hours=2)


@pytest.mark.parametrize(
    ("options", "nobody"),
    [
        ([], "no open application has"),
        (["--status", "interview"], "no application of this status has"),
        (["--all-statuses"], "no application has"),
    ],
    ids=["open", "of a status", "of any status"],
)
def test_nobody_of_those_asked_for(clicked: Database, options: list[str], nobody: str) -> None:
    said = clickstats("followups", "--within", "1s", *options, database=clicked).text
    assert f"Nobody: {nobody} a human click within 1s." in said
    assert ("1 application closed" in said) == ("--all-statuses" in said) == (not options)
    assert ("--show-statuses says which" in said) == ("--status" in options)


def test_no_status_and_an_empty_one_are_two(clicked: Database) -> None:
    clicked.execute(
        "update job_applications set application_status = '' where id = uuid_of('mild')"
    )
    lines = clickstats("followups", "--show-statuses", database=clicked).text.split("\n")
    shown = {line.split()[0] for line in lines[-7:] if "open" in line}
    assert {"–", '""'} < shown


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ("drop table companies", ["companies"]),
        ("alter table jobs drop column job_title", ["titles"]),
        ("alter table job_applications drop column application_status", ["statuses"]),
    ],
)
def test_what_the_source_does_not_have(clicked: Database, change: str, missing: list[str]) -> None:
    clicked.execute(change)
    answer = found(clicked)
    assert [what.partition(" ")[0] for what in answer.missing] == missing
    assert {"keen", "mild"} <= set(names(clicked))


def test_what_a_role_may_not_read(role: str, clicked: Database) -> None:
    clicked.execute(
        f"""
        grant select on link_click_readings, link_click_score_changes, clickstats_runs to {role};
        grant select on link_tracking, link_clicks to {role};
        grant select (id, job_id, created_at) on job_applications to {role};
        grant select (id) on jobs to {role}
        """
    )
    answer = found(clicked.seen_by(role, role))
    assert [what.partition(" ")[0] for what in answer.missing] == [
        "companies", "titles", "statuses"
    ]  # fmt: skip
    assert len(answer.followups) == 4  # the rejected one too: nobody can see that it is


@pytest.mark.parametrize("kind", ["bigint", "varchar(20)", "numeric", "uuid"])
def test_a_company_by_another_type(kind: str, clicked: Database) -> None:
    using = "uuid_of(company_id::text)" if kind == "uuid" else f"company_id::{kind}"
    clicked.execute(f"alter table jobs alter company_id type {kind} using {using}")
    answer = found(clicked)
    assert answer.missing == []
    names_of = {"keen": "Acme", "mild": "Initech", "no status": "Initech"}
    expected = [None if kind == "uuid" else names_of[name] for name in names(clicked)]
    assert [one["company"] for one in answer.followups] == expected
    assert changes(clicked.settings(), DAYS, 20).changes == []


def test_a_company_that_row_security_hides(role: str, clicked: Database) -> None:
    clicked.execute(
        f"""
        grant select on all tables in schema public to {role};
        alter table companies enable row level security;
        create policy every on companies using (true)
        """
    )
    for_role = clicked.seen_by(role, role)
    answer = found(for_role)
    assert [what.partition(" ")[0] for what in answer.missing] == ["companies"]
    assert names(for_role) == ["keen", "mild", "no status"]
    clicked.execute("select click('mild', 'Calendly', '1 minute')")
    [(mild,)] = clicked.execute("select uuid_of('mild')")
    run_named(clicked.settings(), [mild])
    [explained], _ = explain_named(for_role.settings(), [mild])
    assert len(explained.history) == 1


def test_a_local_time_and_another_spelling(clicked: Database, tmp_path: object) -> None:
    file = f"{tmp_path}/definition.toml"
    with open(file, "w", encoding="utf-8") as written:
        written.write('[time]\nclicks = "Asia/Kolkata"\n[functions]\nMeeting = ["Calendly"]\n')
    clicked.execute(
        """
        insert into link_tracking (tracking_id, application_id, link_function)
        values ('other', uuid_of('keen'), 'Meeting');
        insert into link_clicks (tracking_id, clicked_at)
        select 'other', clicked_at from link_clicks where tracking_id = 'keen:Calendly';
        update link_clicks set clicked_at = clicked_at + interval '5 hours 30 minutes'
        """
    )
    run_all(clicked.settings(definition_file=file))
    answer = found(clicked)
    keen = next(each for each in answer.followups if each["last_click_on"] == ["Meeting"])
    assert timedelta(hours=2) < answer.now - keen["last_human_click"] < timedelta(hours=3)
    assert keen["reason"] != "a click on Calendly"


def test_a_company_with_several_names(clicked: Database) -> None:
    """Its id is no key, as where each tenant has ids of its own."""
    clicked.execute("alter table companies drop constraint companies_pkey")
    clicked.execute("insert into companies values (1, 'Zenith')")
    clicked.execute("select click('keen', 'Resume', '1 minute')")
    run_all(clicked.settings())
    assert names(clicked) == ["keen", "mild", "no status"]
    assert found(clicked).followups[0]["company"] == "Acme"
    moved = changes(clicked.settings(), timedelta(hours=1), 50)
    assert (moved.count, len(moved.changes)) == (1, 1)


def test_another_definition_changes_nothing_about_clicks(clicked: Database, tmp_path: Path) -> None:
    file = written(tmp_path, '[time]\nclicks = "Asia/Kolkata"\n[functions]\nCall = ["Calendly"]')
    choice = clicked.settings(definition_file=file)
    tried = followups(choice, DAYS, 20).followups
    assert tried == found(clicked).followups
    assert tried[0]["last_click_on"] == ["Calendly"]


def test_a_collation_that_ignores_accents(clicked: Database, tmp_path: Path) -> None:
    with skipped_without_icu():
        clicked.execute(
            "create collation loose"
            " (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
        )
    clicked.execute(
        """
        alter table job_applications alter application_status type varchar(50) collate loose;
        alter table link_tracking alter link_function type varchar(50) collate loose;
        update job_applications set application_status = 'Refuse' where id = uuid_of('keen');
        update job_applications set application_status = 'Refusé' where id = uuid_of('mild');
        update job_applications set application_status = 'REFUSE' where id = uuid_of('no status');
        insert into link_tracking (tracking_id, application_id, link_function)
        values ('other', uuid_of('keen'), 'CALENDLY');
        insert into link_clicks (tracking_id, clicked_at)
        select 'other', clicked_at from link_clicks where tracking_id = 'keen:Calendly';
        """
    )
    file = written(tmp_path, '[statuses]\nclosed = ["refusé", "rejected*"]')
    run_all(clicked.settings(definition_file=file))
    assert names(clicked) == ["keen", "no status"]
    assert names(clicked, statuses=["refusé"]) == ["mild"]
    keen, *_ = found(clicked).followups
    assert keen["last_click_on"] == ["CALENDLY", "Calendly"]


def test_the_strongest_reason() -> None:
    assert strongest(0) == ""
    assert strongest(0b1) == "at least one click"
    assert strongest(0b10_0001_0000_0101).startswith("a click on Calendly")


def test_ids_that_begin_alike_are_shown_as_long_as_they_must_be(clicked: Database) -> None:
    beginning = "deadbeef-0000"
    twins = [UUID(f"{beginning}-0000-0000-00000000000{n}") for n in (1, 2)]
    for twin in twins:
        clicked.execute(
            "insert into job_applications (id, created_at) values (%s, now());"
            "insert into link_tracking values (%s, %s, 'GitHub');"
            "insert into link_clicks (tracking_id, clicked_at)"
            " values (%s, clock_timestamp() at time zone 'UTC')",
            (str(twin), str(twin), str(twin), str(twin)),
        )
    run_all(clicked.settings())
    shown = [one["short_id"] for one in found(clicked).followups]
    assert {str(twin) for twin in twins} <= set(shown)


def test_a_view_that_names_an_application_twice(clicked: Database) -> None:
    """As a join of statuses that was made since the last run: a run refuses it."""
    clicked.execute(
        "alter table job_applications rename to applications;"
        "create view job_applications as table applications union all table applications"
    )
    shown = {one["application_id"]: one["short_id"] for one in found(clicked).followups}
    assert all(one.startswith(short) and len(short) == 8 for one, short in shown.items())
    assert len(shown) == 3
