"""pandas as an analyst would write it: the clicks read in chunks, grouped in memory, the rows
written by execute_values (psycopg2's fast executemany)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from benchmarks.peer import Peer, parsed, program
from benchmarks.target import PLACEHOLDERS, upsert

if TYPE_CHECKING:
    import pandas as pd

PEERS = (
    Peer(
        "pandas",
        "clicks read in chunks, groupby, rows that differ written by execute_values",
        program("benchmarks.pandas_peer"),
    ),
)
CHUNK, PAGE = 500_000, 5_000  # rows
APPLICATIONS = """
SELECT a.id::text AS application_id, j.id::text AS job_id,
    CASE WHEN a.created_at >= '1970-01-01' AND a.created_at < '2100-01-01' THEN a.created_at END
        AS created_at
FROM job_applications AS a LEFT JOIN jobs AS j ON j.id = a.job_id
"""
CLICKS = """
SELECT l.application_id::text AS application_id, l.link_function, c.clicked_at
FROM link_clicks AS c JOIN link_tracking AS l USING (tracking_id)
WHERE c.clicked_at >= '1970-01-01' AND c.clicked_at < '2100-01-01'
"""
HOUR, DAY = 3_600_000_000, 86_400_000_000  # microseconds


def read(url: str, application: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The applications, and the clicks with the number of their application's row."""
    import pandas as pd
    import sqlalchemy as sa

    dialect = sa.make_url(url).set(drivername="postgresql+psycopg2")
    engine = sa.create_engine(dialect).execution_options(stream_results=True)
    only = application and f"id = '{application}'"
    with engine.connect() as connection:
        applications = pd.read_sql_query(
            sa.text(APPLICATIONS + (f"WHERE a.{only}" if only else "")),
            connection,
            dtype={"created_at": "datetime64[us]"},
        )
        numbers = pd.Index(applications["application_id"])
        chunks = [
            chunk.assign(
                application=numbers.get_indexer(pd.Index(chunk.pop("application_id"))),
                link_function=chunk["link_function"].astype("category"),
            )
            for chunk in pd.read_sql_query(
                sa.text(CLICKS + (f"AND l.application_{only}" if only else "")),
                connection,
                chunksize=CHUNK,
                dtype={"clicked_at": "datetime64[us]"},
            )
        ]
    functions = sorted({name for chunk in chunks for name in chunk["link_function"].cat.categories})
    for chunk in chunks:
        chunk["link_function"] = chunk["link_function"].cat.set_categories(functions, ordered=True)
    clicks = pd.concat(chunks, ignore_index=True)
    return applications, clicks[clicks["application"] >= 0]


def metrics(applications: pd.DataFrame, clicks: pd.DataFrame) -> pd.DataFrame:
    """One row per application; spans in microseconds, decimals in units of their last place."""
    clicks = clicks.sort_values(["application", "clicked_at", "link_function"])
    clicks["hour"] = clicks["clicked_at"].dt.hour
    clicks["day"] = (clicks["clicked_at"].dt.dayofweek + 1) % 7
    grouped = clicks.groupby("application")
    by_hour = clicks.groupby(["application", "hour"]).size().rename("clicks").reset_index()
    busiest = by_hour.sort_values(["application", "clicks", "hour"], ascending=[True, False, True])
    days = clicks[["application", "day"]].drop_duplicates().sort_values(["application", "day"])
    result = applications.assign(
        first=grouped["clicked_at"].min(),
        last=grouped["clicked_at"].max(),
        click_sequence=grouped["link_function"].agg(list),
        unique_functions_clicked=grouped["link_function"].nunique(),
        total_click_events=grouped.size(),
        peak_click_hour=busiest.drop_duplicates("application").set_index("application")["hour"],
        click_days_of_week=days.groupby("application")["day"].agg(list),
    )
    for name in ("click_sequence", "click_days_of_week"):
        result[name] = [value if isinstance(value, list) else [] for value in result[name]]
    counts = ["unique_functions_clicked", "total_click_events"]
    result[counts] = result[counts].fillna(0).astype("int64")
    for name, span in (
        ("to_first", result["first"] - result["created_at"]),
        ("between_first_last", result["last"] - result["first"]),
    ):
        microseconds = span.astype("timedelta64[us]").astype("int64").astype("Int64")
        result[f"time_{name}_click"] = microseconds.mask(span.isna())
        result[f"hours_{name}_click"] = _rounded(result[f"time_{name}_click"] * 100, HOUR)
    result["span"] = result["time_between_first_last_click"].fillna(0).clip(lower=DAY)
    result["engagement_velocity"] = _velocity(result["total_click_events"], result["span"])
    return result


