"""Patterns that are plain text are found as text; that says the same as regular expressions."""

import re
from random import Random

import polars as pl

from pipeline.scoring.user_agents import declared, patterns

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36"
TAKE_BACK = re.compile(r"[\\^$]|\(.*?\)|\[(.).*?\]")


def texts() -> list[str]:
    """What nearly is a program's user agent, and what is."""
    random = Random(1)
    plain = [TAKE_BACK.sub(r"\1", pattern) for pattern in random.sample(patterns(), 200)]
    return [
        *plain,
        *(text.swapcase() for text in plain),
        *(text[:-1] for text in plain),
        *(text + "\n" for text in plain[:50]),
        *(f"{BROWSER} {text}" for text in plain[:50]),
        *patterns()[:50],
        *(
            "",
            "\n",
            BROWSER,
            "Wget",
            "SSL Labs",
            "SSL Labs\n",
            "SSL Labs\n\n",
            "AdsBot-Google-Mobile",
        ),
        *("AdsBot-Google", "Current\nRSS Reader", "curl/8", "a curl/8", "\u0130curl", "x sentry/1"),
    ]


def test_a_user_agent_is_declared_when_any_pattern_matches() -> None:
    found = set(declared(pl.Series(texts())))
    expressions = [re.compile(pattern) for pattern in patterns()]
    assert found == {text for text in texts() if any(each.search(text) for each in expressions)}
    assert 200 < len(found) < len(set(texts())) - 200
