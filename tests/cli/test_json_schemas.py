"""What `--format json` prints is what docs/schemas says: every key described, none missing."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.commands import clickstats
from tests.databases import Database

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
UNKNOWN = "00000000-0000-0000-0000-000000000000"


def strict(schema: Any) -> Any:
    """The schema with no room for a key that it does not describe."""
    if isinstance(schema, dict):
        described = {key: strict(value) for key, value in schema.items()}
        return {"additionalProperties": False, **described} if "properties" in schema else described
    return [strict(each) for each in schema] if isinstance(schema, list) else schema


def check(name: str, output: str) -> Any:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    found = json.loads(output)
    Draft202012Validator(strict(schema)).validate(found)
    return found


def ids(database: Database) -> list[str]:
    """One with clicks, one without."""
    order = ("desc", "asc")
    return [
        database.execute(
            "select application_id from link_click_analytics"
            f" order by total_click_events {each} limit 1"
        )[0][0]
        for each in order
    ]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("run-all-dry-run", ["run", "--all", "--dry-run"]),
        ("run-all-dry-run", ["run", "--all", "--dry-run", "--timezone", "Asia/Tokyo"]),
        ("status", ["status"]),
        ("capture", ["capture", "status"]),
        ("followups", ["followups", "--within", "9999d", "--all-statuses"]),
        ("changes", ["changes", "--since", "9999d"]),
        ("verify", ["verify", "--sample", "10"]),
        ("describe", ["describe"]),
        ("describe", ["describe", "intent_score"]),
        ("describe", ["describe", "sweep"]),
        ("definition", ["definition"]),
        ("definition", ["definition", "--timezone", "Asia/Tokyo"]),
        ("report", ["report"]),
        ("predict", ["predict"]),
        ("predict", ["predict", "--landmark", "36h", "--timezone", "Asia/Tokyo"]),
    ],
)
def test_outputs(sampled: Database, name: str, arguments: list[str]) -> None:
    answer = clickstats(*arguments, "--format", "json", database=sampled)
    assert answer.code == 0, answer.errors
    assert check(name, answer.text)["schema_version"] == 1


def test_a_definition_that_is_checked(tmp_path: Path) -> None:
    """Without a database; only what the command found there is not in it."""
    file = tmp_path / "clickstats.toml"
    file.write_text('clicks = { count = "human" }\nfunctions.Calendly = ["cal.com"]\n')
    answer = clickstats("definition", "--check", str(file), "--format", "json")
    assert answer.code == 0, answer.errors
    checked = check("definition", answer.text)
    assert checked.keys().isdisjoint({"fingerprint", "changes"})
    assert checked["definition"]["functions"] == {"Calendly": ["cal.com"]}
    assert checked["sources"]["clicks.count"] == str(file)


def test_runs(database: Database) -> None:
    answer = clickstats("run", "--all", "--format", "json", database=database)
    assert answer.code == 0, answer.errors
    assert check("run-all", answer.text)["applications"] == 0


def test_explain(sampled: Database) -> None:
    named = ids(sampled)
    for zone in ("UTC", "Asia/Kathmandu"):
        answer = clickstats(
            "explain", *named, UNKNOWN, "--format", "json", "--timezone", zone, database=sampled
        )
        assert answer.code == 4
        explained = check("explain", answer.text)
        assert [one["application_id"] for one in explained] == named
        for one in explained:
            for score, steps in one["scores"].items():
                assert sum(step["points"] for step in steps) == one["metrics"][score]


def test_app_id(database: Database) -> None:
    database.execute(
        "insert into job_applications (id, created_at) values (%s, '2024-03-04')",
        ["11111111-1111-1111-1111-111111111111"],
    )
    named = ["11111111-1111-1111-1111-111111111111", UNKNOWN]
    answer = clickstats(
        "run", *(f"--app-id={each}" for each in named), "--format", "json", database=database
    )
    assert answer.code == 4
    assert [row["application_id"] for row in check("run-app-id", answer.text)] == named[:1]


def test_a_report_without_statuses_or_rows(database: Database) -> None:
    database.execute("alter table job_applications drop column application_status")
    answer = clickstats("report", "--format", "json", database=database)
    assert check("report", answer.text)["prediction"]["statuses"] is None
    answer = clickstats("predict", "--format", "json", database=database)
    assert answer.code == 0
    assert check("predict", answer.text)["verdicts"] == []


def test_a_verification_that_finds_something(database: Database) -> None:
    database.execute("insert into job_applications (id) values (%s)", [UNKNOWN])
    database.execute(
        "insert into link_click_analytics (application_id, intent_score) values (%s, 3)", [UNKNOWN]
    )
    answer = clickstats("verify", "--format", "json", database=database)
    assert answer.code == 6
    assert check("verify", answer.text)["differences"]
