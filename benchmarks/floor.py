"""What no client can go below: one connection reads the joined clicks and throws them away, then
writes the rows that differ into a table without keys, indexes and checks.

Only the two COPYs count, neither starting Python nor finding out which rows to write.
"""

import json
from io import BytesIO, RawIOBase
from time import perf_counter, process_time

from benchmarks.peer import Peer, parsed, program
from benchmarks.target import COLUMNS

PEERS = (
    Peer(
        "floor",
        "COPY of the joined clicks to nowhere, COPY of the rows to write into a bare table",
        program("benchmarks.floor"),
        situations=("first load", "nothing changed", "1 % changed", "everything changed"),
        writes=False,
        reports=True,
    ),
)
READ = """
COPY (
    SELECT application_id, clicked_at, link_function
    FROM link_clicks JOIN link_tracking USING (tracking_id)
) TO STDOUT (FORMAT binary)
"""
ROWS_TO_WRITE = f"""
COPY (
    SELECT {COLUMNS} FROM benchmark.expected EXCEPT SELECT {COLUMNS} FROM link_click_analytics
) TO STDOUT (FORMAT binary)
"""


class Nowhere(RawIOBase):
    """Takes everything and keeps nothing."""

    def write(self, data: object) -> int:
        """Take the data."""
        return len(data)  # type: ignore[arg-type]


def run(url: str) -> dict[str, float]:
    """Read and write; returns the seconds and the client's CPU seconds of both."""
    import psycopg2

    rows = BytesIO()
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET work_mem = '512MB'")
        cursor.copy_expert(ROWS_TO_WRITE, rows)
        connection.commit()
        rows.seek(0)
        wall, cpu = perf_counter(), process_time()
        cursor.copy_expert(READ, Nowhere())
        cursor.copy_expert("COPY benchmark.bare FROM STDIN (FORMAT binary)", rows)
        connection.commit()
        return {"wall": perf_counter() - wall, "cpu": process_time() - cpu}


if __name__ == "__main__":
    print(json.dumps(run(parsed().url)))
