"""The whole table as a picture: distributions, times, link functions, rules, whether the scores go
with interviews and offers, and how the runs went.

Owns what is read for it, all in one snapshot; shows nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict, cast

import polars as pl
from psycopg2 import errors

from pipeline.answers import figures
from pipeline.answers.report_rows import (
    ClickSequence,
    HourOfWeek,
    LinkFunction,
    OutcomeShare,
    PairOfBands,
    Response,
    ResponseTime,
    RowTotals,
    RuleCount,
    RunOfLedger,
    ScoreAverages,
    ScoreBand,
    ServerTotals,
    TopApplication,
    Totals,
    Verdict,
)
from pipeline.database.connection import bound, take_snapshot
from pipeline.database.transport import read_by_copy
from pipeline.database.waiting import in_turn
from pipeline.ledger import Choice, chosen
from pipeline.rewrites import read_steadily
from pipeline.scoring.scores import SCORES
from pipeline.settings import Settings
from pipeline.source_columns import source_columns
from schema.columns import INSTANT, SPAN
from schema.sql import over_plain_rows, statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

MOST_FUNCTIONS = 20
# compiling does not pay; the planner overestimates the number of groups, and a zero tuple cost
# permits parallel plans
QUICK = "SET LOCAL jit = off; SET LOCAL work_mem = '64MB'; SET LOCAL parallel_tuple_cost = 0"
TOTALS = pl.Schema(
    {
        "applications": pl.Int64(),
        "missing": pl.Int64(),
        "rows_of_applications": pl.Int64(),
        "rows_without_application": pl.Int64(),
        "oldest_calculated_at": INSTANT,
        "newest_calculated_at": INSTANT,
        "newest_updated_at": INSTANT,
    }
)
REPORT_ROWS = pl.Schema(
    {
        "time_to_first_click": pl.Int64(),
        "time_between_first_last_click": pl.Int64(),
        "click_sequence": pl.String(),
        "unique_functions_clicked": pl.Int32(),
        "total_click_events": pl.Int32(),
        "click_days_of_week": pl.String(),
        "engagement_score": pl.Int32(),
        "intent_score": pl.Int32(),
    }
)
CLICK_TIMES = pl.Schema({"quarter_hour": INSTANT, "clicks": pl.Int64()})
STATUSES = pl.Schema(
    {
        "score": pl.String(),
        "band": pl.Int32(),
        "applications": pl.Int64(),
        "interview": pl.Int64(),
        "offer": pl.Int64(),
    }
)
TOP = pl.Schema(
    {
        "application_id": pl.String(),
        "engagement_score": pl.Int32(),
        "intent_score": pl.Int32(),
        "total_click_events": pl.Int32(),
        "hours_to_first_click": pl.Decimal(10, 2),
        "last_functions": pl.String(),
    }
)

RUNS = pl.Schema(
    {
        "id": pl.String(),
        "started_at": INSTANT,
        "outcome": pl.String(),
        "exit_code": pl.Int32(),
        "seconds": pl.Float64(),
        "applications": pl.Int64(),
        "clicks_read": pl.Int64(),
        "written": pl.Int64(),
        "error": pl.String(),
    }
)


class OfRows(TypedDict):
    """What of an `Overview` the stored rows say."""

    scores: list[ScoreAverages]
    distribution: list[ScoreBand]
    joint: list[PairOfBands]
    response: Response
    response_times: list[ResponseTime]
    functions: list[LinkFunction]
    sequences: list[ClickSequence]
    rules: list[RuleCount]


class OfServer(TypedDict):
    """What of an `Overview` the server counts."""

    clicks_by_hour: list[HourOfWeek]
    outcomes: list[OutcomeShare] | None
    verdicts: list[Verdict] | None
    top: list[TopApplication]
    runs: list[RunOfLedger] | None


@dataclass(frozen=True)
class Overview:
    """What a report shows."""

    taken_at: datetime  # UTC
    timezone: str  # of clicks_by_hour
    totals: Totals
    scores: list[ScoreAverages]
    distribution: list[ScoreBand]
    joint: list[PairOfBands]
    clicks_by_hour: list[HourOfWeek]
    response: Response
    response_times: list[ResponseTime]
    functions: list[LinkFunction]  # the most clicked ones
    sequences: list[ClickSequence]  # the commonest ones
    rules: list[RuleCount]
    statuses: dict[str, list[str]]  # the values of application_status that mean each outcome
    outcomes: list[OutcomeShare] | None  # None: no application_status that may be read
    verdicts: list[Verdict] | None
    top: list[TopApplication]
    runs: list[RunOfLedger] | None  # newest first; None: no ledger that may be read


def overview(settings: Settings, interview: Sequence[str], offer: Sequence[str]) -> Overview:
    """Count everything in one snapshot.

    `interview` and `offer` are the values of `application_status` that mean one, in any case; *
    stands for any text.
    """
    patterns = {"interview": _like(interview), "offer": _like(offer)}

    def read(connection: Connection) -> Overview:
        taken_at = take_snapshot(connection).taken_at
        choice = chosen(connection, settings)
        rows = _rows(connection)
        totals_of_rows: RowTotals
        of_rows: OfRows
        totals: ServerTotals
        of_server: OfServer
        # the server counts clicks while Polars counts rows
        works: list[Callable[[], tuple[Any, Any]]] = [
            lambda: _of_rows(rows),
            lambda: _of_server(connection, rows.height, choice, patterns),
        ]
        (totals_of_rows, of_rows), (totals, of_server) = in_turn(works, connection, threads=2)
        return Overview(
            taken_at=taken_at,
            timezone=choice.timezone,
            totals={**totals, **totals_of_rows},
            statuses={"interview": list(interview), "offer": list(offer)},
            **of_rows,
            **of_server,
        )

    return read_steadily(settings, read)


def _of_rows(rows: pl.DataFrame) -> tuple[RowTotals, OfRows]:
    functions = figures.link_functions(rows)
    totals: RowTotals = {
        "stored": rows.height,
        "with_clicks": rows.filter(pl.col("total_click_events") > 0).height,
        "clicks": int(rows["total_click_events"].cast(pl.Int64).sum()),
        "link_functions": functions.height,
    }
    return totals, {
        "scores": [
            {
                "score": name,
                "mean": cast("float | None", rows[name].mean()),
                "median": cast("float | None", rows[name].median()),
            }
            for name in SCORES
        ],
        "distribution": figures.distribution(rows),
        "joint": figures.joint(rows),
        "response": figures.response(rows),
        "response_times": figures.response_times(rows),
        "functions": cast("list[LinkFunction]", functions.head(MOST_FUNCTIONS).to_dicts()),
        "sequences": figures.sequences(rows),
        "rules": figures.rules(rows),
    }


def _of_server(
    connection: Connection, stored: int, choice: Choice, patterns: dict[str, list[str]]
) -> tuple[ServerTotals, OfServer]:
    [totals] = _read(connection, statement("report_totals"), TOTALS).to_dicts()
    totals["rows_left_out"] = totals.pop("rows_of_applications") - stored
    front = source_columns(connection).in_front(["link_clicks"], choice.definition)
    click_times = _read(
        connection, front.as_string(connection) + statement("click_times"), CLICK_TIMES
    )
    outcomes = (
        figures.outcomes_by_band(_read(connection, over_plain_rows("outcomes"), STATUSES, patterns))
        if _has_status(connection)
        else None
    )
    top = _read(connection, over_plain_rows("top"), TOP).with_columns(
        pl.col("last_functions").str.json_decode(pl.List(pl.String)).list.join(" → ")
    )
    return cast(ServerTotals, totals), {
        "clicks_by_hour": figures.clicks_by_hour(click_times, choice.timezone),
        "outcomes": outcomes,
        "verdicts": None if outcomes is None else figures.verdicts(outcomes),
        "top": cast("list[TopApplication]", top.to_dicts()),
        "runs": _runs(connection),
    }


# --- reading ---------------------------------------------------------------------------------


def _read(
    connection: Connection, text: str, schema: pl.Schema, parameters: dict[str, Any] | None = None
) -> pl.DataFrame:
    return read_by_copy(connection, bound(connection, text, parameters or {}), schema)


def _rows(connection: Connection) -> pl.DataFrame:
    """What is counted of the stored rows, with their lists as lists and as JSON (`sequence`)."""
    with connection.cursor() as cursor:
        cursor.execute(QUICK)
    return _read(connection, over_plain_rows("report_rows"), REPORT_ROWS).with_columns(
        pl.col("time_to_first_click", "time_between_first_last_click").cast(SPAN),
        sequence=pl.col("click_sequence"),
        click_sequence=pl.col("click_sequence").str.json_decode(pl.List(pl.String)),
        click_days_of_week=pl.col("click_days_of_week").str.json_decode(pl.List(pl.Int32)),
    )


def _runs(connection: Connection) -> list[RunOfLedger] | None:
    """The newest runs; None where there is no ledger, or none that this role may read."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT ledger")
        try:
            runs = _read(connection, statement("run_history"), RUNS).to_dicts()
        except (errors.UndefinedTable, errors.UndefinedColumn, errors.InsufficientPrivilege):
            cursor.execute("ROLLBACK TO ledger")
            return None
    return cast("list[RunOfLedger]", runs)


def _has_status(connection: Connection) -> bool:
    """Whether there is an application_status that this role may read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_attribute WHERE attrelid = to_regclass('job_applications')"
            " AND attname = 'application_status' AND NOT attisdropped"
            " AND has_column_privilege(attrelid, attnum, 'SELECT')"
        )
        return cursor.rowcount > 0


def _like(names: Sequence[str]) -> list[str]:
    """Names with * for any text as patterns of LIKE."""
    return [re.sub(r"([\\%_])", r"\\\1", name).replace("*", "%") for name in names]
