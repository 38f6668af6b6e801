"""Made-up source tables of any size, the same for the same seed: for demo, tests and benchmarks.

The randomness comes from the standard library, so that the data do not depend on the version of
Polars. The behaviour is plausible rather than real: some employers never click, the keen ones
click more and sooner, and their applications lead to interviews more often.
"""

from __future__ import annotations

import random
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

SOURCE_TABLES = """
CREATE TABLE jobs (id uuid PRIMARY KEY);
CREATE TABLE job_applications (
    id uuid PRIMARY KEY,
    job_id uuid REFERENCES jobs (id),
    created_at timestamp,
    application_status varchar(50)
);
CREATE TABLE link_tracking (
    tracking_id varchar(100) PRIMARY KEY,
    application_id uuid REFERENCES job_applications (id),
    link_function varchar(50) NOT NULL
);
CREATE TABLE link_clicks (
    click_id bigserial PRIMARY KEY,
    tracking_id varchar(100),
    clicked_at timestamp,
    user_agent text,
    ip_address inet
);
"""
SOURCE_INDEXES = """
CREATE INDEX ON link_tracking (application_id);
CREATE INDEX ON link_clicks (tracking_id);
CREATE INDEX ON link_clicks (clicked_at);
ANALYZE;
"""
FUNCTIONS = (
    "LinkedIn", "Resume", "Portfolio", "GitHub",
    "Company_Website", "Job_Posting", "Apply_Now", "Calendly",
)  # fmt: skip
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
)
PREVIEW = "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)"
SCANNED = 1_000  # for so many clicks there is one application whose links a scanner opens
MOST_AT_ONCE = 10_000_000  # clicks
LINKS = 4  # tracked links of one application
CLICKS_BY_HOUR = (1, 1, 1, 1, 1, 1, 2, 4, 8, 14, 16, 15, 12, 14, 16, 15, 13, 10, 7, 5, 4, 4, 3, 2)
FIRST_DAY = pl.lit("2023-01-01").str.to_datetime(time_unit="us")
DAYS = 730


