"""Gather, decide, apply: strings the steps of a run together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import polars as pl

from pipeline.audit import audit_read, audit_rows, audit_written, warn_of
from pipeline.database.connection import Snapshot, commit, session, take_snapshot
from pipeline.database.server_errors import server_errors
from pipeline.extract import APPLICATIONS_PER_SLICE, Extracted, Source
from pipeline.ledger import Ledger, last_published, ledger
from pipeline.load import write
from pipeline.lock import hold_gate_alone, hold_gate_shared, take_run_lock
from pipeline.rewrites import unless_rewritten
from pipeline.run_report import RunReport, Show, show_nothing
from pipeline.scoring.image import oldest, rows_to_write
from pipeline.settings import Settings
from pipeline.slices import Computation
from pipeline.source_shape import refuse_shadows
from pipeline.target import Target

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

log = logging.getLogger("clickstats")


@dataclass(frozen=True)
class Options:
    """What the user may decide about a `run --all`."""

    limit: int | None = None  # rows written at most; the others stay pending
    full: bool = False  # write every row, changed or not
    wait: int = 0  # seconds to wait for another run
    max_shrink: float = 50  # percent that applications and clicks may fall by; 100: any
    keep_days: int = 400  # how long runs stay in the ledger


DEFAULTS = Options()

Step = Literal["lock", "gate", "snapshot", "read", "audit", "write", "commit", "end"]
Before = Callable[[Step], object]


def nothing(step: Step) -> None:
    """For whoever has nothing to do before a step; tests hold a run there."""


def run_all(
    settings: Settings,
    options: Options = DEFAULTS,
    show: Show = show_nothing,
    before: Before = nothing,
) -> RunReport:
    """Compute every application from one snapshot and write the rows that differ.

    Raises `Locked`, `AuditFailed` and what the server says; nothing is written then.
    """
    started = perf_counter()
    with (
        writing(settings) as writer,
        ledger(writer, settings, "run --all", asdict(options), options.keep_days) as row,
        server_errors(),
    ):
        before("lock")
        with show("lock"):
            take_run_lock(writer, options.wait)
        report = unless_rewritten(writer, lambda: _everything(writer, row, options, show, before))
        report.seconds["total"] = perf_counter() - started
        row.publish(writer)
        before("commit")
        commit(writer, settings)
        before("end")
    return report


def _everything(
    writer: Connection, row: Ledger, options: Options, show: Show, before: Before
) -> RunReport:
    """Compute and write everything, from a snapshot of this moment."""
    settings = row.settings
    before("gate")
    with snapshot_behind_gate(settings, options.wait, before) as snapshot:
        before("read")
        report = row.report = RunReport(settings.run_id, snapshot.taken_at, settings.timezone)
        computation = gathered(Source(snapshot, settings), report, show)
        before("audit")
        audit_read(report, last_published(writer), options.max_shrink)
        before("write")
        # the writer pulls the slices: while the server writes one, the next one is computed
        with show("write") as advance, report.timed("write"):
            slices: Callable[[], Iterable[pl.DataFrame]] = partial(
                computation.rows_that_differ, advance, every=options.full
            )
            if options.limit is not None:
                rows, report.pending = oldest(slices(), options.limit)
                slices = partial(rows.iter_slices, APPLICATIONS_PER_SLICE)
            new = report.applications if computation.target.is_empty else 0
            write_audited(writer, slices, report, new, whole=True)
    tell(report)
    warn_of(report, computation.odd)
    return report


def gathered(source: Source, report: RunReport, show: Show) -> Computation:
    """Read what there is to compute from; its counts go into the report."""
    with report.phase("read", "clicks_read", show) as advance:
        target = Target(source.reader)
        report.rows_without_application = target.rows_without_application
        extracted = source.extract(advance)
        count(report, extracted)
    return Computation(target, extracted, report)


def run_named(
    settings: Settings,
    application_ids: Sequence[str],
    keep_days: int = DEFAULTS.keep_days,
    before: Before = nothing,
) -> tuple[pl.DataFrame, list[str]]:
    """Compute and write the named applications, and confirm them when nothing changed.

    Returns their rows (`schema.columns.ANALYTICS`) in the order given, and the ids that name no
    application.
    """
    started = perf_counter()
    options = {"app_id": list(application_ids)}
    with (
        writing(settings) as writer,
        ledger(writer, settings, "run --app-id", options, keep_days) as row,
        server_errors(),
    ):
        before("gate")
        hold_gate_shared(writer, application_ids)
        report, per_application = unless_rewritten(
            writer, lambda: _named(writer, row, application_ids, before)
        )
        report.seconds["total"] = perf_counter() - started
        row.publish(writer)
        before("commit")
        commit(writer, settings)
        before("end")
    named = pl.DataFrame({"application_id": application_ids})
    found = named.join(per_application, on="application_id", maintain_order="left")
    unknown = named.join(per_application, on="application_id", how="anti", maintain_order="left")
    return found.drop("created_at"), unknown["application_id"].to_list()


def _named(
    writer: Connection, row: Ledger, application_ids: Sequence[str], before: Before
) -> tuple[RunReport, pl.DataFrame]:
    """Compute and write the named applications, from a snapshot of this moment."""
    settings = row.settings
    with session(settings, snapshot=True) as reader:
        before("snapshot")
        snapshot = take_snapshot(reader)
        before("read")
        report = row.report = RunReport(settings.run_id, snapshot.taken_at, settings.timezone)
        source = Source(snapshot, settings, application_ids)
        target = Target(source.reader, application_ids)
        computation = Computation(target, source.extract(), report)
        count(report, computation.extracted)
        slices = zip(*computation.beside_stored(), strict=True)
        per_application, stored = map(pl.concat, slices)
        rows = rows_to_write(per_application, stored, every=True)
    audit_rows(per_application)
    before("write")
    write_audited(writer, lambda: [rows], report)
    return report, per_application


@contextmanager
def writing(settings: Settings) -> Iterator[Connection]:
    """The session that writes, after a look at what could be taken for built-in functions."""
    with session(settings) as writer:
        refuse_shadows(writer, settings.schema)
        yield writer


@contextmanager
def snapshot_behind_gate(settings: Settings, wait: int, before: Before) -> Iterator[Snapshot]:
    """A snapshot taken while no `run --app-id` lies between its own snapshot and its commit."""
    with ExitStack() as reading:
        with session(settings) as gatekeeper:
            hold_gate_alone(gatekeeper, wait)
            reader = reading.enter_context(session(settings, snapshot=True))
            before("snapshot")
            snapshot = take_snapshot(reader)
        yield snapshot


def count(report: RunReport, extracted: Extracted) -> None:
    """What was read."""
    report.applications = extracted.applications.height
    report.clicks_read = extracted.clicks_read
    report.clicks_unusable = extracted.clicks_unusable
    report.clicks_in_future = extracted.clicks_in_future
    report.clicks_used = extracted.clicks["clicked_at"].count()
    report.clicks_unattributed = report.clicks_read - report.clicks_used - report.clicks_unusable


def write_audited(
    writer: Connection,
    slices: Callable[[], Iterable[pl.DataFrame]],
    report: RunReport,
    new: int = 0,
    *,
    whole: bool = False,
) -> None:
    """Write the rows, count what became of them, and see that none is missing."""
    written = write(writer, slices, report.snapshot_at, new, whole)
    report.inserted, report.updated = written.inserted, written.updated
    report.newer, report.gone, report.deleted = written.newer, written.gone, written.deleted
    audit_written(written)


def tell(report: RunReport) -> None:
    """Log what was done slice by slice."""
    phases = {"compute": "applications", "compare": "unchanged", "audit": "applications"}
    for phase, rows in phases.items():
        report.tell(phase, rows)
    report.tell("write", "written")
