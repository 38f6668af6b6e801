"""The stored rows as a file for other programs: Parquet, CSV or NDJSON.

Owns the encoding of each format (docs/export.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO, TYPE_CHECKING

import polars as pl

from pipeline.answers.stored_rows import SPANS, Filters, count_stored, stored_pages, with_lists
from pipeline.rewrites import read_steadily
from pipeline.settings import Settings
from schema.columns import INSTANT

if TYPE_CHECKING:
    from pipeline.database.connection import Connection


def export(
    settings: Settings, filters: Filters, file: IO[bytes], file_format: str
) -> tuple[int, int]:
    """Write the rows that pass the filters, by application_id; returns how many there are, and how
    many are left out for values that no run writes."""

    def read(connection: Connection) -> tuple[int, int]:
        heights: list[int] = []

        def pages() -> Iterator[pl.DataFrame]:
            for page in stored_pages(connection, filters, settings.sizes.rows):
                heights.append(page.height)
                yield page

        WRITE[file_format](pages(), file)
        return sum(heights), count_stored(connection, filters) - sum(heights)

    return read_steadily(settings, read, attempts=1)  # what is written cannot be taken back


def _write_parquet(pages: Iterable[pl.DataFrame], file: IO[bytes]) -> None:
    from pyarrow.parquet import ParquetWriter

    tables = (
        with_lists(page).with_columns(pl.col(INSTANT).dt.replace_time_zone("UTC")).to_arrow()
        for page in pages
    )
    first = next(tables)
    with ParquetWriter(file, first.schema, compression="zstd") as writer:
        for table in chain([first], tables):
            writer.write_table(table)


def _write_csv(pages: Iterable[pl.DataFrame], file: IO[bytes]) -> None:
    for number, page in enumerate(pages):
        file.write(_as_text(page).write_csv(include_header=number == 0).encode())


def _write_ndjson(pages: Iterable[pl.DataFrame], file: IO[bytes]) -> None:
    for page in pages:
        # at most ten digits: a float holds each of them
        numbers = pl.col(pl.Decimal).cast(pl.Float64)
        file.write(_as_text(with_lists(page)).with_columns(numbers).write_ndjson().encode())


WRITE = {"parquet": _write_parquet, "csv": _write_csv, "ndjson": _write_ndjson}


def _as_text(page: pl.DataFrame) -> pl.DataFrame:
    """Instants and spans as text: 2024-03-04T12:30:00.000000Z and -746:03:04.567000."""
    return page.with_columns(
        pl.col(INSTANT).dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ"),
        *(_hours_minutes_seconds(pl.col(name)).alias(name) for name in SPANS),
    )


def _hours_minutes_seconds(span: pl.Expr) -> pl.Expr:
    microseconds = span.to_physical().abs()
    digits = [
        (microseconds // 3_600_000_000).cast(pl.String).str.zfill(2),
        (microseconds // 60_000_000 % 60).cast(pl.String).str.zfill(2),
        (microseconds // 1_000_000 % 60).cast(pl.String).str.zfill(2),
        (microseconds % 1_000_000).cast(pl.String).str.zfill(6),
    ]
    sign = pl.when(span.to_physical() < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.format("{}{}:{}:{}.{}", sign, *digits)
