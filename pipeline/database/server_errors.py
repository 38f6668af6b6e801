"""What the errors of the server mean to a user: one class and one line for each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from pipeline.errors import ClickstatsError, NoConnection, Refused, SchemaError

log = logging.getLogger("clickstats")


def one_line(error: Exception | str) -> str:
    """What was said, in one line."""
    return "; ".join(line.strip() for line in str(error).strip().splitlines() if line.strip())


@contextmanager
def server_errors() -> Iterator[None]:
    """Say what an error of the server means to the user; let what is a bug through."""
    try:
        yield
    except psycopg2.Error as error:
        means = meaning(error)
        if means is None:
            raise
        log.debug("the server's error", exc_info=error)
        raise means from error
    except UnicodeDecodeError as error:
        raise SchemaError(
            f"the database, encoded SQL_ASCII, holds bytes that are no UTF-8: {error}; nothing was "
            "written"
        ) from error


def meaning(error: psycopg2.Error) -> ClickstatsError | None:
    """What an error of the server means to the user; None: a bug."""
    code = error.pgcode
    said = error.diag.message_primary or one_line(error)
    if code in MISSING or code in WRONG_TYPE:
        return SchemaError(f"{said}; {(MISSING | WRONG_TYPE)[code]}")
    if code is not None and (advice := WRONG_SHAPE.get(code) or WRONG_SHAPE.get(code[:2])):
        return SchemaError(f"{_with_place(error, said)}; {advice}")
    if type(error) in LOST if code is None else code[:2] == "08" or code in SHUTDOWN:
        return NoConnection(
            f"the connection to the database was lost: {said}; nothing was written; run again"
        )
    if code is not None and (code in REFUSED or code[:2] in REFUSED):
        return Refused(f"the server refused the work: {said}; nothing was written")
    return None


def _with_place(error: psycopg2.Error, said: str) -> str:
    """What the server said, with the keys, table, column or constraint that it does not name in
    its first sentence. Details of other errors show a whole row."""
    diag = error.diag
    if error.pgcode in NAMES_KEYS and diag.message_detail:
        return f"{said}: {diag.message_detail.rstrip('.')}"
    if error.pgcode == "55000" and diag.message_hint:
        return f"{said}: {one_line(diag.message_hint).rstrip('.')}"
    names = {
        "table": diag.table_name,
        "column": diag.column_name,
        "constraint": diag.constraint_name,
    }
    unsaid = [f"{kind} {name}" for kind, name in names.items() if name and name not in said]
    return f"{said} ({', '.join(unsaid)})" if unsaid else said


# what psycopg2 raises, without a code, when the server does not answer any more
LOST = {psycopg2.DatabaseError, psycopg2.OperationalError, psycopg2.InterfaceError}
# SQLSTATE codes: PostgreSQL manual, appendix A
MISSING = {
    "42P01": "see `clickstats migrate --check` for what is missing and what to do",
    "42703": "see `clickstats migrate --check` for what is missing and what to do",
    "3F000": "check --schema",
    "42501": "see `clickstats migrate --check` and grant what it lists",
    "42P07": "clickstats_migrations does not know of it: restore that table from a backup",
}
WRONG_TYPE = dict.fromkeys(
    ("42883", "42804", "42846", "22P02", "42725"),
    "a column has another type than clickstats expects: see `clickstats migrate --check`",
) | dict.fromkeys(
    # generated columns, views and rules, no unique key, collations that differ
    ("428C9", "42809", "42P10", "42P17", "42P18", "42P21", "42P22"),
    "a table has another form than clickstats expects: see `clickstats migrate --check`",
)
SHUTDOWN = {"57P01", "57P02", "57P03"}
# classes, and codes
WRONG_SHAPE = {
    **dict.fromkeys(
        ("21", "22"),
        "the data, or an expression of a view that is read, cannot be used: mend them, then run "
        "again; nothing was written",
    ),
    "23503": "link_click_analytics refers to a table that lacks what was read from the source: see "
    "`clickstats migrate --check`; nothing was written",
    "23": "the table has a column, constraint or index that clickstats does not know: "
    "see `clickstats migrate --check`, and remove it; nothing was written",
    "44": "link_click_analytics is a view that refuses the row: see `clickstats migrate --check`; "
    "nothing was written",
    # a materialized view without data, a view that cannot be written
    "55000": "see `clickstats migrate --check`; nothing was written",
}
NAMES_KEYS = {"23503", "23505"}
# classes: feature not supported, functions in other languages, insufficient resources, program
# limit, system error, foreign data, raised by a trigger or function, internal error; then
# read-only, lock not available, query cancelled, idle timeouts, serialization failure, deadlock,
# snapshot too old
REFUSED = {
    "0A", "2F", "38", "39", "53", "54", "58", "HV", "P0", "XX",
    "25006", "55P03", "57014", "25P03", "25P04", "57P05", "40001", "40P01",
    "72000",
}  # fmt: skip
