"""What stands on the page of a report: sections of figures, each a chart with its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cli import charts
from cli.chart_parts import Spec
from cli.output import printable
from cli.prediction_chart import outcomes
from cli.prediction_words import sentences
from cli.wording import (
    NO_LEDGER,
    NO_RUNS,
    band,
    between,
    counted,
    ended,
    percent,
    response,
    run_figures,
    sequence,
    share,
    texts,
)
from pipeline.answers.dictionary import RULES
from pipeline.answers.overview import Overview
from pipeline.answers.prediction import Prediction
from pipeline.answers.report_rows import RunOfLedger
from pipeline.scoring.evidence import DAYS

SCORE_NAMES = ("engagement", "intent")
WEEK = (1, 2, 3, 4, 5, 6, 0)  # Monday first


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


def sections(seen: Overview) -> Iterator[Section]:
    """The sections of the page; without stored rows only how the runs went."""
    if seen.totals["stored"]:
        yield from _of_rows(seen)
    yield _run_history(seen.runs)


def _of_rows(seen: Overview) -> Iterator[Section]:
    yield Section("How the scores are spread", [_distribution(seen), _joint(seen)])
    yield Section(
        "Do the scores predict?",
        [figure for score in SCORE_NAMES for figure in _outcomes(seen.prediction, score)],
        list(sentences(seen.prediction)),
    )
    yield Section(
        "What the scores are made of",
        [figure for score in SCORE_NAMES for figure in _rules(seen, score)],
        [("", "A rule that fires gives its points; the cap takes away what exceeds 100.")],
    )
    yield Section("When the clicks come", [_clicks_by_hour(seen), _response_times(seen)])
    yield Section("What is clicked", [*_functions(seen), _sequences(seen)])
    yield Section("Whom to follow up first", [_top(seen)])


def _distribution(seen: Overview) -> Figure:
    engagement, intent = (
        [row for row in seen.distribution if row["score"] == f"{score}_score"]
        for score in SCORE_NAMES
    )
    rows = [
        (band(one["band"]), f"{one['applications']:,}", f"{other['applications']:,}")
        for one, other in zip(engagement, intent, strict=True)
    ]
    fullest = [max(rows, key=lambda row: row["applications"]) for rows in (engagement, intent)]
    return Figure(
        "Both scores",
        Table(("score", "engagement", "intent"), rows),
        charts.distribution(seen.distribution),
        "Bars: applications in each band of ten points. "
        + " ".join(
            f"Most {score} scores are {band(most['band'])}: "
            f"{counted(most['applications'], 'application')}."
            for score, most in zip(SCORE_NAMES, fullest, strict=True)
        ),
        "How many applications have a score in each band of ten points.",
    )


def _joint(seen: Overview) -> Figure:
    bands = sorted({row["intent_band"] for row in seen.joint})
    counts = {
        (row["engagement_band"], row["intent_band"]): row["applications"] for row in seen.joint
    }
    fullest = max(seen.joint, key=lambda row: row["applications"])
    return Figure(
        "One against the other",
        Table(
            ("engagement ↓ intent →", *map(band, bands)),
            [
                (band(engagement), *(f"{counts[engagement, intent]:,}" for intent in bands))
                for engagement in reversed(bands)
            ],
        ),
        charts.joint(seen.joint) if fullest["applications"] else None,
        "Heat map: applications by engagement and intent score. The fullest square is engagement "
        f"{band(fullest['engagement_band'])}, intent {band(fullest['intent_band'])}: "
        f"{counted(fullest['applications'], 'application')}.",
        "The stronger the colour, the more applications have this pair of scores.",
    )


def _outcomes(found: Prediction, score: str) -> Iterator[Figure]:
    rows = [row for row in found.bands if row["score"] == f"{score}_score"]
    if not found.taking_part:
        return
    yield Figure(
        f"{score.capitalize()} score",
        Table(
            ("score", "outcome", "applications", "have it", "share", "from", "to"),
            [
                (
                    band(row["band"]),
                    row["outcome"],
                    f"{row['applications']:,}",
                    f"{row['successes']:,}",
                    *map(percent, (row["rate"], row["low"], row["high"])),
                )
                for row in rows
            ],
            words=2,
        ),
        outcomes(rows, f"{score} score (bands of ten)"),
        "Points with intervals: the share of applications that came to each outcome, in each band "
        f"of the {score} score at the landmark.",
        "Share of applications that came to each outcome, with its 95% interval; under each band "
        "its number of applications. Bands of fewer than 10 are pale.",
    )
    yield Figure(
        f"{score.capitalize()}: where a rule had fired, and where not",
        Table(
            ("rule", "outcome", "fired", "have it", "share", "not fired", "have it", "share"),
            [
                (
                    row["rule"],
                    row["outcome"],
                    *(
                        text
                        for half in (row["fired"], row["not_fired"])
                        for text in (
                            f"{half['applications']:,}",
                            f"{half['successes']:,}",
                            percent(half["rate"]),
                        )
                    ),
                )
                for row in found.rules
                if row["score"] == f"{score}_score"
            ],
            words=2,
        ),
    )


def _rules(seen: Overview, score: str) -> Iterator[Figure]:
    stored = seen.totals["stored"]
    conditions = {rule.rule: rule.condition for rule in RULES if rule.score == f"{score}_score"} | {
        "cap": "more than 100 points"
    }
    rows = [
        charts.RuleFigures(
            rule=row["rule"],
            fires_on=conditions[row["rule"]],
            applications=row["applications"],
            points=row["points"],
            share=row["applications"] / stored,
            share_label=share(row["applications"], stored),
            mean=row["points"] / stored,
            mean_label=f"{row['points'] / stored:+.1f}",
        )
        for row in seen.rules
        if row["score"] == f"{score}_score"
    ]
    table = Table(
        ("rule", "fires on", "applications", "share", "points in all", "points on average"),
        [
            (
                row["rule"],
                row["fires_on"],
                f"{row['applications']:,}",
                row["share_label"],
                f"{row['points']:,}",
                row["mean_label"],
            )
            for row in rows
        ],
        words=2,
    )
    often = max(rows, key=lambda row: row["share"])
    most = max(rows, key=lambda row: row["mean"])
    yield Figure(
        f"{score.capitalize()}: how often each rule fires",
        table,
        charts.rules(rows, "share", score),
        f"Bars: the share of applications for which each rule of the {score} score fires. Most "
        f"often: {often['rule']}, {often['share_label']}.",
        "Share of applications.",
    )
    yield Figure(
        f"{score.capitalize()}: what each rule contributes",
        table,
        charts.rules(rows, "mean", score),
        f"Bars: the points that each rule of the {score} score gives an application on average. "
        f"Most: {most['rule']}, {most['mean_label']}.",
        "Points for an application on average.",
    )


def _clicks_by_hour(seen: Overview) -> Figure:
    counts = {(row["day_of_week"], row["hour"]): row["clicks"] for row in seen.clicks_by_hour}
    (day, hour), most = max(counts.items(), key=lambda item: item[1])
    busiest = f"The busiest hour is {DAYS[day]}, {hour}:00 to {hour}:59: {counted(most, 'click')}."
    return Figure(
        "Clicks by weekday and hour",
        Table(
            ("day", *map(str, range(24))),
            [(DAYS[day], *(f"{counts[day, hour]:,}" for hour in range(24))) for day in WEEK],
        ),
        charts.clicks_by_hour(seen.clicks_by_hour) if most else None,
        f"Heat map: clicks by day of the week and hour of the day. {busiest}",
        f"In time zone {seen.timezone}; the stronger the colour, the more clicks. {busiest}"
        if most
        else "",
    )


def _response_times(seen: Overview) -> Figure:
    return Figure(
        "Time to the first click",
        Table(
            ("time", "applications"),
            [(between(row), f"{row['applications']:,}") for row in seen.response_times],
        ),
        charts.response_times(seen.response_times, seen.response)
        if seen.response["after"]
        else None,
        f"Histogram of the time from an application to its first click. {response(seen.response)}",
        response(seen.response),
    )


def _functions(seen: Overview) -> Iterator[Figure]:
    table = Table(
        ("link function", "clicks", "applications", "first click", "last click"),
        [
            (
                printable(row["link_function"]),
                *texts(row, "clicks", "applications", "first", "last"),
            )
            for row in seen.functions
        ],
    )
    left_out = seen.totals["link_functions"] - len(seen.functions)
    note = f" {left_out:,} more link functions are left out." if left_out > 0 else ""
    most = f"Most clicked: {table.rows[0][0]}." if table.rows else ""
    yield Figure(
        "Link functions",
        table,
        charts.functions(seen.functions, {"clicks": "clicks", "applications": "applications"})
        if table.rows
        else None,
        f"Bars: clicks on each link function, and applications with such a click. {most}",
        f"Clicks, and applications with at least one.{note}",
    )
    yield Figure(
        "Where a sequence begins and ends",
        table,
        charts.functions(seen.functions, {"first": "first click", "last": "last click"})
        if table.rows
        else None,
        "Bars: how many applications were first, and last, clicked on each link function.",
        f"Applications whose first or last click was on the link function.{note}",
    )


def _sequences(seen: Overview) -> Figure:
    return Figure(
        "The commonest sequences",
        Table(
            ("sequence", "applications"),
            [(printable(sequence(row)), f"{row['applications']:,}") for row in seen.sequences],
        ),
        charts.sequences(seen.sequences) if seen.sequences else None,
        "Bars: applications with exactly this sequence of clicks.",
        "Applications with exactly this sequence of clicks.",
    )


def _top(seen: Overview) -> Figure:
    return Figure(
        "",
        Table(
            (
                "application",
                "last clicks",
                "intent",
                "engagement",
                "clicks",
                "hours to first click",
            ),
            [
                (
                    row["application_id"],
                    printable(row["last_functions"] or "–"),
                    *texts(
                        row,
                        "intent_score",
                        "engagement_score",
                        "total_click_events",
                        "hours_to_first_click",
                    ),
                )
                for row in seen.top
            ],
            words=2,
        ),
    )


def _run_history(runs: Sequence[RunOfLedger] | None) -> Section:
    title = "How the runs went"
    if not runs:
        return Section(title, [], [("", NO_LEDGER if runs is None else NO_RUNS)])
    table = Table(
        ("started (UTC)", "state", "seconds", "applications", "clicks", "written"),
        [
            (
                f"{run['started_at']:%Y-%m-%d %H:%M}",
                ended(run) + (f": {printable(run['error'])}" if run["error"] else ""),
                *run_figures(run),
            )
            for run in runs
        ],
        words=2,
    )
    failed = sum(charts.published_nothing(run) for run in runs)
    of_them = f"{failed} of them published nothing (✕)." if failed else "None of them failed."
    return Section(
        title,
        [
            Figure(
                "How long they took",
                table,
                charts.run_seconds(runs),
                f"Bars: the seconds of each of the newest {len(runs)} runs. {of_them}",
                "Seconds of each run, the newest at the right; ✕: it published nothing.",
            ),
            Figure(
                "What they wrote",
                table,
                charts.run_rows(runs),
                f"Bars: the rows that each of the newest {len(runs)} runs wrote. {of_them}",
                "Rows inserted or updated by each run; rows that stay the same are not written.",
            ),
        ],
    )
