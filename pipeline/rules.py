"""What a rule is, and how the points of rules add up to a score."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

HIGHEST_SCORE = 100


@dataclass(frozen=True, eq=False)  # an expression has no useful == and no hash
class Rule:
    """One row of a score's table.

    `condition` and `points` are expressions over one row of metrics. A condition that is null
    has not been met. `metric` names the column that decides.
    """

    name: str
    reason: str
    metric: str
    condition: pl.Expr
    points: pl.Expr | int

    def earned(self) -> pl.Expr:
        """The points that an application gets from this rule: 0 when it did not fire."""
        points = self.points if isinstance(self.points, pl.Expr) else pl.lit(self.points)
        return pl.when(self.condition).then(points.cast(pl.Int32)).otherwise(pl.lit(0, pl.Int32))


def score(rules: Sequence[Rule]) -> pl.Expr:
    """The sum of the points of all rules, at most 100."""
    return pl.sum_horizontal(rule.earned() for rule in rules).clip(upper_bound=HIGHEST_SCORE)
