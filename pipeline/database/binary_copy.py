"""Frames in PostgreSQL's binary format of COPY (manual, COPY, Binary Format)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO
from struct import Struct
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

if TYPE_CHECKING:
    from nanoarrow.c_array_stream import CArrayStream

INTERVAL = Struct(">qii")  # microseconds, days, months: interval_send
DAY = timedelta(days=1)
ROWS_PER_BATCH = 5_000  # in Arrow they take several times the memory


def encoded(rows: pl.DataFrame, uuids: Sequence[str]) -> BytesIO:
    """The rows as COPY reads them in binary format; the columns `uuids`, where there are, hold
    UUIDs as text. Half the work of COPY's text for the server, for which a run that writes waits.
    """
    from pgpq import ArrowToPostgresBinaryEncoder

    encoder = ArrowToPostgresBinaryEncoder(_arrow(rows.clear(), uuids).get_schema())
    file = BytesIO()
    file.write(encoder.write_header())
    for part in rows.iter_slices(ROWS_PER_BATCH):
        for batch in _arrow(part, uuids):
            file.write(encoder.write_batch(batch))
    file.write(encoder.finish())
    file.seek(0)
    return file


def intervals(spans: pl.Series) -> pl.Series:
    """The spans in the binary form of intervals, with days apart from hours, as the subtraction of
    two timestamps gives them."""
    days = spans.dt.total_days()
    times = (spans - days * DAY).to_physical()
    parts = zip(times, days, strict=True)
    packed = [None if day is None else INTERVAL.pack(time, day, 0) for time, day in parts]
    return pl.Series(spans.name, packed, dtype=pl.Binary)


def _arrow(rows: pl.DataFrame, uuids: Sequence[str]) -> CArrayStream:
    """The rows as Arrow, in types that have a binary form in PostgreSQL."""
    from nanoarrow import c_array_stream, ipc  # pyarrow takes ten times as long to import

    stream = BytesIO()
    rows.with_columns(
        cs.by_name(*uuids, require_all=False).str.replace_all("-", "").str.decode("hex"),
        *(
            pl.col(name).cast(pl.List(pl.String))
            for name, dtype in rows.schema.items()
            if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Enum)
        ),
    ).write_ipc_stream(stream, compat_level=pl.CompatLevel.oldest())
    stream.seek(0)
    return c_array_stream(ipc.InputStream.from_readable(stream))
