"""Looks named applications up: computes them from one snapshot, holds them against what is stored,
and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from pipeline.answers.explanation import Explanation, explanations, timeline
from pipeline.answers.stored_rows import Filters, stored_ids, stored_pages, with_lists
from pipeline.database.connection import take_snapshot
from pipeline.extract import Extracted, Source
from pipeline.rewrites import read_steadily
from pipeline.scoring.attribution import used
from pipeline.settings import Settings
from pipeline.slices import scored

if TYPE_CHECKING:
    from pipeline.database.connection import Connection


def explain_named(
    settings: Settings, application_ids: Sequence[str]
) -> tuple[list[Explanation], list[str]]:
    """The explanations of the named applications in the order given, and the ids that name none."""

    def read(connection: Connection) -> tuple[Extracted, pl.DataFrame, set[str]]:
        extracted = Source(take_snapshot(connection), settings, application_ids).extract()
        filters = Filters(application_ids)
        stored = with_lists(pl.concat(stored_pages(connection, filters)))
        return (
            extracted,
            stored,
            stored_ids(connection, filters).difference(stored["application_id"]),
        )

    extracted, stored, foreign = read_steadily(settings, read)
    unusable = extracted.clicks.filter(pl.col("clicked_at").is_null())
    found = {
        explanation.application_id: explanation
        for explanation in explanations(
            scored(extracted, settings.timezone).collect(),
            timeline(used(extracted.clicks.lazy()), settings.timezone).collect(),
            dict(unusable["application"].value_counts().iter_rows()),
            stored,
            foreign,
            settings.timezone,
        )
    }
    return (
        [found[name] for name in application_ids if name in found],
        [name for name in application_ids if name not in found],
    )
