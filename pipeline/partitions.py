"""Which applications a cluster computes together: those of a range of ids.

Ids are cut into many small ranges while nothing is known of their clicks; when these are counted,
neighbours are put together to partitions.
"""

import polars as pl

from pipeline.extract import FIRST_ID, LAST_ID, Source, id_ranges
from pipeline.settings import Sizes
from schema.sql import statement

# so many ranges as a partition has of them; a partition has as many applications as a slice on one
# machine, or fewer where they have more clicks than these
RANGES, CLICKS_PER_APPLICATION = 25, 10
IDS = pl.Schema({"application_id": pl.String()})


def range_bounds(source: Source) -> pl.Series:
    """The first id of each range but the first, in order; a range has so many applications."""
    each = max(1, source.sizes.applications // RANGES)
    text = source.reader.bound(statement("range_bounds"), {"per_range": each})
    return source.reader.copied_without_lock(text, IDS)["application_id"].sort()


def partitioned(ranges: pl.DataFrame, sizes: Sizes, cores: int) -> pl.DataFrame:
    """Which partition, `part`, each `range` belongs to: neighbours, until they take as long as a
    slice on one machine, or as one core's share of a small whole."""
    weight = CLICKS_PER_APPLICATION * pl.col("applications") + pl.col("read").fill_null(0)
    weights = ranges.select("range", weight=weight).sort("range")
    a_slice = sizes.applications * CLICKS_PER_APPLICATION * 2
    each = max(a_slice // 10, min(a_slice, int(weights["weight"].sum()) // cores))
    before = pl.col("weight").cum_sum() - pl.col("weight")
    return weights.select("range", part=(before // each).rank("dense").cast(pl.Int64) - 1)


def ids_of(parts: pl.DataFrame, bounds: pl.Series) -> list[tuple[str, str]]:
    """The first and the last id of each partition; together all ids."""
    first_ranges = parts.group_by("part").agg(pl.col("range").min()).sort("part")["range"]
    return id_ranges(FIRST_ID, bounds.gather(first_ranges[1:] - 1), LAST_ID)
