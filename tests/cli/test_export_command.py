"""`clickstats export` as a user sees it."""

from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from tests.commands import as_process, clickstats
from tests.databases import Database


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.NDJSON"])
def test_the_ending_says_the_format(sampled: Database, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    answer = clickstats("export", str(path), database=sampled)
    assert (answer.code, answer.output) == (0, b"")
    assert "2,000 rows" in answer.errors
    match path.suffix.lower():
        case ".parquet":
            rows = pl.read_parquet(path)
        case ".csv":
            rows = pl.read_csv(path)
        case _:
            rows = pl.read_ndjson(path)
    assert rows.height == 2_000
    assert list(tmp_path.iterdir()) == [path]


def test_standard_output(sampled: Database) -> None:
    answer = as_process("export", "-", "--format", "parquet", database=sampled)
    assert (answer.code, answer.errors) == (0, "")
    assert pl.read_parquet(BytesIO(answer.output)).height == 2_000


def test_filters(sampled: Database) -> None:
    filters = ("--min-engagement", "50", "--min-intent", "80", "--since", "2020-01-01T00:00+01:00")
    answer = clickstats("export", "-", "--format", "csv", *filters, database=sampled)
    [(expected,)] = sampled.execute(
        "select count(*) from link_click_analytics"
        " where engagement_score >= 50 and intent_score >= 80"
    )
    assert len(answer.text.splitlines()) == expected + 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-"], "cannot tell the format of '-'"),
        (["rows.xlsx"], "cannot tell the format of 'rows.xlsx'"),
        (["rows.csv", "--since", "yesterday"], "'yesterday' is no time"),
        (["rows.csv", "--since", "0001-01-01T00:00+14:00"], "is no time"),
        (["rows.csv", "--min-intent", "101"], "'--min-intent'"),
        (["/nowhere/rows.csv"], "cannot write /nowhere/rows.csv"),
    ],
)
def test_wrong_usage(sampled: Database, arguments: list[str], said: str) -> None:
    answer = clickstats("export", *arguments, database=sampled)
    assert answer.code == 2
    assert said in answer.errors
    assert len(answer.errors.splitlines()) == 1


def test_a_database_that_fails_leaves_no_file(database: Database, tmp_path: Path) -> None:
    database.execute("drop table link_click_analytics cascade")
    answer = clickstats("export", str(tmp_path / "rows.csv"), database=database)
    assert answer.code == 5
    assert list(tmp_path.iterdir()) == []
