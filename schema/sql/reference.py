"""The statements of the reference, put together: classes of clicks, rows over all or over human
clicks, both readings. A CTE in front of a statement gives a table that it reads another meaning."""

from collections.abc import Collection, Mapping

from schema.sql import statement

OPTIONAL = {"user_agent": "text", "ip_address": "inet"}  # columns of link_clicks

# The parameters of all statements of the reference, as the built-in definition has them.
BUILT_IN: Mapping[str, object] = {
    "timezone": "UTC",
    "clicks_zone": "UTC",
    "applications_zone": "UTC",
    "spellings": [],
    "names": [],
    "trap_functions": [],
    "machine_networks": [],
    "own_networks": [],
    "declared_agents": [],
    "sweep_links": 3,
    "sweep_seconds": 10,
    "repeat_seconds": 15,
    "application_ids": [],
}


def rows(count: str = "all", columns: Collection[str] = tuple(OPTIONAL)) -> str:
    """The rows of link_click_analytics, over all used clicks or over the human ones. `columns` are
    those of the optional ones that can be read."""
    if count == "all":
        return statement("reference")
    return f"WITH classified AS ({classes(columns)}), of_human AS ({_of_human()}) TABLE of_human"


def classes(columns: Collection[str] = tuple(OPTIONAL)) -> str:
    """Each used click with its class; what cannot be read is null."""
    if set(OPTIONAL) <= set(columns):
        return statement("reference_classes")
    there = ", ".join(
        name if name in columns else f"NULL::{kind} AS {name}" for name, kind in OPTIONAL.items()
    )
    clicks = f"SELECT tracking_id, clicked_at, {there} FROM link_clicks"  # noqa: S608 (our names)
    return _with_clicks(clicks, statement("reference_classes"))


def counts_by_class(columns: Collection[str] = tuple(OPTIONAL)) -> str:
    """How many used clicks each class has; no row for a class that has none."""
    return f"SELECT class, count(*) FROM ({classes(columns)}) AS classified GROUP BY class"  # noqa: S608 (our statement)


def readings(columns: Collection[str] = tuple(OPTIONAL)) -> str:
    """The rows of link_click_readings."""
    return f"WITH {relations(columns)} {statement('reference_readings')}"


def relations(columns: Collection[str] = tuple(OPTIONAL)) -> str:
    """What `readings` reads, for those who need it in the same statement: `classified`, and the
    rows of link_click_analytics `of_all` and `of_human` clicks."""
    return (
        f"classified AS MATERIALIZED ({classes(columns)}), "
        f"of_all AS ({statement('reference')}), of_human AS ({_of_human()})"
    )


def _of_human() -> str:
    # Instants, to which no zone applies a second time.
    clicks = "SELECT tracking_id, clicked_at AT TIME ZONE 'UTC' AS clicked_at FROM classified"
    return _with_clicks(f"{clicks} WHERE class = 'human'", statement("reference"))


def _with_clicks(clicks: str, statement: str) -> str:
    """The statement, to which other rows are link_clicks. A WITH cannot follow a WITH at once."""
    return f"WITH link_clicks AS ({clicks}), found AS ({statement}) TABLE found"
