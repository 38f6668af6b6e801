"""The documents, and how a test reads one."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
HOW_TO = DOCS / "how-to"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def fenced(page: Path) -> Iterator[tuple[str, str]]:
    """The language and the text of each fenced block."""
    yield from re.findall(r"^```(\w*)\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)


def marked(page: Path, name: str) -> str:
    """The fenced block after `<!-- name -->`."""
    pattern = rf"^<!-- {re.escape(name)} -->\n```\w*\n(.*?)^```$"
    [block] = re.findall(pattern, text_of(page), re.MULTILINE | re.DOTALL)
    return str(block)


def section(page: Path, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    _, _, after = text_of(page).partition(f"\n{heading}\n")
    assert after, f"{page.name} has no {heading!r}"
    return re.split(r"^#+ ", after, maxsplit=1, flags=re.MULTILINE)[0]


def first_table(text: str) -> list[list[str]]:
    """The rows of the first table, without its heading."""
    lines = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert lines
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines[0].splitlines()
    ]
    return rows[2:]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
