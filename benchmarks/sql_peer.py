"""The database alone: schema/sql/reference.sql, computed and written by PostgreSQL 15 or newer.

Seconds of the server's CPU for 100,000 clicks, on a first load / nothing changed / everything
changed, in search of the best single statement that writes only the rows that differ:

    MERGE                                                             0.36   0.18   0.28
    INSERT … SELECT … LEFT JOIN the target … ON CONFLICT DO UPDATE    0.38   0.17   0.41
    INSERT … ON CONFLICT DO UPDATE … WHERE … IS DISTINCT FROM         0.37   0.23   0.39
    WITH fresh AS MATERIALIZED …, UPDATE … FROM fresh, INSERT         1.04   0.20   0.29

ON CONFLICT locks each row that it leaves alone, and logs that. The query itself is as fast as any
other form that was tried: the distinct functions and the peak hour by GROUP BYs of their own, by
unnesting arrays, by 24 filtered counts or by window functions take 1.3 to 2.5 times as long.
"""

from argparse import ArgumentParser

from benchmarks.peer import Peer, parsed, program
from benchmarks.target import merge, reference, upsert

SESSION = "SET work_mem = '512MB';"  # most of the sort and the hashes of the largest data set
STATEMENTS = {
    "merge": merge("{fresh}"),
    # a query that feeds a new table may use several processes, one that feeds a MERGE may not
    "two-steps": "CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS {fresh}; ANALYZE fresh;"
    + merge("TABLE fresh"),
    "plain": upsert("{fresh}", skip_unchanged=False),
}
PEERS = (
    Peer(
        "sql",
        "one MERGE that writes the rows that differ",
        program("benchmarks.sql_peer", "merge"),
    ),
    Peer(
        "sql, two steps",
        "the result into a temporary table by a parallel plan, then the same MERGE from there",
        program("benchmarks.sql_peer", "two-steps"),
    ),
    Peer(
        "sql, plain",
        "one INSERT … ON CONFLICT DO UPDATE that writes every row",
        program("benchmarks.sql_peer", "plain"),
    ),
)


def run(url: str, statement: str, application: str | None) -> None:
    """Run the statement in one transaction."""
    import psycopg2

    text = STATEMENTS[statement].replace("{fresh}", reference(application))
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(SESSION + text)


if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("statement", choices=STATEMENTS)
    options = parsed(parser)
    run(options.url, options.statement, options.application)
