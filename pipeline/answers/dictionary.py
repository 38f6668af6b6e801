"""What every column of link_click_analytics and link_click_readings, every rule and every class of
clicks means, in words: one entry each.

`clickstats describe` prints it, docs/metrics.md is written from it (`dictionary_page.py`), and what
scores are made of comes from the rules themselves.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.definition import Clicks
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
    """A column of link_click_analytics or of link_click_readings."""

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


@dataclass(frozen=True)
class ClickClass:
    """Where a click comes from, in words; of several classes that fit, the first counts."""

    name: str
    definition: str
    settings: tuple[str, ...]  # keys of the definition that decide
    counts_in: str  # a column of link_click_readings


@dataclass(frozen=True)
class Entries:
    """What goes by a name, or everything."""

    metrics: Sequence[Metric]
    rules: Sequence[ScoreRule]
    readings: Sequence[Metric]
    classes: Sequence[ClickClass]


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
AGENT, ADDRESS = "link_clicks.user_agent", "link_clicks.ip_address"
TRACKING_ID = "link_clicks.tracking_id"
CLASSIFIED = (CLICKED_AT, TRACKING_ID, AGENT, ADDRESS)  # what decides about a click's class
NO_HUMAN = "no human click"
READINGS = (
    Metric(
        "human_clicks",
        "clicks of the class human",
        "clicks",
        CLASSIFIED,
        NEVER,
    ),
    Metric(
        "machine_clicks",
        "clicks of the classes trap, declared, network and sweep",
        "clicks",
        CLASSIFIED,
        NEVER,
    ),
    Metric("own_clicks", "clicks of the class own", "clicks", CLASSIFIED, NEVER),
    Metric("repeated_clicks", "clicks of the class repeat", "clicks", CLASSIFIED, NEVER),
    Metric(
        "first_human_click",
        "the first click of the class human",
        "instant, UTC",
        CLASSIFIED,
        NO_HUMAN,
    ),
    Metric(
        "last_human_click",
        "the last click of the class human",
        "instant, UTC",
        CLASSIFIED,
        NO_HUMAN,
    ),
    *(
        Metric(
            f"{score}_{reading}",
            f"{score} of {of}",
            f"points, 0 to {HIGHEST_SCORE}",
            (*CLASSIFIED, FUNCTION, CREATED_AT)
            if reading == "human"
            else (CLICKED_AT, FUNCTION, CREATED_AT),
            NEVER,
        )
        for reading, of in (("all", "every used click"), ("human", "human clicks alone"))
        for score in SCORES
    ),
    Metric(
        "human_rules",
        "the rules that fire for the human clicks, a bit for each: the first rule of "
        "engagement_score is 1, the next 2, and so on through those of intent_score",
        "a sum of powers of two",
        (*CLASSIFIED, FUNCTION, CREATED_AT),
        NEVER,
    ),
    Metric(
        "calculated_at",
        "when the row was last written: the instant of the snapshot that was read",
        "instant, UTC",
        (),
        NEVER,
    ),
)
SHARED = {metric.name for metric in METRICS}  # columns of both tables
BUILT_IN = Clicks()
CLICK_CLASSES = (
    ClickClass(
        "trap",
        "a click on a link that no person can see, or one of the same application at most "
        f"sweep_seconds ({BUILT_IN.sweep_seconds}) before or after such a click",
        ("clicks.trap_functions", "clicks.sweep_seconds"),
        "machine_clicks",
    ),
    ClickClass(
        "declared",
        "a click whose user agent says that it is a program, by the patterns of "
        "crawler-user-agents",
        (),
        "machine_clicks",
    ),
    ClickClass(
        "network",
        "a click whose address lies in the network of a known scanner",
        ("clicks.machine_networks",),
        "machine_clicks",
    ),
    ClickClass(
        "own",
        "a click whose address lies in the applicant's own network",
        ("clicks.own_networks",),
        "own_clicks",
    ),
    ClickClass(
        "sweep",
        f"a click in a stretch of at most sweep_seconds ({BUILT_IN.sweep_seconds}) with clicks on "
        f"sweep_links ({BUILT_IN.sweep_links}) or more different links of the application",
        ("clicks.sweep_links", "clicks.sweep_seconds"),
        "machine_clicks",
    ),
    ClickClass(
        "repeat",
        "a click on the same link as one of class human or repeat at most repeat_seconds "
        f"({BUILT_IN.repeat_seconds}) before: a double click, or one event stored twice",
        ("clicks.repeat_seconds",),
        "repeated_clicks",
    ),
    ClickClass("human", "any other click", (), "human_clicks"),
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


def entries(name: str | None = None) -> Entries:
    """What has that name, everything without one; a score comes with its rules.

    Case, hyphens and underscores do not matter. Raises `ConfigurationError` with a suggestion.
    """
    if name is None:
        return Entries(METRICS, RULES, READINGS, CLICK_CLASSES)
    wanted = _plain(name)
    metrics = [each for each in METRICS if _plain(each.name) == wanted]
    readings = [
        each for each in READINGS if _plain(each.name) == wanted and each.name not in SHARED
    ]
    rules = [each for each in RULES if wanted in {_plain(each.rule), _plain(each.score)}]
    classes = [each for each in CLICK_CLASSES if _plain(each.name) == wanted]
    if not (metrics or rules or readings or classes):
        known = {_plain(each): each for each in names()}
        close = [known[each] for each in difflib.get_close_matches(wanted, known)]
        raise ConfigurationError(
            f"no metric, rule or class of clicks is called {name!r}; "
            + (f"did you mean {' or '.join(map(repr, close))}? " if close else "")
            + "`clickstats describe` lists them all"
        )
    return Entries(metrics, rules, readings, classes)


def names() -> list[str]:
    """What can be looked up: metrics, scores, rules and classes of clicks, each once."""
    known = [each.name for each in (*METRICS, *READINGS)]
    known += [each.rule for each in RULES] + [each.name for each in CLICK_CLASSES]
    return list(dict.fromkeys(known))


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()
