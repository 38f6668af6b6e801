"""What a report says of tables that are empty, half empty or full of odd values."""

import pytest

from cli.wording import response
from pipeline.answers.figures import share
from pipeline.run import run_all
from tests.databases import Database
from tests.drawings import named, world_drawn
from tests.integration.test_report import report

STATUSES = world_drawn(
    """
    jobs: J

    application | job | created at
    a           | J   | 2024-03-04 09:00
    b           | J   | 2024-03-04 09:00
    c           | J   | 2024-03-04 09:00
    d           | J   | 2024-03-04 09:00
    e           | J   | 2024-03-04 09:00

    link | application | link function
    a    | a           | LinkedIn

    link | clicked at
    a    | 2024-03-04 12:30
    """
).world


@pytest.fixture
def with_statuses(database: Database) -> Database:
    """Five applications with statuses; nobody has 50 points or more."""
    database.load(STATUSES)
    statuses = {"a": "Interview_Scheduled", "b": "OFFER", "c": "no_offer", "d": "100%", "e": None}
    for name, status in statuses.items():
        database.execute(
            "update job_applications set application_status = %s where id = %s",
            (status, str(named(name))),
        )
        database.execute(
            "insert into link_click_analytics (application_id) values (%s)", [str(named(name))]
        )
    return database


@pytest.mark.parametrize(
    ("interview", "expected"),
    [
        (["interview*"], 1),
        (["interview"], 0),
        (["INTERVIEW_scheduled"], 1),
        (["interviewXscheduled"], 0),
        (["*offer"], 2),
        (["100%"], 1),
        (["1%"], 0),
        (["offer", "interview*"], 2),
        (["*"], 4),
        (["nothing\\"], 0),
    ],
)
def test_which_statuses_count(with_statuses: Database, interview: list[str], expected: int) -> None:
    """The options take the place of what the definition says."""
    found = report(with_statuses, interview=interview, offer=["nothing"]).prediction
    assert found.taking_part == 5
    assert {row["with_outcome"] for row in found.verdicts if row["outcome"] == "interview"} == {
        expected
    }


def test_without_a_status_column(database: Database) -> None:
    database.execute("alter table job_applications drop column application_status")
    assert report(database).prediction.statuses is None


def test_an_empty_table(database: Database) -> None:
    seen = report(database)
    assert seen.totals["stored"] == seen.totals["applications"] == 0
    assert seen.response["median"] is None
    assert (seen.functions, seen.sequences, seen.top) == ([], [], [])


def test_rows_without_application_and_missing_rows(database: Database) -> None:
    database.load(STATUSES)
    database.execute("insert into link_click_analytics (engagement_score) values (90), (null)")
    totals = report(database).totals
    assert (totals["applications"], totals["missing"], totals["stored"]) == (5, 5, 0)
    assert totals["rows_without_application"] == 2


def test_rows_full_of_nulls(database: Database) -> None:
    """Another program may have written them."""
    database.load(STATUSES)
    database.execute(
        "insert into link_click_analytics (application_id, engagement_score, intent_score,"
        " total_click_events, unique_functions_clicked) values (%s, null, null, null, null)",
        [str(named("a"))],
    )
    seen = report(database)
    assert seen.totals["stored"] == 1
    assert not any(row["applications"] for row in seen.distribution)


def test_the_zone_is_that_of_the_moment_of_the_click(database: Database) -> None:
    """A click in summer time and one in winter time."""
    database.load(
        world_drawn(
            """
            jobs: J

            application | job | created at
            A           | J   | 2024-01-01 09:00

            link | application | link function
            a    | A           | LinkedIn

            link | clicked at
            a    | 2024-01-01 23:59:59.999999
            a    | 2024-07-01 22:00
            """
        ).world
    )
    found = report(database, "Europe/Berlin").clicks_by_hour
    clicked = [tuple(row.values()) for row in found if row["clicks"]]
    assert clicked == [(2, 0, 2)]  # Tuesdays 00:59 and 00:00


@pytest.mark.parametrize(
    ("successes", "applications", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson_intervals(successes: int, applications: int, low: float, high: float) -> None:
    found = share(successes, applications)
    assert found["low"] == pytest.approx(low, abs=5e-5)
    assert found["high"] == pytest.approx(high, abs=5e-5)


def test_clicks_at_the_very_moment_are_not_before(database: Database) -> None:
    database.load(
        world_drawn(
            """
            jobs: J

            application | job | created at
            A           | J   | 2024-03-04 09:00
            B           | J   | 2024-03-04 09:00
            C           | J   | 2024-03-04 09:00
            D           | J   | 2024-03-04 09:00

            link | application | link function
            a    | A           | Resume
            b    | B           | Resume
            c    | C           | Resume

            link | clicked at
            a    | 2024-03-04 10:00
            b    | 2024-03-04 09:00
            c    | 2024-03-04 08:59:59.999999
            """
        ).world
    )
    run_all(database.settings())
    seen = report(database)
    assert [seen.response[name] for name in ("after", "at_the_same_moment", "before", "none")] == [
        1, 1, 1, 1,
    ]  # fmt: skip
    assert "1 before it, 1 at the same moment, 1 never" in response(seen.response)
