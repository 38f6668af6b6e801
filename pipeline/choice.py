"""Which definition a command computes by: the one that is asked for, else the published one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg2 import errors

from pipeline.audit import Baseline
from pipeline.definition import (
    Circumstances,
    Definition,
    InForce,
    differences,
    document,
    fingerprint,
    from_document,
    in_force,
)
from pipeline.errors import ConfigurationError
from pipeline.scoring.scores import rules_fingerprint
from pipeline.scoring.user_agents import patterns_fingerprint
from pipeline.settings import Settings
from pipeline.source_columns import CLASSES_OF, SourceColumns, source_columns
from schema.columns import OPTIONAL
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

log = logging.getLogger("clickstats")

# before the first `run --all`: whether rows are stored, whether any run has stored them, and by
# which definitions
BEFORE_THE_FIRST = """
SELECT
    EXISTS (SELECT FROM link_click_readings),
    EXISTS (SELECT FROM clickstats_runs WHERE outcome = 'published'),
    ARRAY(SELECT DISTINCT definition FROM clickstats_runs
        WHERE outcome = 'published' AND definition IS NOT NULL)
"""
EMPTIED = (
    "clickstats_runs has no published run although rows are stored: it was emptied, or not "
    "restored, so nobody knows by which definition they are"
)


def last_published(connection: Connection) -> Baseline | None:
    """The last published `run --all`, or None when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(statement("baseline"))
        row = cursor.fetchone()
        return Baseline(*row) if row else None


@dataclass(frozen=True)
class Choice:
    """The definition by which a command computes, and how it stands to the published one."""

    in_force: InForce
    source: SourceColumns
    document: dict[str, Any]  # with the circumstances
    published: Baseline | None
    is_emptied: bool = False  # the ledger, although rows are stored
    of_named: tuple[Mapping[str, Any], ...] = ()  # of stored rows, before the first `run --all`

    @property
    def definition(self) -> Definition:
        """The part that the user decides."""
        return self.in_force.definition

    @property
    def published_definition(self) -> Definition:
        """That of the last published run; before the first the built-in one."""
        return from_document(self.published.document)[0] if self.published else Definition()

    @property
    def count(self) -> str:
        """The clicks that count: "all" or "human"."""
        return self.definition.clicks.count

    @property
    def columns(self) -> tuple[str, ...]:
        """The optional columns of link_clicks that can be read."""
        return tuple(self.document["circumstances"]["columns"])

    @property
    def timezone(self) -> str:
        """The zone of hours and weekdays."""
        return self.definition.time.reporting

    @property
    def fingerprint(self) -> str:
        """Of the definition and its circumstances."""
        return fingerprint(self.document)

    @property
    def changes(self) -> list[str]:
        """What differs from the published one, in words."""
        return differences(self.published.document, self.document) if self.published else []

    @property
    def mixed(self) -> list[str]:
        """How it differs from what stored rows are by, in words, or why that is not known."""
        of_named = [words for one in self.of_named for words in differences(one, self.document)]
        return self.changes or of_named or [EMPTIED] * self.is_emptied

    @property
    def is_new(self) -> bool:
        """Whether it is the first one, or another than the published one."""
        return self.published is None or bool(self.changes)

    @property
    def knows_no_readings(self) -> bool:
        """Whether the last published run is of a version that stored none: what the scores of human
        clicks were, nobody knows."""
        return self.published is not None and self.published.definition is None

    @property
    def leaves_rows(self) -> bool:
        """Whether the last published run has left rows for its --limit: an application without a
        row is one of those, and not new."""
        return self.published is not None and self.published.pending > 0

    def warnings(self) -> Iterator[str]:
        """What a run of everything says about its definition."""
        if self.is_emptied:
            yield f"{EMPTIED}; they are computed anew"
        if self.changes:
            yield f"another definition than in the last published run: {'; '.join(self.changes)}"
        if missing := [name for name in OPTIONAL if name not in self.columns]:
            yield (
                f"link_clicks has no {' and no '.join(missing)} that can be read: no click has the "
                f"class {' or '.join(CLASSES_OF[name] for name in missing)}"
            )


def chosen(connection: Connection, settings: Settings) -> Choice:
    """The definition that is asked for, else that of the last published `run --all`, else the
    built-in one."""
    published, is_emptied, of_named = _published_if_readable(connection)
    found = in_force(
        settings.definition_file,
        settings.timezone,
        from_document(published.document)[0] if published else None,
    )
    columns = source_columns(connection)
    circumstances = Circumstances(
        rules=rules_fingerprint(), patterns=patterns_fingerprint(), columns=columns.optional
    )
    whole = document(found.definition, circumstances)
    return Choice(found, columns, whole, published, is_emptied, of_named)


def _published_if_readable(
    connection: Connection,
) -> tuple[Baseline | None, bool, tuple[Mapping[str, Any], ...]]:
    """The last published run; without one, whether the ledger was emptied, and by which definitions
    named applications are stored. None for those who may not read the ledger, or have none: what
    they ask is answered all the same."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT ledger")
        try:
            if published := last_published(connection):
                return published, False, ()
            cursor.execute(BEFORE_THE_FIRST)
            are_stored, is_any, definitions = cursor.fetchone()  # type: ignore[misc]
            cursor.execute("ROLLBACK TO ledger")  # leaves no lock behind
            return None, are_stored and not is_any, tuple(definitions) if are_stored else ()
        except (errors.UndefinedTable, errors.InsufficientPrivilege) as error:
            cursor.execute("ROLLBACK TO ledger")
            log.warning("no definition from the ledger: %s", error.diag.message_primary)
            return None, False, ()


def refuse_to_mix(choice: Choice) -> None:
    """Raise `ConfigurationError` when rows of this definition must not stand beside those of the
    published one, or when that cannot be known."""
    if choice.is_emptied:
        raise ConfigurationError(
            f"{EMPTIED}; nothing was done; run `clickstats run --all`, with --definition where "
            "there was one"
        )
    if changes := choice.changes:
        raise ConfigurationError(
            f"another definition than that of the last published run: {'; '.join(changes)}; "
            "nothing was done; "
            + "leave it out, or " * (choice.definition != choice.published_definition)
            + "publish it by `clickstats run --all`"
        )
