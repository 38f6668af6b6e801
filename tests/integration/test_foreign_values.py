"""Values that another program stored and no run writes: no command fails because of them, what
reads the rows leaves them out and counts them, and what computes puts them right."""

import json
from io import BytesIO

import pytest

from pipeline.answers.explain import explain_named
from pipeline.answers.export import WRITE, export
from pipeline.answers.overview import overview
from pipeline.answers.stored_rows import Filters
from pipeline.answers.verify import verify
from pipeline.dry_run import dry_run
from pipeline.run import run_all, run_named
from schema.sql import over_plain_rows
from tests.commands import clickstats
from tests.databases import CopyOf, Database
from tests.engines import reference, reference_readings, stored, stored_readings
from tests.runs import WORLD as TWO
from tests.runs import A, B

FOREIGN = {
    "time_to_first_click": ["'300000 years'", "'-300000 years'", "'178956970 years'"],
    "time_between_first_last_click": ["'300000 years'"],
    "hours_to_first_click": ["'NaN'"],
    "hours_between_first_last_click": ["'NaN'"],
    "engagement_velocity": ["'NaN'", "-1"],
    "unique_functions_clicked": ["-1"],
    "total_click_events": ["-1"],
    "click_sequence": ["'{{a,b},{c,d}}'", "'{NULL}'", "'{a,NULL}'", "'[0:1]={a,b}'", "'{{NULL}}'"],
    "click_days_of_week": ["'{{1},{2}}'", "'{NULL}'", "'{1,NULL}'", "'[0:0]={3}'", "'{7}'"],
}
OUTSIDE = [
    "'-infinity'",
    "'12000-01-01'",
    pytest.param("'infinity'", marks=pytest.mark.slow),
    pytest.param("'0044-03-15 BC'", marks=pytest.mark.slow),
]
INSTANTS = ("calculated_at", "created_at", "updated_at")


@pytest.fixture
def two(copy_of: CopyOf) -> Database:
    """Two applications with their rows."""
    return copy_of(computed)


def computed(database: Database) -> None:
    database.load(TWO)
    run_all(database.settings())


def spoil(database: Database, column: str, value: str) -> None:
    database.execute(
        f"update link_click_analytics set {column} = {value} where application_id = %s", (A,)
    )


def left_out(database: Database) -> None:
    """Every answer is given, without the row of A."""
    for file_format in WRITE:
        assert export(database.settings(), Filters(), BytesIO(), file_format) == (1, 1)
    assert export(database.settings(), Filters(min_intent=101), BytesIO(), "csv") == (0, 0)
    seen = overview(database.settings())
    assert (seen.totals["stored"], seen.totals["rows_left_out"]) == (1, 1)
    assert [row["application_id"] for row in seen.top] == [B]
    states = [one.stored.state for one in explain_named(database.settings(), [A, B])[0]]
    assert states == ["foreign", "current"]
    assert {one.application_id for one in verify(database.settings()).differences} == {A}
    assert dry_run(database.settings()).report.updated == 1


QUICK = {"time_between_first_last_click", "engagement_velocity"}


@pytest.mark.parametrize(
    "column",
    [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in FOREIGN],
)
def test_runs_replace_it(two: Database, column: str) -> None:
    for value in FOREIGN[column]:
        spoil(two, column, value)
        left_out(two)
        assert run_all(two.settings()).updated == 1
        assert stored(two) == reference(two)
        spoil(two, column, value)
        run_named(two.settings(), [A])
        assert stored(two) == reference(two)


def test_endless_intervals(two: Database) -> None:
    if two.server_version < 170_000:
        pytest.skip("PostgreSQL has them since 17")
    for value in ("'infinity'", "'-infinity'"):
        spoil(two, "time_to_first_click", value)
        left_out(two)
        run_all(two.settings())
        assert stored(two) == reference(two)


