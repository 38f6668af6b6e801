"""Which user agents say that they are programs: the patterns of the package crawler-user-agents,
which ships them as data."""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import polars as pl

PACKAGE = "crawler-user-agents"


@cache
def patterns() -> tuple[str, ...]:
    """The regular expressions, read from the data: the package's own module takes longer."""
    spec = find_spec("crawleruseragents")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed", name="crawleruseragents")
    data = Path(spec.origin).with_name(f"{PACKAGE}.json").read_bytes()
    return tuple(entry["pattern"] for entry in json.loads(data))


def patterns_fingerprint() -> str:
    """The package's version and twelve characters that change when a pattern does."""
    digest = hashlib.sha256("\n".join(patterns()).encode()).hexdigest()[:12]
    return f"{PACKAGE} {version(PACKAGE)} {digest}"


def declared(user_agents: pl.Series) -> list[str]:
    """Those of the user agents that match a pattern, each whole."""
    if user_agents.is_empty():
        return []
    any_pattern = "|".join(f"(?:{pattern})" for pattern in patterns())
    # a $ of a pattern also stands before a newline at the end, for those who wrote it
    texts = user_agents.str.strip_suffix("\n")
    return user_agents.filter(texts.str.contains(any_pattern)).to_list()
