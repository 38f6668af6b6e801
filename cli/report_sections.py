"""What stands on the page of a report: sections of figures, each a chart with its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cli import charts
from cli.click_sections import click_sections, machine_section
from cli.followup_sections import followup_sections
from cli.output import printable
from cli.prediction_chart import outcomes
from cli.prediction_words import rate, sentences
from cli.report_parts import Figure, Section, Table
from cli.wording import (
    NO_LEDGER,
    NO_RUNS,
    READING_NAMES,
    band,
    brief,
    counted,
    ended,
    percent,
    points,
    run_figures,
    share,
)
from pipeline.answers.dictionary import RULES
from pipeline.answers.overview import Overview
from pipeline.answers.prediction import Prediction
from pipeline.answers.report_rows import Reading, RunOfLedger

SCORE_NAMES = ("engagement", "intent")


def sections(seen: Overview) -> Iterator[Section]:
    """The sections of the page; without stored rows there is little to say."""
    yield from followup_sections(seen)
    if seen.totals["stored"]:
        yield from _of_rows(seen)
    yield _run_history(seen.runs)


def _of_rows(seen: Overview) -> Iterator[Section]:
    yield Section(
        "How the scores are spread",
        [
            *(_distribution(seen.readings, score) for score in SCORE_NAMES),
            _joint(seen),
            _both_readings(seen.readings),
        ],
    )
    yield Section(
        "What the scores are made of",
        [figure for score in SCORE_NAMES for figure in _rules(seen, score)],
        [("", "A rule that fires gives its points; the cap takes away what exceeds 100.")],
    )
    yield from click_sections(seen)
    yield Section(
        "Do the scores predict?",
        [figure for score in SCORE_NAMES for figure in _outcomes(seen.prediction, score)],
        list(sentences(seen.prediction)),
    )
    yield machine_section(seen)


def _both_readings(readings: Mapping[str, Reading]) -> Figure:
    both = [readings[name] for name in READING_NAMES]
    rows = [
        ("clicks", *(f"{reading['clicks']:,}" for reading in both)),
        ("applications with clicks", *(f"{reading['with_clicks']:,}" for reading in both)),
    ]
    for number, score in enumerate(SCORE_NAMES):
        averages = [reading["scores"][number] for reading in both]
        rows += [
            (f"{score}, mean", *(points(row["mean"]) for row in averages)),
            (f"{score}, median", *(points(row["median"]) for row in averages)),
        ]
    medians = [reading["response"]["median"] for reading in both]
    rows.append(("time to first click, median", *map(brief, medians)))
    return Figure(
        "All clicks and human clicks", Table(("", *READING_NAMES.values()), rows, sortable=False)
    )


def _distribution(readings: Mapping[str, Reading], score: str) -> Figure:
    every, human = (
        [row for row in readings[name]["distribution"] if row["score"] == f"{score}_score"]
        for name in READING_NAMES
    )
    most = max(human, key=lambda row: row["applications"])
    return Figure(
        f"{score.capitalize()} score",
        Table(
            ("score", *READING_NAMES.values()),
            [
                (band(one["band"]), f"{one['applications']:,}", f"{other['applications']:,}")
                for one, other in zip(every, human, strict=True)
            ],
        ),
        charts.distribution(readings, score),
        "Bars: applications in each band of ten points, by all clicks and by human clicks. "
        f"By human clicks most scores are {band(most['band'])}: "
        f"{counted(most['applications'], 'application')}.",
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
            sortable=False,
        ),
        charts.joint(seen.joint) if fullest["applications"] else None,
        "Heat map: applications by engagement and intent score. The fullest square is engagement "
        f"{band(fullest['engagement_band'])}, intent {band(fullest['intent_band'])}: "
        f"{counted(fullest['applications'], 'application')}.",
        "By the clicks that count: "
        f"{READING_NAMES[seen.definition['count']]}. The stronger the colour, the more "
        "applications have this pair of scores.",
    )


def _outcomes(found: Prediction, score: str) -> Iterator[Figure]:
    if not found.taking_part:
        return
    name = f"{score}_score"
    rows = [row for row in found.bands if row["score"] == name]
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
    shares = {(row["rule"], row["outcome"]): row for row in found.rules if row["score"] == name}
    names = list(dict.fromkeys(outcome for _, outcome in shares))
    yield Figure(
        f"{score.capitalize()}: where a rule had fired, and where not",
        Table(
            ("rule", "fired", *names),
            [
                (
                    rule,
                    f"{shares[rule, names[0]]['fired']['applications']:,}",
                    *(
                        " / ".join(rate(share[half]["rate"]) for half in ("fired", "not_fired"))
                        for share in (shares[rule, outcome] for outcome in names)
                    ),
                )
                for rule in dict.fromkeys(rule for rule, _ in shares)
            ],
        ),
        text="How many applications a rule had fired for at the landmark, and the share of them "
        "that came to each outcome / of the others.",
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
