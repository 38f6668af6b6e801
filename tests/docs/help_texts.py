"""docs/commands.md: the help text of every command, as it is printed at 80 columns.

`python -m tests.docs.help_texts` writes it anew; a test holds it against the commands.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from typer.main import get_group

from cli.app import app

PAGE = Path(__file__).parents[2] / "docs/commands.md"
CLICKSTATS = Path(sys.executable).with_name("clickstats")
COMMANDS = list(get_group(app).commands)
INTRODUCTION = """\
<!-- Written by `python -m tests.docs.help_texts`. -->
# Commands

What `clickstats COMMAND --help` prints. The README has
[the table of commands](../README.md#commands) and [the exit codes](../README.md#exit-codes).
"""


def page() -> str:
    """The whole page, from the commands as they are now."""
    with ThreadPoolExecutor() as threads:
        texts = threads.map(help_text, ["", *COMMANDS])
        headings = ["clickstats", *(f"clickstats {name}" for name in COMMANDS)]
        sections = [
            f"\n## {heading}\n\n```text\n{text}\n```\n"
            for heading, text in zip(headings, texts, strict=True)
        ]
    return INTRODUCTION + "".join(sections)


def help_text(command: str) -> str:
    """What the command prints, without colours and without spaces at the ends of lines."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("CLICKSTATS_")
    }
    printed = subprocess.run(
        [CLICKSTATS, *command.split(), "--help"],
        env={**environment, "COLUMNS": "80", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    return "\n".join(line.rstrip() for line in printed.strip("\n").splitlines()).strip("\n")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
