"""`clickstats describe`: what metrics, rules and classes of clicks mean."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.completion import described
from cli.options import Format, OutputFormat
from cli.output import SCHEMA_VERSION, console, print_json, table, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from pipeline.answers.dictionary import ClickClass, Metric, ScoreRule


def describe(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[METRIC|RULE|CLASS]",
            help="Only this one; otherwise all.",
            autocompletion=described,
        ),
    ] = None,
    output: OutputFormat = Format.text,
) -> None:
    """Say what metrics, rules and classes of clicks mean.

    Definition, unit, sources, nulls, thresholds, points.
    """
    from pipeline.answers.dictionary import entries

    found = entries(name)
    if output is Format.json:
        print_json({"schema_version": SCHEMA_VERSION, **asdict(found)})
        return
    out = console()
    if name is None:
        out.print(_metrics("metric", found.metrics))
        for score in dict.fromkeys(rule.score for rule in found.rules):
            out.print(f"[bold]{score}[/]")
            out.print(_rules([rule for rule in found.rules if rule.score == score]))
        out.print("[bold]Readings[/]")
        out.print(_metrics("reading", found.readings))
        out.print("[bold]Classes of clicks[/] (the first that fits)")
        out.print(_classes(found.classes))
        return
    for metric in (*found.metrics, *found.readings):
        out.print(_metric(metric))
    if found.metrics and found.rules:  # a score
        out.print(_rules(found.rules))
    else:
        for rule in found.rules:
            out.print(f"[bold]{rule.score}[/]")
            out.print(_rule(rule))
    for each in found.classes:
        out.print(_class(each))


def _metrics(heading: str, metrics: Sequence[Metric]) -> Table:
    rows = ((each.name, f"{each.definition} ({each.unit})") for each in metrics)
    return table((heading, "definition (unit)"), rows)


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


def _classes(classes: Sequence[ClickClass]) -> Table:
    return table(("class", "what"), ((each.name, each.definition) for each in classes))


def _class(one: ClickClass) -> Table:
    return table(
        ("class", one.name),
        (
            ("what", one.definition),
            ("decided by", text_of(list(one.settings))),
            ("counts in", one.counts_in),
        ),
    )
