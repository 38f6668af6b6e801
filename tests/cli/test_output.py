"""What the command prints, and where: data to standard output, the rest to standard error."""

import json
import resource
from typing import Any

import pytest

from schema.columns import ANALYTICS
from tests.commands import Answer, as_process, clickstats
from tests.databases import Database
from tests.drawings import named
from tests.engines import reference, stored

KEEN, EARLY, SILENT = (str(named(name)) for name in ("keen", "early", "silent"))
# SPEC promises these keys from the first day
PROMISED = {
    "schema_version", "run_id", "snapshot_at", "timezone", "applications", "inserted", "updated",
    "unchanged", "pending", "clicks_read", "clicks_used", "clicks_unusable", "clicks_unattributed",
    "seconds",
}  # fmt: skip


def printed(database: Database, *arguments: str, **environment: str) -> Any:
    """The JSON of a command that succeeds."""
    return parsed(clickstats(*arguments, "--format", "json", database=database, **environment))


def parsed(answer: Answer) -> Any:
    assert answer.code == 0, answer.errors
    return json.loads(answer.text)


def test_a_whole_run_in_json(filled: Database) -> None:
    report = printed(filled, "run", "--all")
    assert report.keys() >= PROMISED
    assert report["schema_version"] == 1
    assert report["timezone"] == "UTC"
    assert report["snapshot_at"].endswith("Z")
    assert report["seconds"].keys() >= {"read", "compute", "write", "total"}
    assert all(seconds >= 0 for seconds in report["seconds"].values())
    counts = ("applications", "inserted", "updated", "unchanged", "pending")
    assert [report[name] for name in counts] == [3, 3, 0, 0, 0]
    clicks = ("clicks_read", "clicks_used", "clicks_unusable", "clicks_unattributed")
    assert [report[name] for name in clicks] == [5, 3, 1, 1]
    assert stored(filled) == reference(filled)


def test_a_whole_run_for_people(filled: Database) -> None:
    answer = clickstats("run", "--all", database=filled)
    assert answer.code == 0
    assert "unattributed" in answer.text
    assert "snapshot" in answer.text
    assert "snapshot" not in answer.errors
    assert "INFO" in answer.errors
    assert "INFO" not in clickstats("run", "--all", "--quiet", database=filled).errors


def test_verbose_says_each_step(filled: Database) -> None:
    """Who is connected to what, which locks, which snapshot, how it is read, what is written."""
    answer = clickstats("run", "--all", "--verbose", database=filled)
    assert answer.code == 0
    [(version, role)] = filled.execute("select current_setting('server_version'), current_user")
    for said in (
        f"of PostgreSQL {version} at ",
        f"database {filled.name}, as {role}, with",
        "ledger row",
        "run lock taken",
        "gate held alone",
        "snapshot ",
        "reading through ConnectorX",
        "3 applications, 3 links of theirs and 5 clicks read",
        "3 rows staged",
        "0 rows updated, 3 inserted",
        "committed",
    ):
        assert said in answer.errors
    assert "DEBUG" not in clickstats("run", "--all", database=filled).errors
    answer = clickstats("run", "--app-id", KEEN, "-v", database=filled)
    assert "reading all by COPY, over one connection: few rows are wanted" in answer.errors


def test_a_limited_run_says_what_is_pending(filled: Database) -> None:
    report = printed(filled, "run", "--all", "--limit", "1")
    assert (report["inserted"], report["pending"]) == (1, 2)
    assert len(stored(filled)) == 1
    report = printed(filled, "run", "--all", "--full")
    assert (report["inserted"], report["updated"], report["pending"]) == (2, 1, 0)


def test_named_applications_in_json(filled: Database) -> None:
    """An array, in the order given, each once, whatever the form of the id."""
    rows = printed(
        filled, "run",
        "--app-id", SILENT.upper(),
        "--app-id", KEEN.replace("-", ""),
        "--app-id", SILENT,
        "--app-id", EARLY,
        "--app-id", KEEN,
    )  # fmt: skip
    assert [row["application_id"] for row in rows] == [SILENT, KEEN, EARLY]
    assert all(row.keys() == {"schema_version", *ANALYTICS, "readings"} for row in rows)
    silent, keen, early = rows
    assert keen.pop("readings")["human_clicks"] == 2
    assert keen == {
        "schema_version": 1,
        "application_id": KEEN,
        "job_id": str(named("J")),
        "time_to_first_click": "P0DT1H0M0S",
        "hours_to_first_click": 1,
        "time_between_first_last_click": "P5DT0H0M0.5S",
        "hours_between_first_last_click": 120,
        "click_sequence": ["LinkedIn", "Calendly"],
        "unique_functions_clicked": 2,
        "total_click_events": 2,
        "peak_click_hour": 10,
        "click_days_of_week": [1, 6],
        "engagement_velocity": 0.4,
        "engagement_score": 100,
        "intent_score": 90,
    }
    assert early["time_to_first_click"] == "-P3DT1H30M0S"
    assert early["hours_to_first_click"] == -73.5
    assert silent["time_to_first_click"] is None
    assert silent["click_sequence"] == silent["click_days_of_week"] == []
    assert stored(filled) == reference(filled)


