"""`clickstats describe`: what metrics and rules mean."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Format, OutputFormat
from cli.output import SCHEMA_VERSION, console, print_json, table, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from pipeline.answers.dictionary import Metric, ScoreRule


def describe(
    name: Annotated[
        str | None, typer.Argument(metavar="[METRIC|RULE]", help="Only this one; otherwise all.")
    ] = None,
    output: OutputFormat = Format.text,
) -> None:
    """Say what metrics and rules mean: definition, unit, sources, nulls, thresholds, points."""
    from pipeline.answers.dictionary import entries

    metrics, rules = entries(name)
    if output is Format.json:
        print_json(
            {
                "schema_version": SCHEMA_VERSION,
                "metrics": [asdict(metric) for metric in metrics],
                "rules": [asdict(rule) for rule in rules],
            }
        )
        return
    out = console()
    if len(metrics) > 1:
        rows = ((each.name, f"{each.definition} ({each.unit})") for each in metrics)
        out.print(table(("metric", "definition (unit)"), rows))
    elif metrics:
        out.print(_metric(metrics[0]))
    for score in dict.fromkeys(rule.score for rule in rules):
        of_score = [rule for rule in rules if rule.score == score]
        out.print(f"[bold]{score}[/]")
        out.print(_rules(of_score) if metrics else _rule(of_score[0]))


def _metric(metric: Metric) -> Table:
    return table(
        ("metric", metric.name),
        (
            ("definition", metric.definition),
            ("unit", metric.unit),
            ("sources", text_of(list(metric.sources))),
            ("null", metric.null),
        ),
    )


def _rules(rules: Sequence[ScoreRule]) -> Table:
    rows = ((rule.rule, rule.condition, rule.in_words()) for rule in rules)
    return table(("rule", "fires on", "points"), rows)


def _rule(rule: ScoreRule) -> Table:
    return table(
        ("rule", rule.rule),
        (
            ("fires on", rule.condition),
            ("points", rule.in_words()),
            ("decided by", text_of(list(rule.metrics))),
        ),
    )
