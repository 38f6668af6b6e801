"""What a failure of Spark means to a user, by what it says: one class and one line for each."""

from __future__ import annotations

import re

import pipeline.errors
from pipeline import __version__
from pipeline.errors import ClickstatsError, ConfigurationError, Refused

# what executors and Java leave when they end, not what a bug does
LOST = re.compile(
    "ExecutorLostFailure[^\n]*|[^\n]*(shut down|stopped SparkContext|unresponsive|while sending|"
    "Answer from Java side is empty|Cannot run program|PYTHON_VERSION_MISMATCH|OutOfMemory|"
    "maxResultSize|No space left|Connection re)[^\n]*"
)
OURS = re.compile(r"pipeline\.errors\.(\w+): (.*)")


def meaning(said: str) -> ClickstatsError | None:
    """What a failure of Spark means to the user; None: a bug."""
    if found := OURS.findall(said):
        name, message = found[-1]
        error: type[ClickstatsError] = getattr(pipeline.errors, name)
        return error(message)
    if missing := re.search(r"ModuleNotFoundError: No module named '(\w+)", said):
        return ConfigurationError(
            f"a worker of the cluster has no Python module {missing[1]}; install clickstats[spark] "
            f"{__version__} there, and name that Python in PYSPARK_PYTHON"
        )
    if lost := LOST.search(said):
        return Refused(f"Spark ended the work: {lost[0]}; nothing was written")
    return None
