"""The steps that runs have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import polars as pl

from pipeline.audit import audit_written, warn_of
from pipeline.captured import applications_of, captured
from pipeline.choice import Choice, chosen, refuse_to_mix
from pipeline.database.connection import Snapshot, rows_by_name, session, take_snapshot
from pipeline.extract import Extracted, Source
from pipeline.ledger import Ledger, refuse_earlier_instant, tell_snapshot
from pipeline.load import write
from pipeline.lock import hold_gate_alone
from pipeline.run_report import Advance, RunReport, Show
from pipeline.settings import Settings
from pipeline.slices import AnyComputation, Computation
from pipeline.source_shape import refuse_settings, refuse_shadows
from pipeline.target import Target
from pipeline.written import ToWrite
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

Found = TypeVar("Found", bound=AnyComputation)
Computing = Callable[[Source, Target, RunReport, Advance], Found]
Compute = Computing[AnyComputation]
Step = Literal["lock", "gate", "snapshot", "read", "audit", "write", "commit", "end"]
Before = Callable[[Step], object]


def nothing(step: Step) -> None:
    """For whoever has nothing to do before a step; tests hold a run there."""


@contextmanager
def writing(settings: Settings) -> Iterator[Connection]:
    """The session that writes, after a look at its settings and at what could be taken for built-in
    functions."""
    with session(settings) as writer:
        refuse_settings(writer)
        refuse_shadows(writer, settings.schema)
        yield writer


@contextmanager
def snapshot_behind_gate(
    writer: Connection, settings: Settings, wait: int, before: Before, *, held: bool = False
) -> Iterator[Snapshot]:
    """A snapshot taken while no `run --app-id` lies between its own snapshot and its commit; the
    gate may be `held` already."""
    with ExitStack() as reading:
        with session(settings) as gatekeeper:
            if not held:
                hold_gate_alone(gatekeeper, settings, wait)
            reader = reading.enter_context(session(settings, snapshot=True))
            before("snapshot")
            snapshot = take_snapshot(reader, writer)
            if not held:
                tell_snapshot(gatekeeper, settings, snapshot)
        yield snapshot


@contextmanager
def reading_named(
    writer: Connection, row: Ledger, before: Before
) -> Iterator[tuple[Snapshot, Choice, RunReport]]:
    """A snapshot of this moment, from which named applications are computed by the published
    definition, and the report that begins with it. Raises `ConfigurationError` for another
    definition."""
    choice = chosen(writer, row.settings)
    refuse_to_mix(choice)
    row.definition = choice.document
    with session(row.settings, snapshot=True) as reader:
        before("snapshot")
        snapshot = take_snapshot(reader, writer)
        refuse_earlier_instant(writer, snapshot)
        before("read")
        report = row.report = reported(row.settings, snapshot, choice)
        yield snapshot, choice, report


def reported(settings: Settings, snapshot: Snapshot, choice: Choice) -> RunReport:
    """The report of a run that begins."""
    return RunReport(settings.run_id, snapshot.taken_at, choice.timezone, choice.fingerprint)


def here(source: Source, target: Target, report: RunReport, advance: Advance) -> Computation:
    """Read everything there is to compute from into memory."""
    warn_of(report, source.outdated)
    extracted = source.extract(advance)
    count(report, extracted)
    return Computation(
        target=target, report=report, definition=source.definition, extracted=extracted
    )


def gathered(
    snapshot: Snapshot,
    settings: Settings,
    choice: Choice,
    report: RunReport,
    show: Show,
    compute: Computing[Found],
    application_ids: Sequence[str] = (),
) -> Found:
    """Read what there is to compute from, of all applications or the named ones; its counts go into
    the report."""
    warn_of(report, choice.warnings())
    with report.phase("read", "clicks_read", show) as advance:
        source = Source(snapshot, settings, choice.definition, application_ids)
        target = Target(source.reader, source.columns.types, application_ids)
        report.rows_without_application = target.rows_without_application
        computation = compute(source, target, report, advance)
    if application_ids:
        return computation
    changes = computation.captured = captured(snapshot.connection)
    if changes and not (changes.everything or choice.changes or target.is_empty):
        ids = applications_of(snapshot.connection, changes)
        computation.named = pl.Series(ids, dtype=pl.String)
    return computation


def count(report: RunReport, extracted: Extracted) -> None:
    """What was read."""
    report.applications = extracted.applications.height
    report.clicks_read = extracted.clicks_read
    report.clicks_unusable = extracted.clicks_unusable
    report.clicks_in_future = extracted.clicks_in_future
    report.clicks_used = extracted.clicks["clicked_at"].count()
    report.clicks_unattributed = report.clicks_read - report.clicks_used - report.clicks_unusable


def id_for_changes(settings: Settings, target: Target, choice: Choice) -> str | None:
    """The id with which a run keeps how scores change; None where nobody knows what they were."""
    is_unknown = target.has_no_readings or choice.knows_no_readings
    return None if is_unknown else settings.run_id


def write_audited(
    writer: Connection, settings: Settings, report: RunReport, wanted: ToWrite
) -> None:
    """Write the rows, count what became of them, and see that none is missing."""
    written = write(writer, wanted, report.snapshot_at, settings.write_attempts)
    report.inserted, report.updated = written.inserted, written.updated
    report.newer, report.gone, report.deleted = written.newer, written.gone, written.deleted
    report.unchanged += written.without_change
    report.readings_written = written.readings_written
    report.readings_deleted = written.readings_deleted
    audit_written(written)
    if wanted.run and wanted.whole:
        report.biggest_changes, report.score_changes = biggest_changes(writer, wanted.run)


def biggest_changes(writer: Connection, run: str) -> tuple[list[dict[str, Any]], int]:
    """What a run has changed most about scores, and how many changes there are."""
    rows = rows_by_name(writer, statement("biggest_changes"), {"run": run})
    counts = [row.pop("changes") for row in rows]  # the same in each
    return rows, counts[0] if counts else 0


def tell(report: RunReport) -> None:
    """Log what was done slice by slice."""
    phases = {"compute": "applications", "compare": "unchanged", "audit": "applications"}
    for phase, rows in phases.items():
        report.tell(phase, rows)
    report.tell("write", "written")
