"""Which user agents say that they are programs: the patterns of the package crawler-user-agents,
which ships them as data."""

import hashlib
import re
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import msgspec
import polars as pl

PACKAGE = "crawler-user-agents"
FEW = 50  # user agents: to prepare the search for all patterns at once takes longer
ESCAPED = re.compile(r"\\([^\w\s])")


class Entry(msgspec.Struct):
    """What is used of an entry of the data."""

    pattern: str


@cache
def patterns() -> tuple[str, ...]:
    """The regular expressions, read from the data: the package's own module takes longer."""
    spec = find_spec("crawleruseragents")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed", name="crawleruseragents")
    data = Path(spec.origin).with_name(f"{PACKAGE}.json").read_bytes()
    return tuple(entry.pattern for entry in msgspec.json.decode(data, type=list[Entry]))


@cache
def patterns_fingerprint() -> str:
    """The package's version and twelve characters that change when a pattern does."""
    digest = hashlib.sha256("\n".join(patterns()).encode()).hexdigest()[:12]
    return f"{PACKAGE} {version(PACKAGE)} {digest}"


def declared(user_agents: pl.Series) -> list[str]:
    """Those of the user agents that match a pattern, each whole."""
    literals, others = _by_kind()
    # a $ of a pattern also stands before a newline at the end, for those who wrote it
    texts = user_agents.str.strip_suffix("\n")
    if texts.len() > FEW:
        is_declared = texts.str.contains_any(literals)
    else:
        found = [any(literal in text for literal in literals) for text in texts]
        is_declared = pl.Series(found, dtype=pl.Boolean)
    if others:
        is_declared |= texts.str.contains("|".join(f"(?:{pattern})" for pattern in others))
    return user_agents.filter(is_declared).to_list()


@cache
def _by_kind() -> tuple[list[str], list[str]]:
    """The patterns that are plain text, as that text, and the others. Of 1,500 all but a few are
    plain, and in one regular expression they take longer to compile than a single application takes
    for all else."""
    literals, others = [], []
    for pattern in patterns():
        if re.search(r"[\\\[\](){}^$.|?*+]", ESCAPED.sub("", pattern)):
            others.append(pattern)
        else:
            literals.append(ESCAPED.sub(r"\1", pattern))
    return literals, others
