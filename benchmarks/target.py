"""The statements over the target table that several peers share; plain text, light to import.

`benchmark` is a schema beside the source tables, in which the data sets keep what they need.
"""

from schema.sql import reference as statements
from schema.sql import statement

VALUES = (
    "job_id",
    "time_to_first_click",
    "hours_to_first_click",
    "time_between_first_last_click",
    "hours_between_first_last_click",
    "click_sequence",
    "unique_functions_clicked",
    "total_click_events",
    "peak_click_hour",
    "click_days_of_week",
    "engagement_velocity",
    "engagement_score",
    "intent_score",
)
COLUMNS = ", ".join(("application_id", *VALUES))
IN_BYTE_ORDER = 'link_function COLLATE "C"'
SPANS = ("time_to_first_click", "time_between_first_last_click")


def reference(application: str | None = None) -> str:
    """The rows that the target should hold by the built-in definition, as PostgreSQL itself
    computes them: all, or the one of an application. What a definition could change the server
    leaves out when it plans; the order of functions it cannot, so that is as one would write it.
    """
    text = statement("reference").replace("convert_to(link_function, 'UTF8')", IN_BYTE_ORDER)
    if IN_BYTE_ORDER not in text:
        raise ValueError("reference.sql orders functions in another way")
    bound = {**statements.BUILT_IN, "application_ids": [application] if application else []}
    return text % {name: literal(value) for name, value in bound.items()}


def literal(value: object) -> str:
    """A text, or an array of texts, of ours."""
    return f"'{{{','.join(value)}}}'" if isinstance(value, list) else f"'{value}'"


def of(alias: str, *, exactly: bool = False) -> str:
    """The values of a row as one row value; `exactly` tells 24 hours from 1 day, too."""
    text = {name: "::text" for name in SPANS if exactly}
    return "(" + ", ".join(f"{alias}.{name}{text.get(name, '')}" for name in VALUES) + ")"


def assignments(alias: str) -> str:
    """What an update sets: the values, and when the row was written."""
    values = ", ".join(f"{name} = {alias}.{name}" for name in VALUES)
    return f"{values}, calculated_at = now(), updated_at = now()"


def merge(fresh: str) -> str:
    """Write the rows of a query into the target, where they differ from what is stored."""
    return f"""
MERGE INTO link_click_analytics AS stored
USING ({fresh}) AS fresh ON stored.application_id = fresh.application_id
WHEN MATCHED AND {of("stored")} IS DISTINCT FROM {of("fresh")}
    THEN UPDATE SET {assignments("fresh")}
WHEN NOT MATCHED
    THEN INSERT ({COLUMNS}) VALUES (fresh.application_id, {of("fresh")[1:-1]})
"""


def upsert(rows: str, *, skip_unchanged: bool = True) -> str:
    """Write the rows of a query or of VALUES one by one, as most programs do it."""
    where = f"WHERE {of('stored')} IS DISTINCT FROM {of('excluded')}" if skip_unchanged else ""
    return f"""
INSERT INTO link_click_analytics AS stored ({COLUMNS}) {rows}
ON CONFLICT (application_id) DO UPDATE SET {assignments("excluded")} {where}
"""


# one row of VALUES for clients that send a span as its microseconds; stored in the form that the
# subtraction of two timestamps has
PLACEHOLDERS = ", ".join(
    "justify_hours(%s * interval '1 microsecond')" if name in SPANS else "%s"
    for name in ("application_id", *VALUES)
)
