"""`clickstats run`: compute and write, all applications or the named ones."""

from __future__ import annotations

import signal
import sys
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from math import isnan
from typing import TYPE_CHECKING, Annotated

import typer

from cli.logs import configure
from cli.options import (
    MOST,
    ConnectTimeout,
    DatabaseUrl,
    DefinitionFile,
    Engine,
    Format,
    KeepDays,
    LogFormat,
    MetricsFile,
    OutputFormat,
    Quiet,
    Schema,
    Timezone,
    Verbose,
)
from cli.output import PIPE_WIDTH, SCHEMA_VERSION, console, print_json, text_of
from cli.progress import progress
from cli.run_words import of_run
from cli.wording import band
from pipeline.errors import ConfigurationError, UnknownApplication
from pipeline.settings import Settings, application_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    import polars as pl

    from pipeline.dry_run import DryRun
    from pipeline.run_report import RunReport


def run(
    everything: Annotated[
        bool, typer.Option("--all", help="Compute every application; write the rows that differ.")
    ] = False,
    app_id: Annotated[
        list[str] | None,
        typer.Option(metavar="UUID", help="Compute this application now. May be repeated."),
    ] = None,
    changed: Annotated[
        bool,
        typer.Option(
            "--changed", help="Compute what changed since: see `clickstats capture --help`."
        ),
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST,
            metavar="N",
            help="With --all or --changed: write at most N rows, oldest first.",
        ),
    ] = None,
    thaw: Annotated[
        bool,
        typer.Option("--thaw", help="With --app-id: compute frozen applications, too."),
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="With --all: write every row, changed or not.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="With --all: say what would be written; write nothing."),
    ] = False,
    wait: Annotated[
        int,
        typer.Option(
            min=0, max=86_400, metavar="SECONDS", help="With --all: wait this long for another run."
        ),
    ] = 0,
    max_shrink: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            metavar="PERCENT",
            help="With --all: publish nothing if applications or clicks fell by more than this "
            "since the last published run. 100 allows any fall.",
        ),
    ] = 50,
    keep_days: KeepDays = 400,
    engine: Engine = None,
    metrics_file: MetricsFile = None,
    output: OutputFormat = Format.text,
    log_format: LogFormat = Format.text,
    quiet: Quiet = False,
    verbose: Verbose = False,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    definition: DefinitionFile = None,
    timezone: Timezone = None,
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Compute metrics and scores and write them to link_click_analytics."""
    with_all = {"--full": full}
    with_many = {"--limit": limit is not None, "--wait": bool(wait), "--dry-run": dry_run}
    refuse_combination(
        {"--all": everything, "--changed": changed, "--app-id": bool(app_id)},
        {"--all": with_all | with_many, "--changed": with_many, "--app-id": {"--thaw": thaw}},
    )
    if isnan(max_shrink):  # neither below nor above anything
        raise ConfigurationError("--max-shrink nan; expected a percentage from 0 to 100")
    if limit is not None and full:
        raise ConfigurationError("--limit and --full exclude each other; nothing was done")
    named = application_ids(app_id or [])
    settings = Settings(
        database_url,
        schema,
        timezone,
        connect_timeout,
        definition_file=definition,
        engine=engine or None,
    )
    configure(settings.run_id, log_format, quiet=quiet, verbose=verbose)

    if changed and not (definition or timezone or dry_run or metrics_file):
        from pipeline.capture import nothing_waits  # without Polars

        if report := nothing_waits(settings):
            print_report(report, output, quiet=quiet)
            return

    from pipeline.run import Options, run_named
    from pipeline.short_ids import whole_ids

    options = Options(limit, full, wait, max_shrink, keep_days)
    if dry_run:
        from pipeline.dry_run import dry_run as try_out

        tried = try_out(settings, options, progress(quiet=quiet), changed=changed)
        if output is Format.json or not quiet:
            print_dry_run(tried, output)
        return
    with with_metrics(settings, metrics_file):
        if not app_id:
            if changed:
                from pipeline.changed import run_changed as run_all
            else:
                from pipeline.run import run_all
            report = run_all(settings, options, progress(quiet=quiet))
            with published():
                print_report(report, output, quiet=quiet)
            return
        named, nowhere = whole_ids(settings, named)
        rows, unknown = run_named(settings, named, keep_days, thaw=thaw)
        unknown += nowhere
        with published():
            if output is Format.json or not quiet:
                print_rows(rows, output)
    if unknown:
        raise UnknownApplication(
            f"no such application: {', '.join(unknown)}; expected ids from job_applications"
            + (f"; {rows.height} done" if rows.height else "")
        )


def with_metrics(settings: Settings, path: str | None) -> AbstractContextManager[None]:
    """What writes the metrics file, if any is wanted."""
    if not path:
        return nullcontext()
    from pipeline.answers.prometheus import kept_metrics

    return kept_metrics(settings, path)


def refuse_combination(modes: dict[str, bool], options: dict[str, dict[str, bool]]) -> None:
    """Refuse all but one of the modes, and options that go with others than that; `options` has
    those of each mode, and whether they are given."""
    if sum(modes.values()) != 1:
        raise ConfigurationError(
            "expected one of --all, --changed and --app-id UUID; nothing was done"
        )
    [mode] = [name for name, is_given in modes.items() if is_given]
    given = {name for each in options.values() for name, is_given in each.items() if is_given}
    for option in sorted(given - options[mode].keys()):
        others = " or ".join(other for other in modes if option in options[other])
        raise ConfigurationError(f"{option} goes with {others}; nothing was done")


@contextmanager
def published() -> Iterator[None]:
    """After the commit a signal, or an output that cannot be written, still ends the process, but
    not as if nothing was written."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        error.add_note("the run was published")
        raise


