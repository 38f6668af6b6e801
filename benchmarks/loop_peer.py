"""The requirement's own design: for each application one query, the metrics in Python, one upsert.

Runs over a slice of the applications, over one connection and in one transaction (a commit for each
application would make it slower still), and scales what it took to all of them.
"""

import json
from collections import Counter
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from time import perf_counter, process_time
from typing import Any

from benchmarks.peer import Peer, parsed, program
from benchmarks.target import PLACEHOLDERS, upsert

PEERS = (
    Peer(
        "loop",
        "the requirement's design: one query and one upsert an application",
        program("benchmarks.loop_peer"),
        reports=True,
        sliced=True,
    ),
)
QUERY = """
SELECT
    j.id,
    CASE WHEN a.created_at >= '1970-01-01' AND a.created_at < '2100-01-01' THEN a.created_at END,
    c.clicked_at,
    l.link_function
FROM job_applications AS a
LEFT JOIN jobs AS j ON j.id = a.job_id
LEFT JOIN link_tracking AS l ON l.application_id = a.id
LEFT JOIN link_clicks AS c ON c.tracking_id = l.tracking_id
    AND c.clicked_at >= '1970-01-01' AND c.clicked_at < '2100-01-01'
WHERE a.id = %s
ORDER BY c.clicked_at, l.link_function COLLATE "C"
"""
UPSERT = upsert(f"VALUES ({PLACEHOLDERS})")
Click = tuple[datetime, str]


def row(application: str, job: str | None, created: datetime | None, clicks: list[Click]) -> Any:
    """The application's row, its spans in microseconds; the clicks are in order."""
    times = [time for time, _ in clicks]
    functions = [function for _, function in clicks]
    response = _microseconds(times[0] - created) if clicks and created else None
    span = _microseconds(times[-1] - times[0]) if clicks else None
    by_hour = Counter(time.hour for time in times)
    peak = min(by_hour, key=lambda hour: (-by_hour[hour], hour)) if clicks else None
    days = sorted({time.isoweekday() % 7 for time in times})
    velocity = Decimal(len(clicks) * 86_400_000_000) / max(span or 0, 86_400_000_000)
    distinct, repeats = len(set(functions)), len(functions) - len(set(functions))
    calendly = 40 * ("Calendly" in functions)
    hours = response / 3_600_000_000 if response and response > 0 else 100.0

    engagement = 10 * bool(clicks) + 25 * ("LinkedIn" in functions) + calendly
    engagement += min(5 * repeats, 15) + 30 * (hours < 4) + 10 * max(distinct - 1, 0)
    engagement += 20 * bool({0, 6} & set(days))
    intent = (50 if hours < 2 else 30 if hours < 8 else 0) + calendly + 20 * (len(clicks) > 3)
    intent += 30 if velocity > 2 else 15 if velocity > 1 else 0
    return (
        *(application, job, response, _hours(response), span, _hours(span)),
        *(functions, distinct, len(clicks), peak, days),
        min(velocity.quantize(Decimal("0.0001"), ROUND_HALF_UP), Decimal("999999.9999")),
        *(min(engagement, 100), min(intent, 100)),
    )


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _hours(span: int | None) -> Decimal | None:
    if span is None:
        return None
    return (Decimal(span) / 3_600_000_000).quantize(Decimal("0.01"), ROUND_HALF_UP)


def run(url: str, application: str | None) -> dict[str, float]:
    """Process the slice, and return what all applications would take; or the named application,
    for which the whole process counts."""
    import psycopg2

    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        all_of_them = 1
        if application:
            named = [application]
        else:
            cursor.execute("SELECT application_id FROM benchmark.slice")
            named = [name for (name,) in cursor]
            cursor.execute("SELECT count(*) FROM job_applications")
            [(all_of_them,)] = cursor.fetchall()
        wall, cpu = perf_counter(), process_time()
        for name in named:
            cursor.execute(QUERY, (name,))
            found = cursor.fetchall()
            job, created = found[0][:2]
            clicks = [(time, function) for _, _, time, function in found if time]
            cursor.execute(UPSERT, row(name, job, created, clicks))
        connection.commit()
        wall, cpu = perf_counter() - wall, process_time() - cpu
    if application:
        return {}
    scale = all_of_them / len(named)
    return {"wall": wall * scale, "cpu": cpu * scale, "scale": scale}


if __name__ == "__main__":
    options = parsed()
    print(json.dumps(run(options.url, options.application)))
