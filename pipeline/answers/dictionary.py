"""What every column of link_click_analytics and every rule means, in words: one entry each.

`clickstats describe` prints it, docs/metrics.md is written from it (`make docs`), and what scores
are made of comes from the rules themselves.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.errors import ConfigurationError
from pipeline.scoring.rules import HIGHEST_SCORE
from pipeline.scoring.scores import SCORES

CREATED_AT = "job_applications.created_at"
CLICKED_AT = "link_clicks.clicked_at"
FUNCTION = "link_tracking.link_function"
NO_CLICK = "no clicks"
NEVER = "never null"


@dataclass(frozen=True)
class Metric:
    """A column of link_click_analytics."""

    name: str
    definition: str
    unit: str
    sources: tuple[str, ...]
    null: str  # what null means, or what stands for no clicks


@dataclass(frozen=True)
class ScoreRule:
    """A row of a score's table, in words."""

    score: str
    rule: str
    condition: str
    points: int
    each: bool  # whether the points are earned more than once
    at_most: int | None
    metrics: tuple[str, ...]  # the columns that decide

    def in_words(self) -> str:
        """The points: 10; or 10 each; or 5 each, at most 15."""
        limit = f", at most {self.at_most}" if self.at_most else ""
        return f"{self.points}{' each' * self.each}{limit}"


METRICS = (
    Metric(
        "application_id",
        "the application that the row is about",
        "uuid",
        ("job_applications.id",),
        "written by another program; clickstats leaves such rows alone",
    ),
    Metric(
        "job_id",
        "the job applied for",
        "uuid",
        ("job_applications.job_id", "jobs.id"),
        "the application has no job, or one that does not exist",
    ),
    Metric(
        "time_to_first_click",
        "from the application to its first click, exact to the microsecond; negative when the "
        "click came first",
        "interval",
        (CLICKED_AT, CREATED_AT),
        "no clicks, or the application has no usable created_at",
    ),
    Metric(
        "hours_to_first_click",
        "time_to_first_click in hours, rounded half away from zero",
        "hours, 2 decimals",
        (CLICKED_AT, CREATED_AT),
        "no clicks, or the application has no usable created_at",
    ),
    Metric(
        "time_between_first_last_click",
        "from the first click to the last, exact to the microsecond; zero for one click",
        "interval",
        (CLICKED_AT,),
        NO_CLICK,
    ),
    Metric(
        "hours_between_first_last_click",
        "time_between_first_last_click in hours, rounded half away from zero",
        "hours, 2 decimals",
        (CLICKED_AT,),
        NO_CLICK,
    ),
    Metric(
        "click_sequence",
        "the link function of every click in the order of the clicks, repeats kept; clicks of the "
        "same instant in the byte order of their functions",
        "list of link functions",
        (FUNCTION, CLICKED_AT),
        "never null; empty without clicks",
    ),
    Metric(
        "unique_functions_clicked",
        "how many different link functions were clicked",
        "link functions",
        (FUNCTION,),
        "never null; 0 without clicks",
    ),
    Metric(
        "total_click_events",
        "how many clicks there are on the application's links, active or not",
        "clicks",
        ("link_clicks.tracking_id", "link_tracking.application_id"),
        "never null; 0 without clicks",
    ),
    Metric(
        "peak_click_hour",
        "the hour of the day with most clicks, in the reporting time zone; of several such hours "
        "the earliest",
        "hour of the day, 0 to 23",
        (CLICKED_AT,),
        NO_CLICK,
    ),
    Metric(
        "click_days_of_week",
        "the different days of the week with a click, in the reporting time zone, ascending",
        "list of days, 0 = Sunday to 6 = Saturday",
        (CLICKED_AT,),
        "never null; empty without clicks",
    ),
    Metric(
        "engagement_velocity",
        "clicks per day between the first and the last click, counting at least one day, so that "
        "two clicks in a second are not millions a day; rounded half away from zero, at most "
        "999999.9999",
        "clicks per day, 4 decimals",
        (CLICKED_AT,),
        "never null; 0 without clicks",
    ),
    Metric(
        "engagement_score",
        f"how much the employer did with the application: the sum of the points of its rules, at "
        f"most {HIGHEST_SCORE}",
        f"points, 0 to {HIGHEST_SCORE}",
        (CLICKED_AT, FUNCTION, CREATED_AT),
        "never null; 0 without clicks",
    ),
    Metric(
        "intent_score",
        f"how interested the employer seems, by the timing and pattern of the clicks: the sum of "
        f"the points of its rules, at most {HIGHEST_SCORE}",
        f"points, 0 to {HIGHEST_SCORE}",
        (CLICKED_AT, FUNCTION, CREATED_AT),
        "never null; 0 without clicks",
    ),
    Metric(
        "calculated_at",
        "when the row was last written, or confirmed by `run --app-id` or `run --all --full`: the "
        "instant of the snapshot that was read",
        "instant, UTC",
        (),
        NEVER,
    ),
    Metric("created_at", "when the row was first written", "instant, UTC", (), NEVER),
    Metric("updated_at", "when a value of the row last changed", "instant, UTC", (), NEVER),
)
RULES = tuple(
    ScoreRule(
        score,
        rule.name,
        rule.reason,
        rule.points,
        rule.each is not None,
        rule.at_most,
        tuple(rule.metrics()),
    )
    for score, rules in SCORES.items()
    for rule in rules
)


def entries(name: str | None = None) -> tuple[Sequence[Metric], Sequence[ScoreRule]]:
    """The metrics and rules of that name, all of them without one; a score comes with its rules.

    Case, hyphens and underscores do not matter. Raises `ConfigurationError` with a suggestion.
    """
    if name is None:
        return METRICS, RULES
    wanted = _plain(name)
    metrics = [metric for metric in METRICS if _plain(metric.name) == wanted]
    rules = [rule for rule in RULES if wanted in {_plain(rule.rule), _plain(rule.score)}]
    if not metrics and not rules:
        names = {
            _plain(each): each for each in (*(m.name for m in METRICS), *(r.rule for r in RULES))
        }
        close = [names[each] for each in difflib.get_close_matches(wanted, names)]
        raise ConfigurationError(
            f"no metric or rule is called {name!r}; "
            + (f"did you mean {' or '.join(map(repr, close))}? " if close else "")
            + "`clickstats describe` lists them all"
        )
    return metrics, rules


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()


def markdown() -> str:
    """The whole dictionary as docs/metrics.md."""
    return "\n".join(_markdown()) + "\n"


def _markdown() -> Iterator[str]:
    yield "<!-- Written by `make docs` from answers/dictionary.py and scoring/scores.py. -->"
    yield "# What the columns and rules mean"
    yield ""
    yield (
        "`clickstats describe` prints the same. One row of `link_click_analytics` describes one "
        "application. The clicks that count are those on links of an application that exists, at "
        "a time in the years 1970 to 2099."
    )
    yield ""
    yield "## Columns"
    yield ""
    yield from _markdown_table(
        ("column", "definition", "unit", "source columns", "null"),
        (
            (f"`{metric.name}`", metric.definition, metric.unit, _code(metric.sources), metric.null)
            for metric in METRICS
        ),
    )
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


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in (headings, ["---"] * len(headings), *rows):
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(markdown(), end="")
