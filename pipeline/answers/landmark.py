"""Scores the applications at their landmark, from one snapshot, with the functions of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from pipeline.answers.prediction import (
    LANDMARK,
    MATURE,
    Horizon,
    Prediction,
    StatusReading,
    left_out,
    prediction,
    reading,
    without_statuses,
)
from pipeline.answers.status import duration
from pipeline.choice import Choice, chosen
from pipeline.database.connection import Snapshot, bound, take_snapshot
from pipeline.database.transport import read_by_copy
from pipeline.definition import MOST_DAYS, Definition
from pipeline.errors import ConfigurationError
from pipeline.extract import Extracted, Source
from pipeline.rewrites import read_steadily
from pipeline.scoring.metrics import metrics
from pipeline.scoring.origins import IS_HUMAN, classified
from pipeline.scoring.rules import fired
from pipeline.scoring.scores import ALL_RULES, SCORES, scores
from pipeline.settings import Settings
from pipeline.source_columns import source_columns
from schema.columns import INSTANT
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

STATUSES = pl.Schema({"status": pl.String(), "applications": pl.Int64()})
OUTCOMES_READ = pl.Schema(
    {"application_id": pl.String(), "reached": pl.Int32(), "responded_at": INSTANT}
)


def spans(landmark: str, mature: str) -> tuple[timedelta, timedelta]:
    """Both durations as a user writes them."""
    longest = timedelta(days=MOST_DAYS)
    found = duration(landmark, longest), duration(mature, longest)
    if not found[0]:
        raise ConfigurationError(f"--landmark {landmark}: expected more than nothing, such as 3d")
    return found


@dataclass(frozen=True)
class Gathered:
    """What was read at the snapshot; None where there is no status that may be read."""

    taken_at: datetime
    choice: Choice
    statuses: list[StatusReading] | None
    outcomes: pl.DataFrame | None
    extracted: Extracted | None
    has_times: bool


def predict(
    settings: Settings, landmark: timedelta = LANDMARK, mature: timedelta = MATURE
) -> Prediction:
    """Hold the scores at the landmark against what came after it."""

    def read(connection: Connection) -> Gathered:
        snapshot = take_snapshot(connection)
        choice = chosen(connection, settings)
        return gathered(snapshot, choice, Source(snapshot, settings, choice.definition).extract)

    return predicted(read_steadily(settings, read), landmark, mature)


def gathered(
    snapshot: Snapshot,
    choice: Choice,
    extract: Callable[[], Extracted],
    meanings: Mapping[str, tuple[str, ...]] | None = None,
) -> Gathered:
    """Read what became of the applications, and their clicks. `meanings` of statuses that are not
    empty take the place of the definition's."""
    connection, definition = snapshot.connection, choice.definition
    given = {name: names for name, names in (meanings or {}).items() if names}
    means = msgspec.structs.replace(definition.statuses, **given)
    columns = source_columns(connection)
    front = columns.of_outcomes(definition)
    if front is None:
        return Gathered(snapshot.taken_at, choice, None, None, None, False)

    def read(name: str, schema: pl.Schema, **parameters: object) -> pl.DataFrame:
        text = front.as_string(connection) + bound(connection, statement(name), parameters)
        return read_by_copy(connection, text, schema)

    found = read("statuses", STATUSES).with_columns(pl.col("status").str.json_decode(pl.String()))
    statuses = [reading(status, count, means) for status, count in found.iter_rows()]
    meaning: dict[str, object] = {
        outcome: [row["status"] for row in statuses if row["read_as"] == outcome]
        for outcome in ("offer", "interview", "response")
    }
    outcomes = read("outcomes", OUTCOMES_READ, **meaning)
    extracted = extract()
    has_times = columns.has_response_times
    return Gathered(snapshot.taken_at, choice, statuses, outcomes, extracted, has_times)


def predicted(
    found: Gathered, landmark: timedelta = LANDMARK, mature: timedelta = MATURE
) -> Prediction:
    """Compute what was gathered."""
    days = found.choice.definition.applications.frozen_after_days
    frozen_before = found.taken_at - timedelta(days=days) if days else None
    horizon = Horizon(found.taken_at, landmark, mature, frozen_before)
    changes = found.choice.changes
    if found.statuses is None or found.outcomes is None or found.extracted is None:
        return without_statuses(horizon, changes)
    applications = found.extracted.applications.join(
        found.outcomes, on="application_id", how="left", maintain_order="left"
    ).with_columns(left_out=left_out(horizon, has_times=found.has_times))
    slices = replace(found.extracted, applications=applications).slices()
    scored = pl.concat([at_landmark(part, found.choice.definition, landmark) for part in slices])
    return prediction(
        applications, scored, found.statuses, horizon, changes, has_times=found.has_times
    )


def at_landmark(part: Extracted, definition: Definition, landmark: timedelta) -> pl.DataFrame:
    """One row for each application of a slice that takes part: `reached`, and both scores and
    `human_rules` of the human clicks up to its landmark. Later clicks decide nothing, neither
    whether an earlier one was human."""
    applications = part.applications.filter(pl.col("left_out").is_null())
    ends = applications.lazy().select("application", end=pl.col("created_at") + landmark)
    clicks = (
        part.in_order()
        .join(ends, on="application", maintain_order="left")
        .filter(pl.col("clicked_at") <= pl.col("end"))
        .drop("end")
    )
    human = classified(clicks, definition.clicks).lazy().filter(IS_HUMAN)
    return (
        scores(metrics(applications.lazy(), human, definition.time.reporting))
        .select(*SCORES, human_rules=fired(ALL_RULES))
        .collect()
        .with_columns(applications["reached"])
    )
