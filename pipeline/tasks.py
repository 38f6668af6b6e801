"""What the tasks of a cluster do, whatever cluster it is: read parts of tables through the run's
snapshot, and compute partitions by the functions that do it on one machine. Rows come and go as
Arrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa

from pipeline import __version__
from pipeline.database.exported import Exported
from pipeline.database.transport import SnapshotReader
from pipeline.definition import Definition
from pipeline.errors import ConfigurationError
from pipeline.extract import Extracted
from pipeline.run_report import RunReport, no_advance
from pipeline.scoring.attribution import attributed, index
from pipeline.scoring.scores import rules_fingerprint
from pipeline.slices import Computation, Work
from pipeline.source_columns import SourceColumns
from pipeline.source_rows import in_key_order, index_of, of_applications, spelled
from pipeline.target import Target
from schema.columns import APPLICATIONS, CLICKS, INSTANT, LINKS

TYPES = {"string": pa.string(), "bigint": pa.int64(), "int": pa.int32(), "binary": pa.binary()}
# what executors send of a row of each table
SENT = {
    "applications": {
        "application_id": "string",
        "application_key_1": "bigint",
        "application_key_2": "bigint",
        "job_id": "string",
        "created_at": "bigint",
    },
    "links": {
        "link_key_1": "bigint",
        "application_key_1": "bigint",
        "keys_2": "bigint",
        "link_function": "string",
    },
    "clicks": {
        "link_key_1": "bigint",
        "packed": "bigint",
    },
}
SCHEMAS = {"applications": APPLICATIONS, "links": LINKS, "clicks": CLICKS}
APPLICATION_KEY = ["application_key_1", "application_key_2"]
ROWS_PER_BATCH = 20_000
RANGE = {"range": "int"}
RESULT = {"frame": "binary", "found": "binary"}  # either
# of slices; missed_by_capture may be None
COUNTS = (
    "unchanged", "frozen", "with_fewer_clicks", "missed_by_capture", "deleted", "readings_deleted",
)  # fmt: skip

Batches = Iterator[pa.RecordBatch]


class Found(msgspec.Struct):
    """What the slices of a partition have shown."""

    counts: dict[str, int]
    seconds: dict[str, float]
    classes: dict[str, int]
    orphans: int
    readings: int
    odd: dict[tuple[str, str], int]
    decided: dict[str, int]
    first_clicks: dict[int, int]
    height: int  # of the frames

    @staticmethod
    def read(message: bytes) -> Found:
        """What a task has sent."""
        return msgspec.msgpack.decode(message, type=Found)


@dataclass(frozen=True)
class Greeting:
    """Sees whether the worker has the driver's program."""

    made_by: str  # which program has made the task

    def __call__(self, batches: Batches) -> Batches:
        self.check()
        for _ in batches:
            yield result(found=self.made_by.encode())

    def check(self) -> None:
        """Raise `ConfigurationError` when the worker has another program."""
        if self.made_by != this_program():
            raise ConfigurationError(
                f"a worker has {this_program()}, the driver has {self.made_by}; install the same "
                "version on both"
            )


@dataclass(frozen=True)
class Task(Greeting):
    """What all tasks that read have in common."""

    at: Exported

    @contextmanager
    def reading(self) -> Iterator[SnapshotReader]:
        """A reader of the run's snapshot."""
        self.check()
        with self.at.adopted() as snapshot:
            yield SnapshotReader(snapshot, self.at.settings, bulk=True)


def this_program() -> str:
    """The version, and whether its rules are others."""
    return f"clickstats {__version__} with rules {rules_fingerprint()}"


@dataclass(frozen=True)
class Reading(Task):
    """Reads the parts of a table whose numbers it is given; with `bounds`, those of
    job_applications, each with the range of ids in which it lies."""

    table: str
    texts: Sequence[str]
    as_arrays: bool
    bounds: pl.Series | None = None

    @property
    def columns(self) -> dict[str, str]:
        """What it sends."""
        return SENT[self.table] if self.bounds is None else SENT[self.table] | RANGE

    def __call__(self, numbers: Batches) -> Batches:
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                with self.reading() as reader:
                    texts = [self.texts[number]]
                    [frame] = reader.frames(texts, SCHEMAS[self.table], as_arrays=self.as_arrays)
                if self.bounds is not None:
                    ids = frame["application_id"]
                    found = self.bounds.search_sorted(ids, side="right")
                    frame = frame.with_columns(range=pl.when(ids.is_not_null()).then(found))
                yield from in_batches(frame, self.columns)