def print_report(run: RunReport, output: Format, *, quiet: bool) -> None:
    """Print what a `run --all` did; as text nothing when `quiet`."""
    if output is Format.json:
        print_json({"schema_version": SCHEMA_VERSION, **asdict(run)})
    elif not (run.applications or run.seconds or quiet):
        print(f"Nothing has changed by {run.snapshot_at:%Y-%m-%d %H:%M:%S} UTC.")
    elif not quiet:
        out = console()
        for part in of_run(run):
            out.print(part)
        out.print("next: clickstats followups")


def print_dry_run(tried: DryRun, output: Format) -> None:
    """Print what a run would do."""
    if output is Format.json:
        print_json(
            {
                "schema_version": SCHEMA_VERSION,
                **asdict(tried.report),
                "columns": tried.columns,
                "distribution": tried.distribution.to_dicts(),
                "movers": tried.movers.to_dicts(),
            }
        )
        return

    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    out = console()
    out.print("[bold]What a run would do[/] (nothing was written)")
    for part in of_run(tried.report):
        out.print(part)
    if tried.columns:
        changes = ", ".join(f"{name} in {count:,}" for name, count in tried.columns.items())
        out.print(f"Of the updated rows would change: {changes}.")
    spread = Table(box=SIMPLE_HEAD, title="Applications in each band of scores")
    spread.add_column("score", justify="right")
    for heading in ("engagement now", "then", "intent now", "then"):
        spread.add_column(heading, justify="right")
    for lowest, *counts in tried.distribution.iter_rows():
        spread.add_row(band(lowest), *(f"{count:,}" for count in counts))
    out.print(spread)
    if not tried.movers.is_empty():
        movers = Table(box=SIMPLE_HEAD, title="The biggest movers")
        movers.add_column("application", no_wrap=True)
        for heading in ("engagement", "intent"):
            movers.add_column(heading, justify="right")
        for application, *moves in tried.movers.iter_rows():
            before, after, intent_before, intent_after = (text_of(move) for move in moves)
            movers.add_row(application, f"{before} → {after}", f"{intent_before} → {intent_after}")
        out.print(movers)


def print_rows(per_application: pl.DataFrame, output: Format) -> None:
    """Print the rows of the named applications: JSON is always an array."""
    if output is Format.json:
        print_json([calculated(row) for row in per_application.iter_rows(named=True)])
        return

    # without rich, which takes longer to import than one application to compute
    from shutil import get_terminal_size
    from textwrap import fill

    from schema.columns import ANALYTICS, READINGS

    names = max(map(len, ANALYTICS)) + 2
    columns = get_terminal_size((PIPE_WIDTH, 0)).columns
    for row in per_application.drop(READINGS).iter_rows(named=True):
        print(row.pop("application_id"))
        for name, value in row.items():
            print(
                fill(
                    text_of(value),
                    columns,
                    initial_indent=f" {name:{names}}",
                    subsequent_indent=" " * (names + 1),
                )
            )


def calculated(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a named application as JSON has it."""
    from schema.columns import ANALYTICS, READINGS  # Polars comes with them: not for `--help`

    return {
        "schema_version": SCHEMA_VERSION,
        **{name: row[name] for name in ANALYTICS},
        "readings": {name: row[name] for name in READINGS if name != "human_rules"},
    }
