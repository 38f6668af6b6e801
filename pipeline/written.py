"""What a run has to write, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class ToWrite:
    """The rows that a run has to write, slice by slice, and how; `slices` may be asked for more
    than once. A slice is a frame as `scoring.image.rows_to_write` gives it, in key order within and
    between them."""

    slices: Callable[[], Iterable[pl.DataFrame]]
    first_load: bool = False  # into empty tables, and very many
    whole: bool = False  # all applications were computed: who is not among them is gone
    every: bool = False  # readings, too, that do not differ
    run: str | None = None  # with this id it is kept how scores change
    only_stored: bool = False  # but not those of applications without a row
    # how many stored rows have no application; after the last slice
    orphans: Callable[[], int] = lambda: 0
    # how many readings have neither an application nor a row; None: this run deletes none
    lost_readings: Callable[[], int] | None = None


@dataclass(frozen=True)
class Written:
    """What became of the rows of a run: those of link_click_analytics, then those of
    link_click_readings."""

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    newer: int = 0  # left, because a newer snapshot has written the row meanwhile
    gone: int = 0  # dropped, because the application has been deleted meanwhile
    deleted: int = 0  # stored rows whose application is gone, where no foreign key deletes them
    without_change: int = 0  # staged for their readings alone
    readings_written: int = 0
    readings_deleted: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(*map(sum, zip(astuple(self), astuple(other), strict=True)))
