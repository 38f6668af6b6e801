"""docs/commands.md: the help text of every command, as it is printed at 80 columns.

`python -m tests.docs.help_texts` writes it anew; a test holds it against the commands.
"""

from pathlib import Path

from typer.main import get_group

from cli.app import app
from tests.commands import clickstats

PAGE = Path(__file__).parents[2] / "docs/commands.md"
COMMANDS = list(get_group(app).commands)
INTRODUCTION = """\
<!-- Written by `python -m tests.docs.help_texts`. -->
# Commands

What `clickstats COMMAND --help` prints. The README has
[the table of commands](../README.md#commands) and [the exit codes](../README.md#exit-codes).
"""


def page() -> str:
    """The whole page, from the commands as they are now."""
    sections = [
        f"\n## {' '.join(['clickstats', *command])}\n\n```text\n{help_text(*command)}\n```\n"
        for command in [(), *((name,) for name in COMMANDS)]
    ]
    return INTRODUCTION + "".join(sections)


def help_text(*command: str) -> str:
    """What the command prints, without colours and without spaces at the ends of lines."""
    printed = clickstats(*command, "--help", COLUMNS="80", NO_COLOR="1").text
    return "\n".join(line.rstrip() for line in printed.strip("\n").splitlines()).strip("\n")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
