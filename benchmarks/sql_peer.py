"""The database alone: schema/sql/reference.sql, computed and written by PostgreSQL.

What was tried for the best statement is in `RESULTS.md`'s list of peers: MERGE reads the target
once, and neither locks nor logs a row that stays as it is; ON CONFLICT … WHERE locks every row.
"""

from argparse import ArgumentParser

from benchmarks.peer import Peer, parsed, program
from benchmarks.target import REFERENCE, merge, upsert

# for the session: the sort and the hashes of the largest data set mostly fit; compiling the
# expressions costs more than it gains
SESSION = "SET work_mem = '512MB'; SET jit = off;"
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

    fresh = REFERENCE
    if application:
        fresh = f"SELECT * FROM ({fresh}) AS every WHERE application_id = '{application}'"
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(SESSION + STATEMENTS[statement].replace("{fresh}", fresh))


if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("statement", choices=STATEMENTS)
    options = parsed(parser)
    run(options.url, options.statement, options.application)
