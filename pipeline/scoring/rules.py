"""What a rule is, how the points of rules add up to a score, and how a score came about."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

HIGHEST_SCORE = 100


@dataclass(frozen=True, eq=False)  # an expression has no useful == and no hash
class Rule:
    """One row of a score's table.

    The expressions are over one row of metrics. A condition that is null has not been met; one that
    is met earns `points`, or `points` for each of `each`, at most `at_most`. `evidence` says in
    words which value decided.
    """

    name: str
    reason: str
    evidence: pl.Expr
    condition: pl.Expr
    points: int
    each: pl.Expr | None = None
    at_most: int | None = None

    def earned(self) -> pl.Expr:
        """The points that an application gets from this rule: 0 when it did not fire."""
        times = pl.lit(1) if self.each is None else self.each
        points = (times.cast(pl.Int64) * self.points).clip(upper_bound=self.at_most)
        return pl.when(self.condition).then(points.cast(pl.Int32)).otherwise(pl.lit(0, pl.Int32))

    def metrics(self) -> list[str]:
        """The columns that decide."""
        return list(dict.fromkeys(self.condition.meta.root_names()))


def score(rules: Sequence[Rule]) -> pl.Expr:
    """The sum of the points of all rules, at most 100."""
    return _sum(rules).clip(upper_bound=HIGHEST_SCORE)


def capped(rules: Sequence[Rule]) -> pl.Expr:
    """What the limit of 100 takes away: 0 or less."""
    return score(rules) - _sum(rules)


def waterfall(rules: Sequence[Rule]) -> pl.Expr:
    """How the score came about: a list of `rule`, `fired`, `points` and `why`, one for each rule in
    the table's order and one for the cap, whose points are negative when it bites. The points add
    up to the score."""
    steps = [
        _step(rule.name, rule.condition.fill_null(False), rule.earned(), rule.reason, rule.evidence)
        for rule in rules
    ]
    evidence = pl.format("the rules add up to {}", _sum(rules))
    reason = f"at most {HIGHEST_SCORE} points"
    return pl.concat_list(*steps, _step("cap", capped(rules) < 0, capped(rules), reason, evidence))


def fired(rules: Sequence[Rule]) -> pl.Expr:
    """Which rules have fired: a bit for each, the first rule's the lowest."""
    return pl.sum_horizontal(
        rule.condition.fill_null(False).cast(pl.Int32) * 2**bit for bit, rule in enumerate(rules)
    )


def _sum(rules: Sequence[Rule]) -> pl.Expr:
    return pl.sum_horizontal(rule.earned() for rule in rules)


def _step(name: str, fired: pl.Expr, points: pl.Expr, reason: str, evidence: pl.Expr) -> pl.Expr:
    return pl.struct(
        rule=pl.lit(name),
        fired=fired,
        points=points,
        why=pl.format("{}: {}", pl.lit(reason), evidence),
    )
