"""What a peer is: a name, what it does, and the command that is run as a process of its own.

A peer's file is imported by the runner too, which must stay small (a process's peak memory counts
from its parent's), so heavy libraries are imported in the function that uses them.
"""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # where commands run
CLICKSTATS = str(Path(sys.executable).with_name("clickstats"))  # as users run it
OWNER, WRITER = "owner", "writer"  # the tables' owner; a role that may only read and write them


@dataclass(frozen=True)
class Peer:
    """One row of each table of results."""

    name: str
    about: str
    command: Callable[[str | None], list[str]]  # for every application, or for the one named
    login: str = OWNER
    situations: tuple[str, ...] | None = None  # None: all
    writes: bool = True  # whether the target holds the right rows afterwards
    reports: bool = False  # prints its figures as JSON, as only part of its process counts
    sliced: bool = False  # does only the applications in benchmark.slice


def program(module: str, *options: str) -> Callable[[str | None], list[str]]:
    """The command that runs a module of this package."""

    def command(application: str | None) -> list[str]:
        named = ["--application", application] if application else []
        return [sys.executable, "-m", module, *options, *named]

    return command


def parsed(parser: argparse.ArgumentParser | None = None) -> argparse.Namespace:
    """The options of a peer's program, with `application` and `url`, the database's."""
    parser = parser or argparse.ArgumentParser()
    parser.add_argument("--application")
    options = parser.parse_args()
    options.url = os.environ["CLICKSTATS_DATABASE_URL"]
    return options
