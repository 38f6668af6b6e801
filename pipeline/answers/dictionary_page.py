"""The dictionary as a page of the documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pipeline.answers.dictionary import CLICK_CLASSES, METRICS, READINGS, RULES, Metric
from pipeline.scoring.rules import HIGHEST_SCORE
from pipeline.scoring.scores import SCORES


def markdown() -> str:
    """The whole dictionary as docs/metrics.md."""
    return "\n".join(_markdown()) + "\n"


def _markdown() -> Iterator[str]:
    yield "<!-- Written by `make docs` from answers/dictionary.py and scoring/scores.py. -->"
    yield "# What the columns and rules mean"
    yield ""
    yield (
        "`clickstats describe` prints the same. One row of `link_click_analytics` describes one "
        "application. Used clicks are those on links of an application that exists, at a time in "
        "the years 1970 to 2099; all of them count, or the human ones alone, as the "
        "[definition](how-to/which-clicks-count.md) says."
    )
    yield ""
    yield "## Columns"
    yield ""
    yield from _markdown_columns(METRICS)
    for score in SCORES:
        yield ""
        yield f"## Rules of {score}"
        yield ""
        yield (
            f"The points of the rules that fire add up; more than {HIGHEST_SCORE} count as "
            f"{HIGHEST_SCORE}. Thresholds compare exact, unrounded values."
        )
        yield ""
        yield from _markdown_table(
            ("rule", "fires on", "points", "decided by"),
            (
                (rule.rule, rule.condition, rule.in_words(), _code(rule.metrics))
                for rule in RULES
                if rule.score == score
            ),
        )
    yield ""
    yield "## Readings"
    yield ""
    yield (
        "Columns of `link_click_readings`, one row for each application with a used click. Two "
        "readings of the same rules: of *all* used clicks, and of the *human* ones alone."
    )
    yield ""
    yield from _markdown_columns(READINGS)
    yield ""
    yield "## Classes of clicks"
    yield ""
    yield (
        "Each used click has one, the first that fits. The numbers are those of the built-in "
        "definition."
    )
    yield ""
    yield from _markdown_table(
        ("class", "what", "decided by", "counts in"),
        (
            (f"`{each.name}`", each.definition, _code(each.settings) or "–", f"`{each.counts_in}`")
            for each in CLICK_CLASSES
        ),
    )


def _markdown_columns(columns: Iterable[Metric]) -> Iterator[str]:
    return _markdown_table(
        ("column", "definition", "unit", "source columns", "null"),
        (
            (f"`{each.name}`", each.definition, each.unit, _code(each.sources), each.null)
            for each in columns
        ),
    )


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in (headings, ["---"] * len(headings), *rows):
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(markdown(), end="")
