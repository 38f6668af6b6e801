"""Why an application has the scores it has: its clicks as a timeline, its metrics, every rule of
each score, and whether the stored row says the same.

Pure: no database, no clock.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import polars as pl

from pipeline.answers.click_reasons import Click, Reasons
from pipeline.answers.score_change import ScoreChange
from pipeline.definition import Definition
from pipeline.scoring.rules import waterfall
from pipeline.scoring.scores import SCORES
from schema.columns import ANALYTICS, READINGS

METRICS = [name for name in ANALYTICS if name not in {"application_id", "job_id"}]


# foreign: it holds values that no run writes, which are not shown; another zone or definition: the
# stored row is what that of the last published run gives; frozen: no run renews it
State = Literal[
    "current", "out of date", "frozen", "another zone", "another definition", "missing", "foreign"
]


StoredReadings = Mapping[str, Mapping[str, Any]]  # by application, as `schema.columns.READINGS`


@dataclass(frozen=True)
class OtherValue:
    """A column whose stored value is not the one computed now."""

    column: str
    stored: Any
    computed: Any


@dataclass(frozen=True)
class StoredRow:
    """How the stored row stands to what is computed now."""

    state: State
    calculated_at: datetime | None = None  # UTC
    differences: tuple[OtherValue, ...] = ()
    changes: tuple[str, ...] = ()  # of the definition since the last published run, in words


@dataclass(frozen=True)
class Explanation:
    """Everything about one application."""

    application_id: str
    job_id: str | None
    created_at: datetime | None  # UTC; null when unusable
    timezone: str  # of hours and days
    count: str  # the clicks that metrics and scores count: "all" or "human"
    clicks: list[dict[str, Any]]  # rows of `timeline`, with the reason of each class
    clicks_unusable: int
    readings: dict[str, Any]  # clicks by kind, and both scores of all and of human clicks
    metrics: dict[str, Any]  # every metric and both scores
    scores: dict[
        str, list[dict[str, Any]]
    ]  # the steps of each score: pipeline.scoring.rules.waterfall
    stored: StoredRow
    history: list[ScoreChange]  # of the scores of human clicks, newest first


@dataclass(frozen=True)
class Published:
    """What the published definition says, where it is another than that of an explanation."""

    changes: Sequence[str]  # what differs, in words
    rows: Mapping[str, Mapping[str, Any]]  # by application, as `scored` has them


def timeline(clicks: pl.DataFrame, origins: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """One row per used click, in order: `application` (row number), `clicked_at` (UTC),
    `local_time` (ISO 8601), `day_of_week` (0 = Sunday), `hour`, `link_function`, `link`, `class`,
    `user_agent` and `ip_address`.

    `clicks` as `scoring.origins.classified`, `origins` as `extract.Source.origins` gives them.
    Clicks that are alike but for their user agent or address may have theirs exchanged.
    """
    alike = ("link", "clicked_at", "mark")
    number = pl.int_range(pl.len()).over(alike).alias("number")
    local = pl.col("clicked_at").dt.replace_time_zone("UTC").dt.convert_time_zone(timezone)
    return (
        clicks.with_columns(number)
        .join(
            origins.with_columns(number), on=[*alike, "number"], how="left", maintain_order="left"
        )
        .select(
            "application",
            "clicked_at",
            local_time=local.dt.to_string("iso:strict"),
            day_of_week=local.dt.weekday() % 7,
            hour=local.dt.hour(),
            link_function=pl.col("link_function").cast(pl.String),
            link="link",
            class_=pl.col("class").cast(pl.String),
            user_agent="user_agent",
            ip_address="ip_address",
        )
    )


def explanations(
    per_application: pl.DataFrame,
    timelines: pl.DataFrame,
    clicks_unusable: dict[int, int],
    stored: pl.DataFrame,
    foreign: Collection[str],
    readings: StoredReadings | None,
    definition: Definition,
    published: Published | None,
    changes: Sequence[ScoreChange],
    frozen_before: datetime | None,
    *,
    private: bool,
) -> Iterator[Explanation]:
    """One explanation per row of `per_application`, in its order.

    `clicks_unusable` has the number of such clicks by the application's row number; `stored` the
    stored rows, as `schema.columns.STORED`; `foreign` the applications whose stored row is none;
    `readings` what link_click_readings holds of them, if it may be read;
    `changes` what has changed about their scores, newest first;
    `published` what another definition says, when the published one is another. With `private` they
    hold no user agent and no address. Applications created before `frozen_before` are frozen.
    """
    clicks = timelines.partition_by("application", as_dict=True, include_key=False)
    stored_rows = {row["application_id"]: row for row in stored.iter_rows(named=True)}
    # a run computes sequences of an Enum; here its values are wanted, not its type
    typed = per_application.with_columns(pl.col("click_sequence").cast(pl.List(pl.String)))
    steps = typed.select(**{name: waterfall(rules) for name, rules in SCORES.items()})
    for number, (row, scores) in enumerate(
        zip(typed.iter_rows(named=True), steps.iter_rows(named=True), strict=True)
    ):
        yield Explanation(
            application_id=row["application_id"],
            job_id=row["job_id"],
            created_at=row["created_at"],
            timezone=definition.time.reporting,
            count=definition.clicks.count,
            clicks=_clicks(clicks.get((number,)), definition, private=private),
            clicks_unusable=clicks_unusable.get(number, 0),
            readings={name: row[name] for name in READINGS if name != "human_rules"},
            metrics={name: row[name] for name in METRICS},
            scores=scores,
            stored=StoredRow("foreign")
            if row["application_id"] in foreign
            else _compared(
                row, stored_rows.get(row["application_id"]), readings, published, frozen_before
            ),
            history=[one for one in changes if one["application_id"] == row["application_id"]],
        )


def _clicks(
    rows: pl.DataFrame | None, definition: Definition, *, private: bool
) -> list[dict[str, Any]]:
    """The clicks of one application, each with its class and the reason for it."""
    clicks = [] if rows is None else cast("list[Click]", rows.to_dicts())
    hidden = {"class_", "link"} | ({"user_agent", "ip_address"} if private else set())
    reasons = Reasons(clicks, definition.clicks)
    return [
        {name: value for name, value in click.items() if name not in hidden}
        | {"class": click["class_"], "reason": reasons.of(number)}
        for number, click in enumerate(clicks)
    ]


def _compared(
    computed: dict[str, Any],
    stored: dict[str, Any] | None,
    readings: StoredReadings | None,
    published: Published | None,
    frozen_before: datetime | None,
) -> StoredRow:
    if stored is None:
        return StoredRow("missing")
    of_readings = None if readings is None else readings.get(stored["application_id"], {})
    differences = tuple(_differences(stored, of_readings, computed))
    changes = tuple(published.changes) if published else ()
    state: State = "out of date" if differences else "current"
    created_at = computed["created_at"]
    if differences and frozen_before and created_at and created_at < frozen_before:
        state = "frozen"
    elif differences and published:
        then = published.rows[stored["application_id"]]
        if not any(_differences(stored, of_readings, then)):
            only_zone = all(change.startswith("time.reporting ") for change in changes)
            state = "another zone" if only_zone else "another definition"
    return StoredRow(state, stored["calculated_at"], differences, changes)


def _differences(
    stored: Mapping[str, Any], readings: Mapping[str, Any] | None, computed: Mapping[str, Any]
) -> Iterator[OtherValue]:
    """Where the stored rows of one application, in both tables, are others than computed."""
    for name in ANALYTICS:
        if stored[name] != computed[name]:
            yield OtherValue(name, stored[name], computed[name])
    if readings is not None:
        for name in READINGS:
            if readings.get(name) != computed[name]:  # null in all of them: no row
                yield OtherValue(f"readings.{name}", readings.get(name), computed[name])