class Dice:
    """Columns of random numbers from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def uniform(self, rows: int) -> pl.Series:
        """Floats from 0 up to 1."""
        raw = pa.py_buffer(self.random.randbytes(8 * rows))
        column = pl.Series(pa.Array.from_buffers(pa.uint64(), rows, [None, raw]))
        return (column // 2048).cast(pl.Float64) / 2**53

    def uuids(self, rows: int) -> pl.Series:
        """Uuids in their usual form."""
        raw = pa.py_buffer(self.random.randbytes(16 * rows))
        digits = pl.Series(pa.Array.from_buffers(pa.binary(16), rows, [None, raw]))
        return digits.bin.encode("hex").str.replace(
            "^(.{8})(.{4})(.{4})(.{4})(.{12})$", "$1-$2-$3-$4-$5"
        )


def tables(applications: int, clicks: int, seed: int = 1) -> dict[str, pl.DataFrame]:
    """The four source tables, each at its own grain; `clicks` is the number of click rows."""
    dice = Dice(seed)
    jobs = pl.DataFrame({"id": dice.uuids(max(applications // 3, 1))})
    per_application = (
        pl.DataFrame(
            {
                "id": dice.uuids(applications),
                "job": dice.uniform(applications),
                "age": dice.uniform(applications),
                "luck": dice.uniform(applications),
                "delay": dice.uniform(applications),
            }
        )
        .with_columns(
            job_id=pl.lit(jobs["id"]).gather((pl.col("job") * jobs.height).cast(pl.Int64)),
            created_at=FIRST_DAY + pl.duration(microseconds=pl.col("age") * DAYS * 86_400_000_000),
            # the first application is the keenest: the number of clicks falls with the row's number
            keenness=1 - pl.int_range(pl.len()) / pl.len(),
        )
        .with_columns(
            # when the employer opens it: a minute to a month later, the keen ones sooner
            opened_at=pl.col("created_at")
            + pl.duration(
                microseconds=60_000_000
                * (60 * 24 * 30) ** (pl.col("delay") * (1.2 - 0.4 * pl.col("keenness"))).clip(0, 1)
            )
        )
    )
    return {
        "jobs": jobs,
        "job_applications": per_application.select(
            "id",
            "job_id",
            "created_at",
            application_status=pl.when(pl.col("luck") < 0.02 + 0.08 * pl.col("keenness"))
            .then(pl.lit("offer"))
            .when(pl.col("luck") < 0.08 + 0.35 * pl.col("keenness"))
            .then(pl.lit("interview"))
            .when(pl.col("luck") < 0.7)
            .then(pl.lit("applied"))
            .otherwise(pl.lit("rejected")),
        ),
        "link_tracking": (links := _links(dice, per_application)).drop("opened_at", "sent_at"),
        "link_clicks": _clicks(dice, links, clicks),
    }


def _links(dice: Dice, per_application: pl.DataFrame) -> pl.DataFrame:
    """`LINKS` links an application, each with another function."""
    links = per_application.height * LINKS
    first = (dice.uniform(per_application.height) * len(FUNCTIONS)).cast(pl.Int64)
    return pl.DataFrame({"tracking_id": dice.uuids(links)}).with_columns(
        application_id=pl.lit(per_application["id"]).gather(pl.int_range(links) // LINKS),
        link_function=pl.lit(pl.Series(FUNCTIONS)).gather(
            (pl.lit(first).gather(pl.int_range(links) // LINKS) + pl.int_range(links) % LINKS)
            % len(FUNCTIONS)
        ),
        opened_at=pl.lit(per_application["opened_at"]).gather(pl.int_range(links) // LINKS),
        sent_at=pl.lit(per_application["created_at"]).gather(pl.int_range(links) // LINKS),
    )


def _clicks(dice: Dice, links: pl.DataFrame, clicks: int) -> pl.DataFrame:
    """Clicks in the order in which they arrive; 15 % of the applications have none.

    One in 1,000 has no time, one in 1,000 a link that nobody knows, one in 200 comes a month early;
    one in 500 is a link preview's, and of some applications a scanner opens all links at once.
    """
    scanned = clicks // SCANNED
    clicks -= scanned * LINKS
    hours = pl.Series([hour for hour, weight in enumerate(CLICKS_BY_HOUR) for _ in range(weight)])
    drawn = pl.DataFrame(
        {name: dice.uniform(clicks) for name in ("link", "delay", "hour", "second", "odd")}
    ).with_columns(link=(pl.col("link") ** 1.4 * 0.85 * links.height).cast(pl.Int64))
    opened_at = pl.lit(links["opened_at"]).gather("link")
    # half of the clicks within minutes of opening, the others on the days and weeks that follow
    prompt = opened_at + pl.duration(microseconds=pl.col("second") * 600_000_000)
    later = (opened_at + pl.duration(days=45 * pl.col("delay") ** 2 + 1)).dt.truncate("1d")
    at_work = later + pl.duration(
        hours=pl.lit(hours).gather((pl.col("hour") * len(hours)).cast(pl.Int64)),
        microseconds=pl.col("second") * 3_600_000_000,
    )
    by_people = drawn.select(
        tracking_id=pl.when(pl.col("odd") < 0.001)
        .then(pl.lit("unknown"))
        .otherwise(pl.lit(links["tracking_id"]).gather("link")),
        clicked_at=pl.when(pl.col("odd").is_between(0.001, 0.002))
        .then(None)
        .when(pl.col("odd") > 0.995)
        .then(prompt.dt.offset_by("-31d"))
        .when(pl.col("delay") < 0.5)
        .then(prompt)
        .otherwise(at_work),
        user_agent=pl.when(pl.col("second") < 0.002)
        .then(pl.lit(PREVIEW))
        .otherwise(pl.lit(pl.Series(BROWSERS)).gather((pl.col("delay") * 997).cast(pl.Int64) % 4)),
        ip_address=pl.format("203.0.113.{}", (pl.col("hour") * 254).cast(pl.Int64) + 1),
    )
    every = max(links.height // LINKS // max(scanned, 1), 1) * LINKS
    by_scanners = (
        links.with_row_index("link")
        .filter(pl.col("link") % every < LINKS)
        .head(scanned * LINKS)
        .select(
            "tracking_id",
            clicked_at=pl.col("sent_at") + pl.duration(seconds=12),
            user_agent=pl.lit(BROWSERS[0]),
            ip_address=pl.lit("192.0.2.77"),
        )
    )
    return pl.concat([by_people, by_scanners]).sort("clicked_at", nulls_last=True)


def load(connection: Connection, applications: int, clicks: int, seed: int = 1) -> None:
    """Create the source tables in the session's schema, fill and index them, and commit. What does
    not fit into memory is made in parts, each from a seed of its own."""
    parts = max(1, ceil(clicks / MOST_AT_ONCE))
    with connection, connection.cursor() as cursor:
        cursor.execute(SOURCE_TABLES)
        for part in range(parts):
            put_in(cursor, tables(applications // parts, clicks // parts, seed + part))
        cursor.execute(SOURCE_INDEXES)


def put_in(cursor: Cursor, made: dict[str, pl.DataFrame]) -> None:
    """Copy rows into the tables that they are named after."""
    for name, rows in made.items():
        for some in rows.iter_slices(1_000_000):
            copy = f"COPY {name} ({', '.join(some.columns)}) FROM STDIN (FORMAT csv)"
            cursor.copy_expert(copy, BytesIO(some.write_csv(include_header=False).encode()))
