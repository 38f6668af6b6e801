"""What became of the rows that a run wrote."""

from __future__ import annotations

from dataclasses import astuple, dataclass


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
