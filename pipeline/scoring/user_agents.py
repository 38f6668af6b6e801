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
# of a few user agents it is remembered whether they match: compiling the patterns takes longer
# than all else about a single application
FEW, MOST_KNOWN, LONG = 500, 5_000, 500  # user agents, and characters of one
_known: dict[str, bool] = {}


@cache
def patterns() -> tuple[str, ...]:
    """The regular expressions, read from the data: the package's own module takes longer."""
    spec = find_spec("crawleruseragents")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed", name="crawleruseragents")
    data = Path(spec.origin).with_name(f"{PACKAGE}.json").read_bytes()
    return tuple(entry["pattern"] for entry in json.loads(data))


@cache
def patterns_fingerprint() -> str:
    """The package's version and twelve characters that change when a pattern does."""
    digest = hashlib.sha256("\n".join(patterns()).encode()).hexdigest()[:12]
    return f"{PACKAGE} {version(PACKAGE)} {digest}"


def declared(user_agents: pl.Series) -> list[str]:
    """Those of the user agents that match a pattern, each whole."""
    if user_agents.len() > FEW:
        return _matching(user_agents)
    agents = user_agents.to_list()
    found = {agent: _known.get(agent) for agent in agents}
    if unknown := [agent for agent, is_declared in found.items() if is_declared is None]:
        matching = set(_matching(pl.Series(unknown, dtype=pl.String)))
        found |= {agent: agent in matching for agent in unknown}
        if len(_known) > MOST_KNOWN:
            _known.clear()
        _known.update((agent, agent in matching) for agent in unknown if len(agent) < LONG)
    return [agent for agent in agents if found[agent]]


def _matching(user_agents: pl.Series) -> list[str]:
    any_pattern = "|".join(f"(?:{pattern})" for pattern in patterns())
    # a $ of a pattern also stands before a newline at the end, for those who wrote it
    texts = user_agents.str.strip_suffix("\n")
    return user_agents.filter(texts.str.contains(any_pattern)).to_list()