@dataclass(frozen=True)
class Computing(Task):
    """Does the work on the applications, links and clicks of each partition."""

    work: Work
    ids: Sequence[tuple[str, str]]  # of each partition
    definition: Definition
    columns: SourceColumns
    target_is_empty: bool
    named: pl.Series | None  # by change capture
    run: tuple[str, datetime, str, str]  # with which its report begins

    def __call__(self, batches: Batches) -> Batches:
        part, applications, links, clicks = taken_apart(batches)
        with self.reading() as reader:
            applications = in_key_order(applications, reader.snapshot.connection)
            links = spelled(of_applications(links, index_of(applications)), self.definition)
            first_id, last_id = self.ids[part]
            computation = Computation(
                target=Target(reader, self.columns.types, known_empty=self.target_is_empty),
                extracted=Extracted(
                    applications.drop(APPLICATION_KEY).with_row_index("application"),
                    links.drop("link_key"),
                    attributed(clicks, index(links["link_key"])),
                    0,
                    0,
                    0,
                    self.columns,
                    self.at.settings.sizes.applications,
                    first_id=first_id,
                    last_id=last_id,
                ),
                report=RunReport(*self.run),
                definition=self.definition,
                named=self.named,
            )
            del applications, links, clicks
            height = 0
            for frame in self.work(computation):
                yield result(frame=packed(frame))
                height += frame.height
            yield result(found=msgspec.msgpack.encode(found_by(computation, height)))


def result(**column: bytes) -> pa.RecordBatch:
    """One row with this column."""
    return pa.RecordBatch.from_pylist([column], types(RESULT))


def frames_of(rows: Iterable[Any]) -> list[bytes]:
    """The frames of the rows of a partition."""
    return [row.frame for row in rows]


def taken_apart(
    batches: Batches,
) -> tuple[int, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The number of a partition and its rows of each table."""
    # what only rows of this table have
    of = {"applications": "application_id", "links": "keys_2", "clicks": "packed"}
    parts: set[int] = set()
    found = {name: [pl.DataFrame(types(SENT[name]).empty_table())] for name in of}
    for batch in batches:
        frame = pl.DataFrame(batch)
        parts.update(frame["part"].unique())
        for name, mark in of.items():
            rows = frame.filter(pl.col(mark).is_not_null()).select(*SENT[name])
            if not rows.is_empty():
                found[name].append(rows)
    [part] = parts
    applications, links, clicks = (pl.concat(found[name], rechunk=True) for name in of)
    return (
        part,
        applications.with_columns(pl.col("created_at").cast(INSTANT)),
        links,
        clicks,
    )


def found_by(computation: Computation, height: int) -> Found:
    """What the slices of a computation have shown."""
    report = computation.report
    return Found(
        {name: count for name in COUNTS if (count := getattr(report, name)) is not None},
        report.seconds,
        report.clicks_by_class,
        computation.orphans,
        computation.readings,
        dict(computation.odd),
        dict(computation.decided),
        dict(computation.first_clicks),
        height,
    )


@dataclass(frozen=True)
class Differing:
    """Finds the rows that a run writes; with texts in place of Enums, which differ by partition."""

    every: bool

    def __call__(self, computation: Computation) -> Iterator[pl.DataFrame]:
        for rows in computation.rows_that_differ(no_advance, every=self.every):
            if not rows.is_empty():
                yield rows.with_columns(pl.col("click_sequence").cast(pl.List(pl.String)))


def in_batches(frame: pl.DataFrame, columns: Mapping[str, str]) -> Batches:
    """A frame as Spark takes it: it knows no large types."""
    physical = frame.select(pl.col(name).to_physical() for name in columns)
    yield from physical.to_arrow().cast(types(columns)).to_batches(ROWS_PER_BATCH)


def types(columns: Mapping[str, str]) -> pa.Schema:
    """Columns as Arrow declares them."""
    return pa.schema([(name, TYPES[kind]) for name, kind in columns.items()])


def packed(frame: pl.DataFrame) -> bytes:
    """A frame as bytes."""
    stream = BytesIO()
    frame.write_ipc_stream(stream, compression="zstd")
    return stream.getvalue()
