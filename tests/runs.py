"""The runs that read clicks, over a small world, and what they say when they cannot."""

from collections.abc import Callable

import pytest

from pipeline.answers.explain import explain_named
from pipeline.errors import ClickstatsError
from pipeline.run import run_all, run_named
from pipeline.settings import Settings
from tests.databases import Database
from tests.drawings import named, world_drawn

WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2024-03-04 09:00
    B           | J   | 2024-03-04 09:00

    link | application | link function
    a    | A           | LinkedIn
    b    | B           | Calendly

    link | clicked at
    a    | 2024-03-04 10:00
    b    | 2024-03-04 10:00
    """
).world
A, B, C = (str(named(name)) for name in "ABC")
RUNS: dict[str, Callable[[Settings], object]] = {
    "all": run_all,
    "named": lambda settings: run_named(settings, [A, B, C]),
    "explain": lambda settings: explain_named(settings, [A]),
}
runs = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
writing_runs = pytest.mark.parametrize("run", list(RUNS.values())[:2], ids=list(RUNS)[:2])


def said_by(run: Callable[[Settings], object], database: Database, code: int) -> str:
    """What a run says that ends with this exit code: one line."""
    with pytest.raises(ClickstatsError) as raised:
        run(database.settings())
    said = str(raised.value)
    assert (raised.value.exit_code, "\n" in said) == (code, False), said
    return said
