"""The metrics of SPEC as Polars expressions: one function a metric, and the aggregation over them.

Pure: no database, no clock. Frames say their grain: `clicks` holds one row per click that counts,
`applications` one per application, and so does what comes out.
"""

import polars as pl

from schema.columns import DAY_US

HOUR_US = 3_600_000_000
MOST_CLICKS_PER_DAY = 9_999_999_999  # in ten-thousandths: what numeric(10,4) holds
# the days of the week of each of the 128 sets of days; bit 0 is Sunday
DAYS_OF_SET = pl.Series(
    [[day for day in range(7) if days >> day & 1] for days in range(128)],
    dtype=pl.List(pl.Int32),
)


# --- of the clicks of one application, in order ----------------------------------------------


def click_sequence() -> pl.Expr:
    """The link function of every click, in order, repeats kept."""
    return pl.col("link_function")


def unique_functions_clicked() -> pl.Expr:
    """The number of distinct link functions."""
    return pl.col("link_function").n_unique().cast(pl.Int32)


def total_click_events() -> pl.Expr:
    """The number of clicks."""
    return pl.len().cast(pl.Int32)


def click_days() -> pl.Expr:
    """The set of days of the week with a click, as bits: 1 = Sunday … 64 = Saturday."""
    return pl.col("day").bitwise_or()


# --- of one application ----------------------------------------------------------------------


def click_days_of_week() -> pl.Expr:
    """The distinct days of the week with a click, 0 = Sunday … 6 = Saturday, ascending."""
    return pl.lit(DAYS_OF_SET).gather(pl.col("click_days").fill_null(0))


def time_to_first_click() -> pl.Expr:
    """From the application to its first click: negative when the click came first, null without
    a click or a `created_at`."""
    return pl.col("first_click") - pl.col("created_at")


def time_between_first_last_click() -> pl.Expr:
    """From the first click to the last: zero for one click, null for none."""
    return pl.col("last_click") - pl.col("first_click")


def hours(span: pl.Expr) -> pl.Expr:
    """A span in hours, 2 decimals, null when it is null."""
    return _rounded(span.to_physical().cast(pl.Int128) * 100, pl.lit(HOUR_US), 2)


def engagement_velocity() -> pl.Expr:
    """Clicks per day between first and last click, counting at least one day; 4 decimals, at most
    999999.9999; 0 without a click."""
    clicks = pl.col("total_click_events").cast(pl.Int128) * DAY_US * 10_000
    return _rounded(clicks, _days_us(), 4, at_most=MOST_CLICKS_PER_DAY)


def clicks_per_day_above(limit: int) -> pl.Expr:
    """Whether the velocity, before rounding, is above a whole number."""
    clicks = pl.col("total_click_events").cast(pl.Int128) * DAY_US
    return clicks > _days_us().cast(pl.Int128) * limit


def _days_us() -> pl.Expr:
    """The days that the velocity divides by, in microseconds; one day without a click."""
    span = pl.col("time_between_first_last_click").to_physical()
    return span.fill_null(0).clip(lower_bound=DAY_US)


def _rounded(
    numerator: pl.Expr, denominator: pl.Expr, decimals: int, at_most: int | None = None
) -> pl.Expr:
    """A quotient rounded half away from zero, as PostgreSQL rounds numeric; the numerator counts
    units of the last decimal. Whole numbers of 128 bits: no float error, no overflow."""
    size = (numerator.abs() * 2 + denominator) // (denominator.cast(pl.Int128) * 2)
    units = (size * numerator.sign()).clip(upper_bound=at_most)
    return (units.cast(pl.Decimal(38, decimals)) / pl.lit(10**decimals)).cast(
        pl.Decimal(10, decimals)
    )


# --- the aggregation -------------------------------------------------------------------------


def metrics(applications: pl.LazyFrame, clicks: pl.LazyFrame, timezone: str) -> pl.LazyFrame:
    """One row per application, in the order of `applications`, with every metric of SPEC; before
    them `application`, `first_click` and `last_click`.

    `applications` as in `schema.columns.APPLICATIONS`, keys or not, with `application`, a row
    number; `clicks` as `scoring.attribution.in_order` gives them. Hours and days of the week are
    taken in `timezone`, an IANA name.
    """
    local = pl.col("clicked_at").dt.replace_time_zone("UTC").dt.convert_time_zone(timezone)
    per_application = (
        clicks.with_columns(day=pl.lit(2, pl.UInt8).pow(local.dt.weekday() % 7))
        .group_by("application")
        .agg(
            first_click=pl.col("clicked_at").first(),
            last_click=pl.col("clicked_at").last(),
            click_sequence=click_sequence(),
            unique_functions_clicked=unique_functions_clicked(),
            total_click_events=total_click_events(),
            click_days=click_days(),
        )
    )
    return (
        applications.join(per_application, on="application", how="left", maintain_order="left")
        .join(
            peak_click_hours(clicks, local.dt.hour()),
            on="application",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.col("click_sequence").fill_null([]),
            pl.col("unique_functions_clicked", "total_click_events").fill_null(0),
            click_days_of_week=click_days_of_week(),
            time_to_first_click=time_to_first_click(),
            time_between_first_last_click=time_between_first_last_click(),
        )
        .select(
            "application",
            "first_click",
            "last_click",
            "application_id",
            "job_id",
            "created_at",
            "time_to_first_click",
            hours_to_first_click=hours(pl.col("time_to_first_click")),
            time_between_first_last_click="time_between_first_last_click",
            hours_between_first_last_click=hours(pl.col("time_between_first_last_click")),
            click_sequence="click_sequence",
            unique_functions_clicked="unique_functions_clicked",
            total_click_events="total_click_events",
            peak_click_hour="peak_click_hour",
            click_days_of_week="click_days_of_week",
            engagement_velocity=engagement_velocity(),
        )
    )


def peak_click_hours(clicks: pl.LazyFrame, hour: pl.Expr) -> pl.LazyFrame:
    """One row per application with a click: `peak_click_hour`, the hour of the day (0 to 23) with
    most clicks; of several such hours the earliest."""
    application_and_hour = pl.col("value")
    return (
        clicks.select(
            (pl.col("application").cast(pl.Int64) * 24 + hour.cast(pl.Int64))
            .sort()
            .rle()
            .alias("r")
        )
        .unnest("r")
        .select(
            application=(application_and_hour // 24).cast(pl.UInt32).set_sorted(),
            # the larger number of clicks wins, then the earlier hour
            rank=pl.col("len").cast(pl.Int64) * 24 + 23 - application_and_hour % 24,
        )
        .group_by("application")
        .agg(peak_click_hour=(23 - pl.col("rank").max() % 24).cast(pl.Int32))
    )
