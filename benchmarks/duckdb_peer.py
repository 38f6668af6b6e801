"""DuckDB with its postgres extension: reads the tables in parallel as binary COPY, computes and
compares on its own side, copies the rows that differ into a table, and has PostgreSQL merge it.

The extension is a package on PyPI and is loaded from there: nothing is downloaded at run time.
"""

from importlib.util import find_spec
from pathlib import Path

from benchmarks.peer import Peer, parsed, program
from benchmarks.target import COLUMNS, VALUES, merge

PEERS = (
    Peer(
        "duckdb",
        "computed by DuckDB through its postgres extension, rows that differ merged",
        program("benchmarks.duckdb_peer"),
    ),
)
NO_DOWNLOADS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
HOUR, DAY = 3_600_000_000, 86_400_000_000  # microseconds
COMPUTE = f"""
CREATE TEMPORARY TABLE clicks AS
SELECT application_id, link_function, clicked_at
FROM {{clicks}}
WHERE clicked_at >= '1970-01-01' AND clicked_at < '2100-01-01';

CREATE TEMPORARY TABLE peaks AS
SELECT application_id, arg_max(hour, clicks * 24 - hour) AS peak_click_hour
FROM (
    SELECT application_id, hour(clicked_at)::integer AS hour, count(*) AS clicks
    FROM clicks GROUP BY ALL
)
GROUP BY ALL;

CREATE TEMPORARY TABLE fresh AS
WITH grouped AS (
    SELECT
        application_id,
        min(clicked_at) AS first,
        max(clicked_at) AS last,
        list(link_function ORDER BY clicked_at, link_function) AS functions,
        count(DISTINCT link_function)::integer AS distinct_functions,
        count(*)::integer AS clicks,
        list_sort(list(DISTINCT dayofweek(clicked_at)::integer)) AS days
    FROM clicks
    GROUP BY ALL
),
measured AS (
    SELECT
        a.id AS application_id,
        a.job_id,
        first - (
            CASE WHEN created_at >= '1970-01-01' AND created_at < '2100-01-01' THEN created_at END
        ) AS time_to_first_click,
        last - first AS time_between_first_last_click,
        coalesce(functions, []) AS click_sequence,
        coalesce(distinct_functions, 0) AS unique_functions_clicked,
        coalesce(clicks, 0) AS total_click_events,
        peak_click_hour,
        coalesce(days, []) AS click_days_of_week,
        epoch_us(time_to_first_click)::hugeint AS response,
        epoch_us(time_between_first_last_click)::hugeint AS span,
        greatest(coalesce(span, 0), {DAY})::hugeint AS days_us,
        total_click_events * {DAY}::hugeint AS rate
    FROM {{applications}} AS a
    LEFT JOIN grouped ON grouped.application_id = a.id
    LEFT JOIN peaks ON peaks.application_id = a.id
)
SELECT
    application_id,
    job_id,
    time_to_first_click,
    (sign(response) * ((abs(response) * 200 + {HOUR}) // {2 * HOUR}))::decimal(18, 0)
        * 0.01::decimal(3, 2) AS hours_to_first_click,
    time_between_first_last_click,
    ((span * 200 + {HOUR}) // {2 * HOUR})::decimal(18, 0) * 0.01::decimal(3, 2)
        AS hours_between_first_last_click,
    click_sequence,
    unique_functions_clicked,
    total_click_events,
    peak_click_hour,
    click_days_of_week,
    least((rate * 20000 + days_us) // (2 * days_us), 9999999999)::decimal(14, 0)
        * 0.0001::decimal(5, 4) AS engagement_velocity,
    least(
        100,
        CASE WHEN total_click_events > 0 THEN 10 ELSE 0 END
        + CASE WHEN list_contains(click_sequence, 'LinkedIn') THEN 25 ELSE 0 END
        + CASE WHEN list_contains(click_sequence, 'Calendly') THEN 40 ELSE 0 END
        + least(5 * (total_click_events - unique_functions_clicked), 15)
        + CASE WHEN response > 0 AND response < {4 * HOUR} THEN 30 ELSE 0 END
        + CASE WHEN list_has_any(click_days_of_week, [0, 6]) THEN 20 ELSE 0 END
        + 10 * greatest(unique_functions_clicked - 1, 0)
    )::integer AS engagement_score,
    least(
        100,
        CASE
            WHEN response > 0 AND response < {2 * HOUR} THEN 50
            WHEN response > 0 AND response < {8 * HOUR} THEN 30
            ELSE 0
        END
        + CASE WHEN rate > 2 * days_us THEN 30 WHEN rate > days_us THEN 15 ELSE 0 END
        + CASE WHEN list_contains(click_sequence, 'Calendly') THEN 40 ELSE 0 END
        + CASE WHEN total_click_events > 3 THEN 20 ELSE 0 END
    )::integer AS intent_score
FROM measured;

INSERT INTO pg.benchmark.duckdb
SELECT fresh.*
FROM fresh LEFT JOIN {{stored}} AS stored USING (application_id)
WHERE stored.application_id IS NULL
    OR {" OR ".join(f"fresh.{name} IS DISTINCT FROM stored.{name}" for name in VALUES)};
"""
STAGE = "CREATE UNLOGGED TABLE benchmark.duckdb (LIKE benchmark.expected)"
WRITE = merge(f"SELECT {COLUMNS} FROM benchmark.duckdb") + "; DROP TABLE benchmark.duckdb"
WHOLE = {
    "clicks": "pg.link_clicks JOIN pg.link_tracking USING (tracking_id)",
    "applications": "(SELECT a.id, j.id AS job_id, a.created_at FROM pg.job_applications AS a"
    " LEFT JOIN pg.jobs AS j ON j.id = a.job_id)",
    "stored": "pg.link_click_analytics",
}


def of_one(application: str) -> dict[str, str]:
    """The same three for one application, selected by PostgreSQL."""
    statements = {
        "clicks": "SELECT application_id, link_function, clicked_at FROM link_clicks"
        " JOIN link_tracking USING (tracking_id) WHERE application_id",
        "applications": "SELECT a.id, j.id AS job_id, a.created_at FROM job_applications AS a"
        " LEFT JOIN jobs AS j ON j.id = a.job_id WHERE a.id",
        "stored": "SELECT * FROM link_click_analytics WHERE application_id",
    }
    return {
        name: f"postgres_query('pg', $${statement} = '{application}'$$)"
        for name, statement in statements.items()
    }


def extension() -> Path:
    """The file of the postgres extension, in its package."""
    package = find_spec("duckdb_extension_postgres_scanner")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("duckdb-extension-postgres-scanner is not installed")
    [file] = Path(package.origin).parent.rglob("*.duckdb_extension")
    return file


def run(url: str, application: str | None) -> None:
    """Compute, compare and write."""
    import duckdb

    duck = duckdb.connect(config=NO_DOWNLOADS)
    duck.execute(f"LOAD '{extension()}'")
    duck.execute(f"ATTACH '{url}' AS pg (TYPE postgres)")
    duck.execute("CALL postgres_execute('pg', ?)", [STAGE])
    duck.execute(COMPUTE.format(**(of_one(application) if application else WHOLE)))
    duck.execute("CALL postgres_execute('pg', ?)", [WRITE])


if __name__ == "__main__":
    options = parsed()
    run(options.url, options.application)
