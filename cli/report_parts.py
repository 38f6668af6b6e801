"""What the page of a report is made of: sections of figures, each a chart with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cli.chart_parts import Spec


@dataclass(frozen=True)
class Cell:
    """A text that is not in the order of what it says, or that needs a word more."""

    text: str
    order: str | int = ""  # by which the rows are sorted
    hint: str = ""

    def __str__(self) -> str:
        return self.text


Row: TypeAlias = Sequence[str | Cell]


@dataclass(frozen=True)
class Table:
    """Figures as text."""

    headings: Sequence[str]
    rows: Sequence[Row]
    words: int = 1  # how many columns at the left are words
    sortable: bool = True
    cards: str = ""  # on a phone each row is a card; the name of their layout

    def is_text(self, column: int) -> bool:
        """Whether it is a column of words."""
        return column < self.words


@dataclass(frozen=True)
class Figure:
    """A chart, or a table alone, with what it says in words."""

    title: str
    table: Table
    spec: Spec | None = None
    alt: str = ""
    text: str = ""
    note: str = ""  # below a table alone


@dataclass(frozen=True)
class Section:
    """Figures that answer one question."""

    title: str
    figures: Sequence[Figure]
    sentences: Sequence[tuple[str, str]] = ()  # the first part of each is emphasized

    @property
    def name(self) -> str:
        """By which the page refers to it: whom-to-follow-up."""
        return "".join(each if each.isalpha() else "-" for each in self.title.lower()).strip("-")
