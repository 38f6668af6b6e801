"""Gather, decide, apply: strings the steps of a run together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import polars as pl

from pipeline.audit import ORPHANS, audit_read, audit_rows, warn_of
from pipeline.captured import catalog, forget, is_reached
from pipeline.choice import Choice, chosen, refuse_to_mix
from pipeline.database.connection import commit, refuse_clock_set_back
from pipeline.database.server_errors import server_errors
from pipeline.errors import ConfigurationError, FrozenApplications, Refused
from pipeline.extract import Source
from pipeline.ledger import Ledger, ledger, ledger_of_rounds
from pipeline.lock import hold_gate_alone, hold_gate_shared, take_run_lock
from pipeline.rewrites import unless_rewritten
from pipeline.run_report import Advance, RunReport, Show, no_advance, show_nothing
from pipeline.run_steps import (
    Before,
    Compute,
    gathered,
    here,
    id_for_changes,
    nothing,
    reading_named,
    reported,
    snapshot_behind_gate,
    tell,
    write_audited,
    writing,
)
from pipeline.scoring.image import marked, oldest, rows_to_write
from pipeline.settings import Settings
from pipeline.slices import AnyComputation
from pipeline.target import Target, refuse_rows_of_the_future
from pipeline.written import ToWrite
from pipeline.zone_data import zone_warnings
from schema.columns import ANALYTICS, READINGS
from schema.sql import read_all

if TYPE_CHECKING:
    from pipeline.database.connection import Connection


@dataclass(frozen=True)
class Options:
    """What the user may decide about a `run --all`."""

    limit: int | None = None  # rows written at most; the others stay pending
    full: bool = False  # write every row, changed or not
    wait: int = 0  # seconds to wait for another run
    max_shrink: float = 50  # percent that applications and clicks may fall by; 100: any
    keep_days: int = 400  # how long runs stay in the ledger


DEFAULTS = Options()
BRIEFLY = "2s"  # whoever waits for rows of a run keeps its readers waiting behind him

JOBS_STORED = """
SELECT application_id::text, job_id::text FROM link_click_analytics
WHERE application_id = ANY (%s::uuid[])
"""
LOOK_NEWER = (
    "stored rows look newer than this run, although they are not: the server's clock was set back, "
    "or another program writes link_click_analytics; nothing was written; run again"
)


def run_all(
    settings: Settings,
    options: Options = DEFAULTS,
    show: Show = show_nothing,
    before: Before = nothing,
    *,
    by_published: bool = False,
) -> RunReport:
    """Compute every application from one snapshot and write the rows that differ.

    Raises `Locked`, `AuditFailed` and what the server says; nothing is written then. With
    `by_published` raises `ConfigurationError` for another definition than the published one, and
    where the ledger has forgotten that one.
    """
    started = perf_counter()
    read_all()
    with (
        writing(settings) as writer,
        ledger(writer, settings, "run --all", asdict(options), options.keep_days) as row,
        server_errors(),
        engine(settings) as compute,
    ):
        before("lock")
        with show("lock"):
            take_run_lock(writer, options.wait)
        report = unless_rewritten(
            writer,
            lambda: _everything(
                writer, row, options, compute, show, before, by_published=by_published
            ),
        )
        report.seconds["total"] = perf_counter() - started
        row.publish(writer)
        before("commit")
        commit(writer, settings)
        before("end")
    return report


def _everything(
    writer: Connection,
    row: Ledger,
    options: Options,
    compute: Compute,
    show: Show,
    before: Before,
    *,
    by_published: bool,
) -> RunReport:
    """Compute and write everything, from a snapshot of this moment."""
    settings = row.settings
    choice = chosen(writer, settings)
    if by_published:
        refuse_to_mix(choice)
    row.definition = choice.document
    refuse_part(choice, options)
    known = catalog(writer)  # before the snapshot: what comes between is computed once more
    before("gate")
    if held := choice.is_new:
        # until the commit: rows of both must not mix
        hold_gate_alone(writer, settings, options.wait)
        choice = chosen(writer, settings)  # before the first one, named runs may have ended since
        row.definition = choice.document
        refuse_part(choice, options)
    with snapshot_behind_gate(writer, settings, options.wait, before, held=held) as snapshot:
        before("read")
        report = row.report = reported(settings, snapshot, choice)
        computation = gathered(snapshot, settings, choice, report, show, compute)
        before("audit")
        audit_read(report, choice.published, options.max_shrink)
        zones = choice.definition.time
        warn_of(report, zone_warnings(snapshot.connection, zones, computation.instants))
        told, target = computation.captured, computation.target
        ahead = target.ahead()
        before("write")
        if ahead is None:
            refuse_rows_of_the_future(writer)
        # the writer pulls the slices: while the server writes one, the next one is computed
        with show("write") as advance, report.timed("write"):
            slices, pending = slices_to_write(computation, options, settings, advance)
            is_large = report.applications >= settings.sizes.first_load
            is_fresh = target.has_no_readings
            wanted = ToWrite(
                slices,
                first_load=is_large and is_fresh and target.is_empty,
                whole=True,
                every=options.full,
                run=None if choice.is_new else id_for_changes(settings, target, choice),
                only_stored=choice.leaves_rows,
                orphans=lambda: computation.orphans,
                lost_readings=lambda: computation.lost_readings,
            )
            write_audited(writer, settings, report, wanted)
            if pending:  # of rows that were lost some may be among them, which no change names
                of_last = choice.published.catalog if choice.published else None
                known = None if target.is_empty or is_fresh else of_last
            refuse_clock_set_back(writer, snapshot)
            computation.odd[ORPHANS] = max(0, computation.orphans - report.deleted)
            # of the rows that it has left as newer some may be older
            if is_reached(writer, ahead):
                if not told:  # there is no round that would compute them
                    raise Refused(LOOK_NEWER)
                known = None
            elif told:
                forget(writer, told, pending)
            row.noted = {"catalog": known}
    tell(report)
    warn_of(report, computation.warnings())
    return report


def slices_to_write(
    computation: AnyComputation, options: Options, settings: Settings, advance: Advance
) -> tuple[Callable[[], Iterable[pl.DataFrame]], list[str]]:
    """What gives the rows that differ, slice by slice, or the oldest of them; and the applications
    that the limit leaves for later."""
    slices = partial(computation.rows_that_differ, advance, every=options.full)
    if options.limit is None:
        computation.target.lock_timeout = BRIEFLY  # they are read while the run holds others
        return slices, []
    rows, pending = oldest(slices(), options.limit)
    computation.report.pending = len(pending)
    return partial(rows.iter_slices, settings.sizes.applications), pending


def refuse_part(choice: Choice, options: Options) -> None:
    """Raise `ConfigurationError` when a part of the rows would be written by another definition."""
    if options.limit is not None and choice.mixed:
        raise ConfigurationError(
            f"--limit would mix two definitions: {'; '.join(choice.mixed)}; nothing was written; "
            "run without --limit"
        )


@contextmanager
def engine(settings: Settings) -> Iterator[Compute]:
    """Where a run of everything is computed: here, or on a cluster."""
    if settings.engine is None:
        yield here
        return

    try:
        from pipeline.spark import spark  # an extra, which the others do without
    except ModuleNotFoundError:
        raise ConfigurationError(
            "an engine needs the package pyspark: pip install 'clickstats[spark]'"
        ) from None
    with spark(settings) as compute:
        yield compute


def run_named(
    settings: Settings,
    application_ids: Sequence[str],
    keep_days: int = DEFAULTS.keep_days,
    before: Before = nothing,
    *,
    thaw: bool = False,
    round_of: str | None = None,
) -> tuple[pl.DataFrame, list[str]]:
    """Compute and write the named applications, and confirm them when nothing changed.

    Returns their rows (`schema.columns.ANALYTICS` and `READINGS`) in the order given, and the ids
    that name no application. Raises `ConfigurationError` for a definition other than the published
    one, and for frozen applications, unless they are to `thaw`. With `round_of`, the name of a
    command that computes again and again, its runs of an hour share a row of the ledger.
    """
    started = perf_counter()
    options = {"app_id": list(application_ids)}
    with (
        writing(settings) as writer,
        ledger_of_rounds(writer, settings, round_of, options, keep_days)
        if round_of
        else ledger(writer, settings, "run --app-id", options, keep_days) as row,
        server_errors(),
    ):
        before("gate")
        hold_gate_shared(writer, settings, application_ids)
        report, per_application = unless_rewritten(
            writer, lambda: _named(writer, row, application_ids, before, thaw=thaw)
        )
        report.seconds["total"] = perf_counter() - started
        row.publish(writer)
        before("commit")
        commit(writer, settings)
        before("end")
    named = pl.DataFrame({"application_id": application_ids})
    found = named.join(per_application, on="application_id", maintain_order="left")
    unknown = named.join(per_application, on="application_id", how="anti", maintain_order="left")
    return found.select(*ANALYTICS, *READINGS), unknown["application_id"].to_list()


def _named(
    writer: Connection,
    row: Ledger,
    application_ids: Sequence[str],
    before: Before,
    *,
    thaw: bool,
) -> tuple[RunReport, pl.DataFrame]:
    """Compute and write the named applications, from a snapshot of this moment."""
    settings = row.settings
    with reading_named(writer, row, before) as (snapshot, choice, report):
        source = Source(snapshot, settings, choice.definition, application_ids, choice.source)
        target = Target(source.reader, source.columns.types, application_ids)
        computation = here(source, target, report, no_advance)
        computation.thaw = thaw
        slices = zip(*computation.beside_stored(), strict=True)
        per_application, stored = map(pl.concat, slices)
        marks = marked(per_application, stored, computation.frozen_before)
        refuse_frozen(per_application.filter(marks["is_frozen"]))
        rows = rows_to_write(per_application, marks, every=True)
        run = id_for_changes(settings, target, choice)
    audit_rows(per_application)
    before("write")
    wanted = ToWrite(lambda: [rows], every=True, run=run, only_stored=choice.leaves_rows)
    write_audited(writer, settings, report, wanted)
    if report.newer:  # although no run that is newer can have come between
        raise Refused(LOOK_NEWER)
    return report, as_written(writer, per_application)


def as_written(writer: Connection, per_application: pl.DataFrame) -> pl.DataFrame:
    """The rows as they are stored now: without applications that have gone since they were read,
    and without jobs that have."""
    with writer.cursor() as cursor:
        cursor.execute(JOBS_STORED, (per_application["application_id"].to_list(),))
        stored = pl.DataFrame(
            cursor.fetchall(), {"application_id": pl.String, "job_id": pl.String}, orient="row"
        )
    return (
        per_application.drop("job_id")
        .join(stored, on="application_id", maintain_order="left")
        .select(per_application.columns)
    )


def refuse_frozen(frozen: pl.DataFrame) -> None:
    """Raise `FrozenApplications` when named applications are to keep their stored rows."""
    if not frozen.is_empty():
        raise FrozenApplications(frozen["application_id"].to_list())
