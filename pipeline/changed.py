"""`run --changed`: computes the applications that change capture has named, and no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from time import perf_counter
from typing import TYPE_CHECKING

import polars as pl

from pipeline.audit import ORPHANS, audit_rows, warn_of
from pipeline.capture import idle, refuse_unless_on
from pipeline.captured import Captured, applications_of, captured, forget, is_lost
from pipeline.choice import last_published
from pipeline.database.connection import commit
from pipeline.database.server_errors import server_errors
from pipeline.ledger import Round, ledger_of_rounds
from pipeline.lock import hold_gate_shared
from pipeline.plurals import counted
from pipeline.rewrites import unless_rewritten
from pipeline.run import DEFAULTS, Options, run_all
from pipeline.run_report import RunReport, Show, show_nothing
from pipeline.run_steps import (
    Before,
    biggest_changes,
    gathered,
    here,
    id_for_changes,
    nothing,
    reading_named,
    tell,
    write_audited,
    writing,
)
from pipeline.scoring.image import marked, oldest, rows_to_write
from pipeline.settings import Settings
from pipeline.written import ToWrite

if TYPE_CHECKING:
    from pipeline.database.connection import Connection


def run_changed(
    settings: Settings,
    options: Options = DEFAULTS,
    show: Show = show_nothing,
    before: Before = nothing,
) -> RunReport:
    """Compute the applications that change capture has named so far, write the rows that differ and
    confirm the others. When it has named nothing, nothing is written.

    When it has named everything, or more applications than one slice has, when changes or stored
    rows were lost, and when no `run --all` was published, it is one.
    Raises `ConfigurationError` when capture is off, and for a definition other than the published
    one, or where the ledger has forgotten that one.
    """
    started = perf_counter()
    done: RunReport | None = None
    with (
        writing(settings) as writer,
        ledger_of_rounds(
            writer, settings, "run --changed", asdict(options), options.keep_days
        ) as row,
        server_errors(),
    ):
        if report := idle(writer, settings):
            return report
        changes = captured(writer)
        if changes is None:  # turned off this moment
            refuse_unless_on(writer)
        # where nothing was published nobody knows by which definition the stored rows are
        if changes and last_published(writer) and (named := few(writer, settings, changes)):
            before("gate")
            hold_gate_shared(writer, settings, named)
            report, pending = unless_rewritten(
                writer, lambda: _changed(writer, row, named, options, show, before)
            )
            # no run that is newer can have come between: then the clock was set back, and what was
            # left is to be looked at again
            if not report.newer:
                forget(writer, changes, pending)
            report.seconds["total"] = perf_counter() - started
            row.publish(writer)
            done = report
            before("commit")
            commit(writer, settings)
            before("end")
    return done or run_all(settings, options, show, before, by_published=True)


def few(connection: Connection, settings: Settings, changes: Captured) -> list[str]:
    """The applications that the changes name; none when it is better to compute everything."""
    all_is_due = changes.everything or is_lost(connection)
    named = [] if all_is_due else applications_of(connection, changes)
    return named if len(named) <= settings.sizes.applications else []


def _changed(
    writer: Connection,
    row: Round,
    named: Sequence[str],
    options: Options,
    show: Show,
    before: Before,
) -> tuple[RunReport, list[str]]:
    """Compute and write the named applications, from a snapshot of this moment; returns also the
    ids of those that the limit has left."""
    settings = row.settings
    with reading_named(writer, row, before) as (snapshot, choice, report):
        computation = gathered(snapshot, settings, choice, report, show, here, named)
        slices = zip(*computation.beside_stored(), strict=True)
        per_application, stored = map(pl.concat, slices)
        with report.timed("compare"):
            marks = marked(per_application, stored, computation.frozen_before)
            rows = rows_to_write(per_application, marks, every=True)
        computation.count(marks, per_application["application_id"], stored)
        due = per_application.filter(marks["is_changed"] | marks["has_other_readings"])
        run = id_for_changes(settings, computation.target, choice)
    with report.timed("audit"):
        audit_rows(per_application)
    pending: list[str] = []
    if options.limit is not None:
        is_due = pl.col("application_id").is_in(due["application_id"].implode())
        first, pending = oldest([rows.filter(is_due)], options.limit)
        report.pending = len(pending)
        rows = pl.concat([rows.filter(~is_due), first]).sort("application_id")
    before("write")
    wanted = ToWrite(
        lambda: [rows],
        every=True,
        run=run,
        only_stored=choice.leaves_rows,
        orphans=lambda: computation.orphans,
        lost_readings=lambda: 0,  # of the others nobody has told
    )
    with show("write"), report.timed("write"):
        write_audited(writer, settings, report, wanted)
    if (left := computation.orphans - report.deleted) > 0:
        warn_of(report, [counted(left, *ORPHANS)])
    confirmed = rows.height - int(rows["is_changed"].sum())
    report.updated -= confirmed
    report.unchanged += confirmed
    if run:
        report.biggest_changes, report.score_changes = biggest_changes(writer, run)
    tell(report)
    return report, pending
