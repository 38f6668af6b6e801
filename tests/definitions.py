"""Definitions as files."""

from pathlib import Path

from pipeline.definition import COMMENTS, InForce, toml
from tests.in_memory import defined
from tests.oracle import Definition


def written(folder: Path, text: str, name: str = "definition.toml") -> str:
    """The name of a file in the folder that holds the text."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def printed(folder: Path, definition: Definition, frozen_after_days: int = 0) -> str:
    """The name of a file that holds the definition, as `clickstats definition` prints it."""
    found = InForce(defined(definition, frozen_after_days), dict.fromkeys(COMMENTS, "a test"))
    return written(folder, toml(found))
