"""Looks named applications up: computes them from one snapshot, holds them against what is stored,
and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg2 import errors

from pipeline.answers.changes import ALWAYS, score_changes
from pipeline.answers.explanation import (
    Explanation,
    Published,
    StoredReadings,
    explanations,
    timeline,
)
from pipeline.answers.score_change import ScoreChange
from pipeline.answers.stored_rows import Filters, stored_ids, stored_pages, with_lists
from pipeline.choice import Choice, chosen
from pipeline.database.connection import rows_by_name, take_snapshot
from pipeline.errors import UnknownApplication
from pipeline.extract import Extracted, Source
from pipeline.rewrites import read_steadily
from pipeline.settings import Settings
from pipeline.slices import scored
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

MOST_CHANGES = 10_000


def explain_named(
    settings: Settings, application_ids: Sequence[str], *, private: bool = False
) -> tuple[list[Explanation], list[str]]:
    """The explanations of the named applications in the order given, and the ids that name none.

    With `private` they hold no user agent and no address.
    """
    found, _ = _looked_up(settings, application_ids, private=private)
    return (
        [found[name] for name in application_ids if name in found],
        [name for name in application_ids if name not in found],
    )


def explain_stored(
    settings: Settings, application_id: str, *, private: bool = False
) -> tuple[Explanation, dict[str, Any] | None]:
    """The explanation of an application, and its stored row (`schema.columns.STORED`), both from
    one snapshot; None where there is no row, or one with values that no run writes.

    Raises `UnknownApplication`.
    """
    found, stored = _looked_up(settings, [application_id], private=private)
    if not found:
        raise UnknownApplication(
            f"no such application: {application_id}; expected ids from job_applications"
        )
    return found[application_id], next(stored.iter_rows(named=True), None)


def _looked_up(
    settings: Settings, application_ids: Sequence[str], *, private: bool
) -> tuple[dict[str, Explanation], pl.DataFrame]:
    """The explanations by application, and the stored rows."""

    def read(
        connection: Connection,
    ) -> tuple[
        Choice,
        datetime,
        list[Extracted],
        pl.DataFrame,
        pl.DataFrame,
        set[str],
        StoredReadings | None,
        list[ScoreChange],
    ]:
        snapshot = take_snapshot(connection)
        choice = chosen(connection, settings)
        definitions = [choice.definition, *[choice.published_definition] * bool(choice.changes)]
        sources = [Source(snapshot, settings, each, application_ids) for each in definitions]
        extracted = [source.extract() for source in sources]
        filters = Filters(application_ids)
        stored = with_lists(pl.concat(stored_pages(connection, filters)))
        foreign = stored_ids(connection, filters).difference(stored["application_id"])
        origins = sources[0].origins(extracted[0].links)
        readings = _readings(connection, application_ids)
        changes = _history(connection, application_ids)
        return choice, snapshot.taken_at, extracted, origins, stored, foreign, readings, changes

    (
        choice,
        snapshot_at,
        [extracted, *others],
        origins,
        stored,
        foreign,
        readings,
        changes,
    ) = read_steadily(settings, read)
    published = None
    if others:
        rows, _ = scored(others[0], choice.published_definition)
        typed = rows.with_columns(pl.col("click_sequence").cast(pl.List(pl.String)))
        by_id = {row["application_id"]: row for row in typed.iter_rows(named=True)}
        published = Published(choice.changes, by_id)
    per_application, clicks = scored(extracted, choice.definition)
    unusable = extracted.clicks.filter(pl.col("clicked_at").is_null())["link"]
    of_applications = extracted.links["application"].gather(unusable).value_counts()
    found = {
        explanation.application_id: explanation
        for explanation in explanations(
            per_application,
            timeline(clicks, origins, choice.timezone),
            dict(of_applications.iter_rows()),
            stored,
            foreign,
            readings,
            choice.definition,
            published,
            changes,
            choice.definition.frozen_before(snapshot_at),
            private=private,
        )
    }
    return found, stored


def _readings(connection: Connection, application_ids: Sequence[str]) -> StoredReadings | None:
    """The stored readings by application; None for those who may not read them, or have none."""
    parameters = {"application_ids": list(application_ids)}
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT readings")
        try:
            rows = rows_by_name(connection, statement("readings_of"), parameters)
        except (errors.UndefinedTable, errors.InsufficientPrivilege):
            cursor.execute("ROLLBACK TO readings")
            return None
    return {row["application_id"]: row for row in rows}


def _history(connection: Connection, application_ids: Sequence[str]) -> list[ScoreChange]:
    """What has changed about the scores; nothing for those who may not read it."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT history")
        try:
            return score_changes(connection, ALWAYS, application_ids, limit=MOST_CHANGES).changes
        except (errors.UndefinedTable, errors.InsufficientPrivilege):
            cursor.execute("ROLLBACK TO history")
            return []