def _rounded(numerator: Any, denominator: Any) -> Any:
    """The quotient of whole numbers, rounded half away from zero."""
    size = (numerator.abs() * 2 + denominator) // (denominator * 2)
    return size.where(numerator >= 0, -size)


def _velocity(clicks: Any, span: Any) -> Any:
    """Clicks a day in ten-thousandths; in two steps, so that 64 bits suffice."""
    whole, rest = (clicks * DAY) // span, (clicks * DAY) % span
    return (whole * 10_000 + _rounded(rest * 10_000, span)).clip(upper=9_999_999_999)


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with both scores."""
    functions, days = rows["click_sequence"], rows["click_days_of_week"]
    linkedin = functions.map(lambda names: "LinkedIn" in names)
    calendly = functions.map(lambda names: "Calendly" in names)
    weekend = days.map(lambda numbers: 0 in numbers or 6 in numbers)
    total, unique = rows["total_click_events"], rows["unique_functions_clicked"]
    response = rows["time_to_first_click"]
    within = {
        hours: ((response > 0) & (response < hours * HOUR)).fillna(False).astype("int64")
        for hours in (2, 4, 8)
    }
    above = {limit: (total * DAY > limit * rows["span"]).astype("int64") for limit in (1, 2)}
    engagement = (
        (total > 0) * 10
        + linkedin * 25
        + calendly * 40
        + ((total - unique) * 5).clip(upper=15)
        + within[4] * 30
        + weekend * 20
        + (unique - 1).clip(lower=0) * 10
    )
    intent = (
        within[8] * 30
        + within[2] * 20
        + above[1] * 15
        + above[2] * 15
        + calendly * 40
        + (total > 3) * 20
    )
    return rows.assign(
        engagement_score=engagement.clip(upper=100), intent_score=intent.clip(upper=100)
    )


def write(url: str, rows: pd.DataFrame) -> None:
    """Write the rows that differ, in one transaction."""
    import psycopg2
    from psycopg2.extras import execute_values

    columns: list[Any] = [
        rows["application_id"],
        rows["job_id"].map(lambda job: job if isinstance(job, str) else None),
        _or_null(rows["time_to_first_click"]),
        _decimals(rows["hours_to_first_click"], 2),
        _or_null(rows["time_between_first_last_click"]),
        _decimals(rows["hours_between_first_last_click"], 2),
        rows["click_sequence"],
        rows["unique_functions_clicked"],
        rows["total_click_events"],
        _or_null(rows["peak_click_hour"]),
        rows["click_days_of_week"],
        _decimals(rows["engagement_velocity"], 4),
        rows["engagement_score"],
        rows["intent_score"],
    ]
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        values = zip(*(list(column) for column in columns), strict=True)
        execute_values(
            cursor, upsert("VALUES %s"), values, template=f"({PLACEHOLDERS})", page_size=PAGE
        )


def _or_null(column: Any) -> list[int | None]:
    present = column.notna()
    return [int(value) if there else None for value, there in zip(column, present, strict=True)]


def _decimals(units: Any, places: int) -> list[Decimal | None]:
    return [None if value is None else Decimal(value).scaleb(-places) for value in _or_null(units)]


if __name__ == "__main__":
    options = parsed()
    write(options.url, scores(metrics(*read(options.url, options.application))))
