"""Short ids: a unique beginning of an id, of eight characters or more, stands for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.database.connection import session
from pipeline.errors import AmbiguousId, UnknownApplication
from pipeline.settings import Settings
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

SHORTEST, WHOLE = 8, 32  # hexadecimal digits
MOST_CANDIDATES = 5


def whole_ids(settings: Settings, asked: Sequence[str]) -> tuple[list[str], list[str]]:
    """The ids that are meant, in the order given, duplicates once, and the beginnings that no
    application has. Whole ids stay as they are.

    `asked` as `settings.application_ids` gives them. Raises `AmbiguousId` for a beginning
    that several have, `UnknownApplication` when nothing is left. Asks the database only when there
    is a beginning.
    """
    if all(len(digits(text)) == WHOLE for text in asked):
        return list(asked), []
    with session(settings) as connection:
        found = _beginning_so(connection, asked)
    meant: list[str] = []
    unknown: list[str] = []
    for text, ids in zip(asked, found, strict=True):
        if len(ids) > 1:
            raise AmbiguousId(text, ids[:MOST_CANDIDATES], more=len(ids) > MOST_CANDIDATES)
        if len(digits(text)) == WHOLE:
            meant.append(text)
        else:
            (meant if ids else unknown).append(ids[0] if ids else text)
    if not meant:
        raise UnknownApplication(
            f"no application begins with {', '.join(unknown)}; expected ids from job_applications"
        )
    return list(dict.fromkeys(meant)), unknown


def short_ids(connection: Connection, ids: Sequence[str]) -> list[str]:
    """The shortest beginning of each id, of eight characters or more, that no other one has."""
    lengths = dict.fromkeys(ids, SHORTEST)
    open_ids = list(lengths)
    while open_ids:
        beginnings = [digits(one)[: lengths[one]] for one in open_ids]
        found = _beginning_so(connection, beginnings)
        open_ids = [one for one, same in zip(open_ids, found, strict=True) if len(same) > 1]
        for one in open_ids:
            lengths[one] += 1
    return [_with_hyphens(digits(one)[: lengths[one]]) for one in ids]


def digits(text: str) -> str:
    """The hexadecimal digits of an id or of its beginning."""
    return text.replace("-", "")


def _beginning_so(connection: Connection, texts: Sequence[str]) -> list[list[str]]:
    """For each text the applications whose id begins so, six at most."""
    found: list[list[str]] = [[] for _ in texts]
    parameters = {
        "firsts": [digits(text).ljust(WHOLE, "0") for text in texts],
        "lasts": [digits(text).ljust(WHOLE, "f") for text in texts],
    }
    with connection.cursor() as cursor:
        cursor.execute(statement("short_ids"), parameters)
        for number, one in cursor.fetchall():
            found[number - 1].append(str(one))
    return found


def _with_hyphens(text: str) -> str:
    """As it stands in the id."""
    return re.sub(r"^(.{8})(.{0,4})(.{0,4})(.{0,4})(.*)$", r"\1-\2-\3-\4-\5", text).rstrip("-")
