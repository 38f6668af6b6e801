"""Every column name and Polars dtype of the frames that pass from step to step, once.

Instants are UTC without a zone; spans and instants count microseconds.
"""

from collections.abc import Iterable

import polars as pl

INSTANT = pl.Datetime("us")
SPAN = pl.Duration("us")
DAY_US = 86_400_000_000

# the columns of the source's large tables that are read
READ = {
    "job_applications": ("id", "job_id", "created_at"),
    "link_tracking": ("tracking_id", "application_id", "link_function"),
    "link_clicks": ("tracking_id", "clicked_at", "user_agent", "ip_address"),
}
# those of link_clicks without which a run goes on
OPTIONAL = ("user_agent", "ip_address")
# those of job_applications that say what became of an application, where they can be read
OF_OUTCOMES = ("application_status", "first_response_received_at")
# the class of a click: the first that fits (SPEC, Which clicks are human)
CLASSES = pl.Enum(["trap", "declared", "network", "own", "sweep", "repeat", "human"])
MACHINE = ("trap", "declared", "network", "sweep")

# one row per row of job_applications; job_id is null when that job does not exist
APPLICATIONS = pl.Schema(
    {
        "application_id": pl.String(),
        "application_key_1": pl.Int64(),
        "application_key_2": pl.Int64(),
        "job_id": pl.String(),
        "created_at": INSTANT,
    }
)
# one row per tracking link that names an application
LINKS = pl.Schema(
    {
        "link_key_1": pl.Int64(),
        "application_key_1": pl.Int64(),
        "keys_2": pl.Int64(),
        "link_function": pl.String(),
    }
)
# one row per click: two numbers, as schema/sql/clicks.sql packs them
CLICKS = pl.Schema({"link_key_1": pl.Int64(), "packed": pl.Int64()})

# one row per application: the data columns of link_click_analytics. While a run computes,
# click_sequence holds an Enum (see link_functions) in place of strings.
ANALYTICS = pl.Schema(
    {
        "application_id": pl.String(),
        "job_id": pl.String(),
        "time_to_first_click": SPAN,
        "hours_to_first_click": pl.Decimal(10, 2),
        "time_between_first_last_click": SPAN,
        "hours_between_first_last_click": pl.Decimal(10, 2),
        "click_sequence": pl.List(pl.String()),
        "unique_functions_clicked": pl.Int32(),
        "total_click_events": pl.Int32(),
        "peak_click_hour": pl.Int32(),
        "click_days_of_week": pl.List(pl.Int32()),
        "engagement_velocity": pl.Decimal(10, 4),
        "engagement_score": pl.Int32(),
        "intent_score": pl.Int32(),
    }
)
# one row per application with a used click: the data columns of link_click_readings. In a frame of
# all applications the columns of one without are null.
READINGS = pl.Schema(
    {
        "human_clicks": pl.Int32(),
        "machine_clicks": pl.Int32(),
        "own_clicks": pl.Int32(),
        "repeated_clicks": pl.Int32(),
        "first_human_click": INSTANT,
        "last_human_click": INSTANT,
        "engagement_score_all": pl.Int32(),
        "intent_score_all": pl.Int32(),
        "engagement_score_human": pl.Int32(),
        "intent_score_human": pl.Int32(),
        "human_rules": pl.Int32(),
    }
)
INTEGERS = [name for name, dtype in (ANALYTICS | READINGS).items() if dtype == pl.Int32]
# the rows of link_click_analytics with what else is stored about them
STORED = pl.Schema(
    ANALYTICS | {"calculated_at": INSTANT, "created_at": INSTANT, "updated_at": INSTANT}
)
# the rows of both tables as PostgreSQL stores them: schema/sql/stored.sql and
# pipeline/scoring/image.py
IMAGE = pl.Schema(
    {
        name: pl.Int64()
        if dtype.is_temporal()
        else pl.Int32()
        if dtype == pl.Int32
        else pl.String()
        for name, dtype in (ANALYTICS | READINGS).items()
    }
)


def link_functions(names: Iterable[str]) -> pl.Enum:
    """The type of `link_function` in one run: its values in byte order, so that they sort so."""
    return pl.Enum(sorted(set(names), key=str.encode))
