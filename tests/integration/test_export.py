"""Exported files hold the stored rows, in the forms that docs/export.md promises."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet
import pytest

from pipeline.answers.export import export
from pipeline.answers.stored_rows import Filters
from pipeline.answers.whole_file import whole_file
from pipeline.errors import ConfigurationError
from pipeline.run import run_all, run_named
from pipeline.run_steps import Step
from pipeline.settings import Sizes
from schema.columns import STORED
from tests.databases import CopyOf, Database
from tests.drawings import named
from tests.oracle import Application, Click, Link, World
from tests.strategies import HOSTILE

Row = dict[str, Any]
SPANS = {"time_to_first_click", "time_between_first_last_click"}
EVERYTHING = Filters()
INSTANTS = {"calculated_at", "created_at", "updated_at"}


def exported(database: Database, file_format: str, filters: Filters = EVERYTHING) -> bytes:
    file = BytesIO()
    rows, left_out = export(database.settings(), filters, file, file_format)
    assert left_out == 0
    assert rows == len(READ[file_format](file.getvalue()))
    return file.getvalue()


def rows(database: Database, condition: str = "true") -> list[Row]:
    """What SQL says should be exported."""
    found = database.execute(
        f"select {', '.join(STORED)} from link_click_analytics"
        f" where application_id is not null and {condition} order by application_id"
    )
    return [dict(zip(STORED, row, strict=True)) for row in found]


def read_parquet(file: bytes) -> list[Row]:
    read = pl.read_parquet(file).with_columns(pl.col(*INSTANTS).dt.replace_time_zone(None))
    assert read.schema == STORED
    return read.to_dicts()


def read_csv(file: bytes) -> list[Row]:
    return [
        {name: parsed(name, text) if text else None for name, text in row.items()}
        for row in csv.DictReader(StringIO(file.decode(), newline=""))
    ]


def read_ndjson(file: bytes) -> list[Row]:
    return [
        {name: parsed(name, value) for name, value in json.loads(line, parse_float=Decimal).items()}
        for line in file.decode().split("\n")[:-1]
    ]


def parsed(name: str, value: Any) -> Any:
    """A value of a text format in its own type."""
    if value is None:
        return None
    if name in INSTANTS:
        assert value.endswith("Z")
        return datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
    if name in SPANS:
        hours, minutes, seconds = value.removeprefix("-").split(":")
        span = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
        return -span if value.startswith("-") else span
    match STORED[name]:
        case pl.List():
            value = value if isinstance(value, list) else json.loads(value)
        case pl.Decimal(scale=scale):
            value = Decimal(value).quantize(Decimal(10) ** -scale)
        case pl.Int32():
            value = int(value)
    return value


READ: dict[str, Callable[[bytes], list[Row]]] = {
    "parquet": read_parquet,
    "csv": read_csv,
    "ndjson": read_ndjson,
}
formats = pytest.mark.parametrize("file_format", READ)


@pytest.fixture
def hostile(copy_of: CopyOf) -> Database:
    return copy_of(made_hostile)


def made_hostile(database: Database) -> None:
    """One application for each hostile link function, one without clicks, one clicked before."""
    created_at = datetime(2024, 3, 4, 9)
    functions = dict(enumerate([*HOSTILE, "<script>alert(1)</script>", "=1+1", "é\u2028"]))
    database.load(
        World(
            jobs=frozenset(),
            applications=(
                Application(named("silent"), None, created_at),
                *(Application(named(str(at)), None, created_at) for at in functions),
            ),
            links=tuple(Link(str(at), named(str(at)), name) for at, name in functions.items()),
            clicks=tuple(
                Click(str(at), created_at + timedelta(days=at - 3, microseconds=at))
                for at in functions
                for _ in range(2)
            ),
        )
    )
    run_all(database.settings())


@formats
def test_every_row_of_the_sample(sampled: Database, file_format: str) -> None:
    found = READ[file_format](exported(sampled, file_format))
    assert found == rows(sampled)
    assert len(found) == 2_000


@formats
def test_hostile_text_survives(hostile: Database, file_format: str) -> None:
    assert READ[file_format](exported(hostile, file_format)) == rows(hostile)


@formats
def test_pages_join_without_a_seam(sampled: Database, file_format: str) -> None:
    whole = READ[file_format](exported(sampled, file_format))
    for rows in (1_000, 999):
        file = BytesIO()
        export(sampled.settings(sizes=Sizes(rows=rows)), Filters(), file, file_format)
        assert READ[file_format](file.getvalue()) == whole


@formats
def test_no_rows(database: Database, file_format: str) -> None:
    assert READ[file_format](exported(database, file_format)) == []


@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        (Filters(min_engagement=60), "engagement_score >= 60"),
        (Filters(min_intent=100), "intent_score >= 100"),
        (
            Filters(min_engagement=60, min_intent=50),
            "engagement_score >= 60 and intent_score >= 50",
        ),
    ],
)
def test_score_filters(sampled: Database, filters: Filters, condition: str) -> None:
    expected = rows(sampled, condition)
    assert 0 < len(expected) < 2_000
    assert read_parquet(exported(sampled, "parquet", filters)) == expected


def test_since_is_inclusive_and_exact(hostile: Database) -> None:
    hostile.execute("update link_click_analytics set updated_at = '2024-03-04 12:00'")
    moved = str(named("silent"))
    hostile.execute(
        "update link_click_analytics set updated_at = '2024-03-04 12:00:00.000001'"
        " where application_id = %s",
        [moved],
    )
    just_after = Filters(since=datetime(2024, 3, 4, 12, 0, 0, 1))
    found = read_csv(exported(hostile, "csv", just_after))
    assert [row["application_id"] for row in found] == [moved]
    at = Filters(since=datetime(2024, 3, 4, 12))
    assert len(read_csv(exported(hostile, "csv", at))) == len(rows(hostile))


def test_a_run_that_was_overtaken_is_in_time_for_those_who_go_back(database: Database) -> None:
    """A `run --all` commits rows of its own snapshot, after others have seen later ones."""
    early, late = (str(named(name)) for name in "AB")
    database.execute("insert into job_applications (id) values (%s), (%s)", [early, late])
    run_all(database.settings())
    database.execute(
        "insert into link_tracking values ('a', %s, 'Resume'), ('b', %s, 'Resume');"
        "insert into link_clicks (tracking_id, clicked_at) values ('a', now()), ('b', now())",
        [early, late],
    )
    seen: list[datetime] = []

    def overtake(step: Step) -> None:
        if step == "write":
            run_named(database.settings(), [late])
            seen.extend(row["updated_at"] for row in read_parquet(exported(database, "parquet")))

    run_all(database.settings(), before=overtake)

    def since(instant: datetime) -> set[str]:
        found = read_parquet(exported(database, "parquet", Filters(since=instant)))
        return {row["application_id"] for row in found}

    assert since(max(seen)) == {late}
    assert since(max(seen) - timedelta(hours=1)) == {early, late}


def test_rows_of_another_program(database: Database) -> None:
    """Rows without an application are left out; nulls stay null."""
    database.execute("insert into job_applications (id) values (%s)", [str(named("A"))])
    database.execute(
        "insert into link_click_analytics (application_id, click_sequence, engagement_score)"
        " values (null, '{x}', 5), (%s, array['a'], null)",
        [str(named("A"))],
    )
    for file_format, read in READ.items():
        [row] = read(exported(database, file_format))
        assert row["application_id"] == str(named("A"))
        assert row["click_sequence"] == ["a"]
        assert row["engagement_score"] is row["click_days_of_week"] is row["job_id"] is None


def test_parquet_types_are_those_of_its_usual_readers(sampled: Database) -> None:
    schema = pyarrow.parquet.read_schema(BytesIO(exported(sampled, "parquet")))
    assert str(schema.field("time_to_first_click").type) == "duration[us]"
    assert str(schema.field("hours_to_first_click").type) == "decimal128(10, 2)"
    assert str(schema.field("click_days_of_week").type.value_type) == "int32"
    assert str(schema.field("updated_at").type) == "timestamp[us, tz=UTC]"


def test_postgresql_reads_the_csv(hostile: Database) -> None:
    """Its intervals and JSON lists are cast, nothing else needs to be done."""
    expected = rows(hostile)
    file = exported(hostile, "csv")
    with hostile.connect() as own, own.cursor() as cursor:
        columns = ", ".join(f"{name} text" for name in STORED)
        cursor.execute(f"create temporary table csv ({columns})")
        cursor.copy_expert("copy csv from stdin (format csv, header)", BytesIO(file))
        cursor.execute(
            "select application_id, time_to_first_click::interval,"
            " array(select jsonb_array_elements_text(click_sequence::jsonb)),"
            " updated_at::timestamptz at time zone 'UTC' from csv order by application_id"
        )
        found = cursor.fetchall()
    own.close()
    names = ("application_id", "time_to_first_click", "click_sequence", "updated_at")
    assert found == [tuple(row[name] for name in names) for row in expected]


# --- a file is there whole or not at all -----------------------------------------------------


def test_a_file_replaces_the_old_one_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old")
    with whole_file(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old")

    def interrupted() -> None:
        with whole_file(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_keeps_pointing_to_the_file(tmp_path: Path) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    link.symlink_to(target)
    with whole_file(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("path", ["/dev/null", "/nowhere/rows.csv", "/"])
def test_what_cannot_be_a_file(path: str) -> None:
    with pytest.raises(ConfigurationError), whole_file(Path(path)):
        pytest.fail("opened")
