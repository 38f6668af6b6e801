"""What the page of a report is made of: sections of figures, each a chart with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cli.chart_parts import Spec


@dataclass(frozen=True)
class Table:
    """Figures as text."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1  # how many columns at the left are words


@dataclass(frozen=True)
class Figure:
    """A chart, or a table alone, with what it says in words."""

    title: str
    table: Table
    spec: Spec | None = None
    alt: str = ""
    text: str = ""


@dataclass(frozen=True)
class Section:
    """Figures that answer one question."""

    title: str
    figures: Sequence[Figure]
    sentences: Sequence[tuple[str, str]] = ()  # the first part of each is emphasized