def test_one_named_application_is_an_array_too(filled: Database) -> None:
    assert len(printed(filled, "run", "--app-id", KEEN)) == 1


def test_named_applications_for_people(filled: Database) -> None:
    answer = clickstats("run", "--app-id", SILENT, "--app-id", KEEN, database=filled)
    assert answer.code == 0
    assert answer.text.index(SILENT) < answer.text.index(KEEN)
    assert "LinkedIn, Calendly" in answer.text
    assert "intent_score" in answer.text


def test_text_of_any_kind_is_printed_as_it_is(filled: Database) -> None:
    name = "[bold]é\\\n\"'😀[/]"
    filled.execute("update link_tracking set link_function = %s where tracking_id = 'k1'", (name,))
    [row] = printed(filled, "run", "--app-id", KEEN)
    assert row["click_sequence"] == [name, "Calendly"]
    answer = clickstats("run", "--app-id", KEEN, database=filled)
    assert "[bold]é" in answer.text
    assert "😀[/]" in answer.text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_output_that_is_not_utf_8(filled: Database, encoding: str) -> None:
    """JSON loses nothing; people see a question mark."""
    name = "é 😀"
    filled.execute("update link_tracking set link_function = %s where tracking_id = 'k1'", (name,))
    command = ("run", "--app-id", KEEN, "--format", "json")
    [row] = parsed(as_process(*command, database=filled, PYTHONIOENCODING=encoding))
    assert row["click_sequence"] == [name, "Calendly"]
    answer = as_process("explain", KEEN, database=filled, PYTHONIOENCODING=encoding)
    assert answer.code == 0, answer.errors
    assert " ? " in answer.output.decode(encoding)


@pytest.mark.parametrize("how", ["environment", "options"])
def test_zone_and_schema_come_from_the_environment_or_the_options(
    filled: Database, how: str
) -> None:
    """An option wins over the environment."""
    filled.execute(
        "update link_clicks set clicked_at = '2024-03-08 18:30' where tracking_id = 'k2'"
    )
    if how == "environment":
        report = printed(
            filled, "run", "--all", CLICKSTATS_TIMEZONE="Asia/Kolkata", CLICKSTATS_SCHEMA="public"
        )
    else:
        report = printed(
            filled, "run", "--all", "--timezone", "Asia/Kolkata", "--schema", "public",
            CLICKSTATS_TIMEZONE="Mars/Olympus", CLICKSTATS_SCHEMA="nowhere",
        )  # fmt: skip
    assert report["timezone"] == "Asia/Kolkata"
    assert stored(filled) == reference(filled, "Asia/Kolkata") != reference(filled)


def test_the_database_may_be_an_option(filled: Database) -> None:
    nowhere = "postgresql://nowhere.invalid/db"
    answer = clickstats("run", "--all", "--database-url", filled.url, database=nowhere)
    assert answer.code == 0, answer.errors
    assert stored(filled) == reference(filled)


def test_every_connection_is_named_after_the_run(filled: Database) -> None:
    """Those that read, which see their own name in what they read, and those that write."""
    filled.execute(
        """
        create table names (name text);
        alter table link_tracking rename to links;
        create view link_tracking as select tracking_id, application_id,
            current_setting('application_name') as link_function from links;
        create function note() returns trigger language plpgsql as $$ begin
            insert into names values (current_setting('application_name')); return new; end $$;
        create trigger note before insert on link_click_analytics
            for each statement execute function note();
        create trigger note before insert or update on clickstats_runs
            for each statement execute function note();
        """
    )
    report = printed(filled, "run", "--all")
    name = f"clickstats/{report['run_id']}"
    assert set(stored(filled)[named("keen")].click_sequence) == {name}
    assert set(filled.execute("select name from names")) == {(name,)}


def test_help_answers_at_once() -> None:
    """The target is 0.4 s; of the processor, so that other tests beside it cost it little."""

    def processor_seconds() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def seconds() -> float:
        before = processor_seconds()
        answer = as_process("--help")
        assert answer.code == 0
        assert "migrate" in answer.text
        return processor_seconds() - before

    assert 0 < min(seconds() for _ in range(3)) < 1
