"""The whole table as a picture: whom to follow up, what changed, both readings of the scores, what
the clicks are like, rules, whether the scores predict, and how the runs went.

Owns what is read for it, all in one snapshot; shows nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict, cast

import polars as pl
from psycopg2 import errors

from pipeline.answers import figures
from pipeline.answers.changes import Changes, score_changes
from pipeline.answers.followups import Followups, open_interest
from pipeline.answers.landmark import gathered, predicted
from pipeline.answers.prediction import Prediction
from pipeline.answers.report_rows import (
    ClickSequence,
    DefinitionInForce,
    HourOfWeek,
    LinkFunction,
    MonthOfClicks,
    PairOfBands,
    Reading,
    Response,
    ResponseTime,
    RowTotals,
    RuleCount,
    RunOfLedger,
    ScoreAverages,
    ScoreBand,
    ServerTotals,
    Spellings,
    TopApplication,
    Totals,
)
from pipeline.answers.source_clicks import SourceClicks, is_other_definition, source_clicks
from pipeline.answers.status import since_now
from pipeline.choice import Choice, chosen
from pipeline.database.connection import bound, take_snapshot
from pipeline.database.transport import read_by_copy
from pipeline.database.waiting import in_turn
from pipeline.extract import Source
from pipeline.rewrites import read_steadily
from pipeline.settings import Settings
from pipeline.source_columns import source_columns
from schema.columns import INSTANT, SPAN
from schema.sql import over_plain_rows, statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

MOST_FUNCTIONS = 20
MOST_FOLLOWUPS, MOST_CHANGES = 30, 30
WITHIN, SINCE = timedelta(days=14), timedelta(days=1)
# the planner overestimates the number of groups, and a zero tuple cost permits parallel plans
QUICK = "SET LOCAL work_mem = '64MB'; SET LOCAL parallel_tuple_cost = 0"
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
        "application_id": pl.String(),
        "time_to_first_click": pl.Int64(),
        "time_between_first_last_click": pl.Int64(),
        "click_sequence": pl.String(),
        "unique_functions_clicked": pl.Int32(),
        "total_click_events": pl.Int32(),
        "click_days_of_week": pl.String(),
        "engagement_score": pl.Int32(),
        "intent_score": pl.Int32(),
        "hours_to_first_click": pl.Decimal(10, 2),
        "last_human_click": INSTANT,
        "human_clicks": pl.Int32(),
        "machine_clicks": pl.Int32(),
        "own_clicks": pl.Int32(),
        "repeated_clicks": pl.Int32(),
        "engagement_score_all": pl.Int32(),
        "intent_score_all": pl.Int32(),
        "engagement_score_human": pl.Int32(),
        "intent_score_human": pl.Int32(),
        "time_to_first_human_click": pl.Int64(),
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
    """What of an `Overview` the rows say."""

    readings: dict[str, Reading]
    scores: list[ScoreAverages]
    distribution: list[ScoreBand]
    response: Response
    response_times: list[ResponseTime]
    joint: list[PairOfBands]
    functions: list[LinkFunction]
    alike: list[Spellings]
    sequences: list[ClickSequence]
    rules: list[RuleCount]
    top: list[TopApplication]


class OfServer(TypedDict):
    """What of an `Overview` the server finds."""

    followups: Followups
    changes: Changes
    runs: list[RunOfLedger] | None


@dataclass(frozen=True)
class Overview:
    """What a report shows. What says nothing of readings counts the clicks that count."""

    taken_at: datetime  # UTC
    timezone: str  # of hours and months
    definition: DefinitionInForce
    outdated: int | None  # applications with a click dated after the published snapshot
    followups: Followups  # whatever definition is asked for: as the last run stored it
    changes: Changes
    totals: Totals
    readings: dict[str, Reading]  # all, human
    scores: list[ScoreAverages]
    distribution: list[ScoreBand]
    joint: list[PairOfBands]
    clicks_by_hour: list[HourOfWeek]
    clicks_by_month: list[MonthOfClicks]
    response: Response
    response_times: list[ResponseTime]
    functions: list[LinkFunction]  # the most clicked ones
    alike: list[Spellings]
    sequences: list[ClickSequence]  # the commonest ones
    rules: list[RuleCount]
    prediction: Prediction
    top: list[TopApplication]
    runs: list[RunOfLedger] | None  # newest first; None: no ledger that may be read


def overview(
    settings: Settings, interview: Sequence[str] = (), offer: Sequence[str] = ()
) -> Overview:
    """Count everything in one snapshot.

    `interview` and `offer` take the place of what the definition says of statuses.
    """
    meanings = {"interview": tuple(interview), "offer": tuple(offer)}

    def read(connection: Connection) -> Overview:
        snapshot = take_snapshot(connection)
        choice = chosen(connection, settings)
        with connection.cursor() as cursor:
            cursor.execute(QUICK)
        source = Source(snapshot, settings, choice.definition, over_one_connection=True)
        extracted = source.extract()
        clicks = source_clicks(extracted, snapshot.taken_at, choice)
        rows = _rows(connection, clicks, choice, snapshot.taken_at)
        totals_of_rows: RowTotals
        of_rows: OfRows
        totals: dict[str, Any]
        of_server: OfServer
        # the server counts while Polars does
        works: list[Callable[[], tuple[Any, Any]]] = [
            lambda: _of_rows(rows, choice),
            lambda: _of_server(connection, choice),
        ]
        (totals_of_rows, of_rows), (totals, of_server) = in_turn(works, connection, threads=2)
        return Overview(
            taken_at=snapshot.taken_at,
            timezone=choice.timezone,
            definition={
                "fingerprint": choice.fingerprint,
                "count": choice.definition.clicks.count,
                "is_other": is_other_definition(choice),
                "changes": choice.changes,
                "published_at": choice.published.snapshot_at if choice.published else None,
            },
            outdated=clicks.outdated,
            totals=_totals(totals, totals_of_rows, is_stored=clicks.rows is None),
            prediction=predicted(gathered(snapshot, choice, lambda: extracted, meanings)),
            clicks_by_hour=figures.clicks_by_hour(clicks.quarters, choice.timezone, choice.count),
            clicks_by_month=figures.clicks_by_month(clicks.quarters, choice.timezone),
            **of_rows,
            **of_server,
        )

    return read_steadily(settings, read)


def _of_rows(rows: pl.DataFrame, choice: Choice) -> tuple[RowTotals, OfRows]:
    functions = figures.link_functions(rows)
    readings = figures.readings(rows, choice.count)
    reading = readings[choice.count]
    has_clicks = pl.col("total_click_events") > 0
    totals: RowTotals = {
        "stored": rows.height,
        "with_clicks": reading["with_clicks"],
        "clicks": reading["clicks"],
        "link_functions": functions.height,
        "machine_clicks": _sum(rows["machine_clicks"]),
        "own_clicks": _sum(rows["own_clicks"]),
        "repeated_clicks": _sum(rows["repeated_clicks"]),
        "without_readings": rows.filter(has_clicks, pl.col("human_clicks").is_null()).height,
    }
    return totals, {
        "readings": readings,
        "scores": reading["scores"],
        "distribution": reading["distribution"],
        "response": reading["response"],
        "response_times": reading["response_times"],
        "joint": figures.joint(rows),
        "functions": cast("list[LinkFunction]", functions.head(MOST_FUNCTIONS).to_dicts()),
        "alike": figures.alike(functions, choice.definition),
        "sequences": figures.sequences(rows),
        "rules": figures.rules(rows),
        "top": figures.top(rows),
    }


def _totals(of_server: dict[str, Any], of_rows: RowTotals, *, is_stored: bool) -> Totals:
    """Both, with how many stored rows are left out; of rows that are computed none is."""
    counted = of_server.pop("rows_of_applications")
    left_out = counted - of_rows["stored"] if is_stored else 0
    return {**cast(ServerTotals, of_server | {"rows_left_out": left_out}), **of_rows}


def _sum(counts: pl.Series) -> int:
    return int(counts.cast(pl.Int64).sum())


def _of_server(connection: Connection, choice: Choice) -> tuple[dict[str, Any], OfServer]:
    [totals] = _read(connection, statement("report_totals"), TOTALS).to_dicts()
    return totals, {
        "followups": open_interest(connection, choice, WITHIN, MOST_FOLLOWUPS),
        "changes": score_changes(connection, since_now(connection, SINCE), limit=MOST_CHANGES),
        "runs": _runs(connection),
    }


# --- reading ---------------------------------------------------------------------------------


def _read(
    connection: Connection, text: str, schema: pl.Schema, parameters: dict[str, Any] | None = None
) -> pl.DataFrame:
    return read_by_copy(connection, bound(connection, text, parameters or {}), schema)


def _rows(
    connection: Connection, clicks: SourceClicks, choice: Choice, taken_at: datetime
) -> pl.DataFrame:
    """The rows that are counted, with both readings: the stored ones, or those that another
    definition would give, but for the frozen ones."""
    frozen_before = choice.definition.frozen_before(taken_at)
    if clicks.rows is None:
        rows = _stored(connection, choice)
    elif frozen_before is None:
        rows = _computed(clicks.rows)
    else:
        rows = _but_frozen(clicks.rows, _stored(connection, choice), frozen_before)
    if choice.count == "all":
        return rows.with_columns(time_to_first_click_human="time_to_first_human_click")
    # no table of ours holds the first of all clicks where only human ones count, unless all are: of
    # frozen applications the source may no longer hold it either
    first_clicks = clicks.first_clicks.rename({"time_to_first_click": "time_to_first_click_all"})
    others = pl.sum_horizontal(
        "machine_clicks", "own_clicks", "repeated_clicks", ignore_nulls=False
    )
    return rows.join(first_clicks, on="application_id", how="left").with_columns(
        time_to_first_click_all=pl.when(others == 0)
        .then("time_to_first_click")
        .otherwise("time_to_first_click_all")
    )


def _stored(connection: Connection, choice: Choice) -> pl.DataFrame:
    front = source_columns(connection).in_front(["job_applications"], choice.definition)
    text = over_plain_rows("report_rows", front.as_string(connection))
    spans = "time_to_first_click", "time_between_first_last_click", "time_to_first_human_click"
    return _read(connection, text, REPORT_ROWS).with_columns(
        pl.col(*spans).cast(SPAN),
        pl.col("click_sequence").str.json_decode(pl.List(pl.String)),
        pl.col("click_days_of_week").str.json_decode(pl.List(pl.Int32)),
    )


def _computed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.col("click_sequence").cast(pl.List(pl.String)),
        time_to_first_human_click=pl.col("first_human_click") - pl.col("created_at"),
    )


def _but_frozen(rows: pl.DataFrame, stored: pl.DataFrame, frozen_before: datetime) -> pl.DataFrame:
    """The same, with the stored rows of the applications that are frozen."""
    old = rows.filter(pl.col("created_at") < frozen_before)
    frozen = stored.join(old, on="application_id", how="semi")
    others = rows.join(frozen, on="application_id", how="anti")
    return pl.concat([_computed(others).select(frozen.columns), frozen])


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