def test_intervals_in_years(two: Database) -> None:
    """A year of an interval is 360 days: in that form, too, it is the time that a run stores."""
    two.execute("update job_applications set created_at = created_at - interval '800 days'")
    run_all(two.settings())
    before = overview(two.settings())
    two.execute(
        "update link_click_analytics"
        " set time_to_first_click = justify_interval(time_to_first_click)"
    )
    assert run_all(two.settings()).unchanged == 2
    assert verify(two.settings()).differences == []
    file = BytesIO()
    export(two.settings(), Filters(), file, "ndjson")
    for line in file.getvalue().splitlines():
        assert json.loads(line)["time_to_first_click"] == "19201:00:00.000000"
    assert overview(two.settings()).readings == before.readings
    [one], _ = explain_named(two.settings(), [A])
    assert one.stored.state == "current"


@pytest.mark.parametrize("value", OUTSIDE)
def test_instants_that_cannot_be_read_are_null(two: Database, value: str) -> None:
    """A run compares values, not instants, so it never replaces such a row: if the row were left
    out, it would stay out for ever."""
    for column in INSTANTS:
        spoil(two, column, value)
    for file_format in WRITE:
        assert export(two.settings(), Filters(), BytesIO(), file_format) == (2, 0)
    assert overview(two.settings(), [], []).totals["rows_left_out"] == 0
    [one], _ = explain_named(two.settings(), [A])
    assert one.stored.state == "current"
    assert verify(two.settings()).differences == []
    assert dry_run(two.settings()).report.unchanged == 2
    assert run_all(two.settings()).unchanged == 2
    run_named(two.settings(), [A])


READERS = [
    "report",
    "report --html -",
    "followups --within 36500d --all-statuses",
    "changes --since 36500d",
    f"explain {A}",
]


@pytest.mark.parametrize("value", OUTSIDE)
@pytest.mark.parametrize("command", READERS)
def test_instants_of_readings_that_cannot_be_read(two: Database, value: str, command: str) -> None:
    two.execute(
        f"""
        update link_click_readings set first_human_click = {value}, last_human_click = {value};
        insert into link_click_score_changes select application_id, gen_random_uuid(), {value},
            0, 0, 0, 5, 5, 0 from link_click_readings
        """
    )
    answer = clickstats(*command.split(), database=two)
    assert (answer.code, answer.errors) == (0, "")
    assert run_all(two.settings()).readings_written == 2
    assert stored_readings(two) == reference_readings(two)


def test_what_the_commands_say(two: Database) -> None:
    spoil(two, "hours_to_first_click", "'NaN'")
    answer = clickstats("export", "-", "--format", "csv", database=two)
    assert (answer.code, answer.errors) == (
        0,
        "left out: 1 row with values that no run writes; clickstats run --all replaces them\n",
    )
    assert answer.text.count("\n") == 2
    answer = clickstats("report", database=two)
    assert "Left out: 1 row with values that no run writes" in answer.text
    answer = clickstats("report", "--html", "-", database=two)
    assert "Left out: 1 row with values that no run writes" in answer.text
    answer = clickstats("report", "--format", "json", database=two)
    assert json.loads(answer.text)["totals"]["rows_left_out"] == 1
    answer = clickstats("explain", A, database=two)
    assert "stored row: holds values that no run writes; `clickstats run` replaces" in answer.text
    answer = clickstats("verify", "--app-id", A, database=two)
    assert answer.code == 6


def test_only_such_rows(two: Database) -> None:
    two.execute("update link_click_analytics set hours_to_first_click = 'NaN'")
    seen = overview(two.settings())
    assert (seen.totals["stored"], seen.totals["rows_left_out"], seen.top) == (0, 2, [])
    answer = clickstats("report", database=two)
    assert answer.code == 0, answer.errors
    assert "Left out: 2 rows with values that no run writes" in answer.text


def test_the_indexes_still_serve(two: Database) -> None:
    """Rows that are asked for by id, and pages of rows, are found by the index on
    application_id."""
    parameters: dict[str, object] = {
        "application_ids": [A], "after": None, "min_engagement": None, "min_intent": None,
        "since": None, "row_limit": 100,
    }  # fmt: skip
    asked = [parameters, parameters | {"application_ids": None, "after": A}]
    for some in asked:
        plan = two.execute(
            "set local enable_seqscan = off; set local enable_bitmapscan = off; explain "
            + over_plain_rows("stored_rows"),
            some,
        )
        text = "\n".join(line for (line,) in plan)
        assert "Index Cond" in text.split("Filter")[0], text
        assert "CTE" not in text
