"""The documents tell the truth: what they quote is there, what they promise works."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_group

from cli.app import app
from pipeline import __version__
from pipeline.errors import ClickstatsError
from tests.docs import help_texts
from tests.docs.pages import (
    DOCS,
    HOW_TO,
    PAGES,
    README,
    ROOT,
    fenced,
    first_table,
    prose,
    section,
    text_of,
)

COMMANDS = get_group(app).commands
FOLDERS = sorted({file.parent.name for file in (ROOT / "tests").glob("*/test_*.py")})

# --- commands -----------------------------------------------------------------------------------


TYPED_AFTER = {"console": "$ ", "ini": "ExecStart="}


def invocations() -> Iterator[tuple[str, str]]:
    """Each clickstats command line in a block that is meant to be typed, and where it is."""
    for page in PAGES:
        for language, block in fenced(page):
            if language not in {"console", "sh", "cron", "ini"}:
                continue
            for line in block.replace("\\\n", " ").splitlines():
                if not line.startswith(TYPED_AFTER.get(language, "")):
                    continue
                if line.startswith(("useradd", "install")):  # clickstats is an account there
                    continue
                for arguments in re.findall(
                    r"(?:^|[\s/=])clickstats (?!set )([^|>#;&]+)", line.removeprefix("$ ")
                ):
                    if "=" not in arguments.split()[0]:
                        yield page.name, arguments.strip()


TYPED = [(where, arguments) for where, arguments in invocations() if arguments.split()]


def accepts(arguments: list[str]) -> None:
    """Parse as the command line does, without doing anything."""
    name, *rest = arguments
    if name.startswith("-"):
        group = get_group(app)
        options = {text for option in group.get_params(_context(group)) for text in option.opts}
        assert name in options
        return
    assert name in COMMANDS, f"there is no command {name}"
    COMMANDS[name].make_context(name, rest)


def _context(group: Any) -> Any:
    return group.make_context("clickstats", [], resilient_parsing=True)


def test_there_are_commands_to_try() -> None:
    assert {arguments.split()[0] for _, arguments in TYPED} >= {
        "migrate",
        "run",
        "explain",
        "report",
        "export",
        "verify",
        "status",
    }


@pytest.mark.parametrize(("page", "arguments"), TYPED)
def test_a_documented_command_line_is_accepted(
    page: str, arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file of a definition is the reader's own, an empty one stands for it."""
    monkeypatch.chdir(tmp_path)
    Path("clickstats.toml").touch()
    accepts(shlex.split(arguments))


def test_commands_named_in_passing_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"`clickstats ([a-z]\S*?)[`\s]", prose(page)):
            assert name in COMMANDS, f"{page.name}: clickstats {name}"


def test_the_help_texts_are_current() -> None:
    """If not: python -m tests.docs.help_texts."""
    assert text_of(help_texts.PAGE) == help_texts.page()


def test_every_command_is_in_the_readme() -> None:
    rows = first_table(section(README, "## Commands"))
    documented = [re.search(r"clickstats (\S+?)`", row[0]) for row in rows]
    assert [found[1] for found in documented if found] == list(COMMANDS)


def test_make_targets_exist() -> None:
    makefile = text_of(ROOT / "Makefile")
    targets = {*re.findall(r"^([a-z-]+):", makefile, re.MULTILINE), *map("test-{}".format, FOLDERS)}
    for page in PAGES:
        blocks = "\n".join(block for _, block in fenced(page))
        typed = re.findall(r"^\$ make ([a-z-]+)", blocks, re.MULTILINE)
        in_passing = re.findall(r"`make ([a-z-]+)`", prose(page))
        assert {*typed, *in_passing} <= targets, page.name


def test_make_help_names_every_folder_of_tests() -> None:
    [named_in_help] = re.findall(r"^test-%:.*: (.*)$", text_of(ROOT / "Makefile"), re.MULTILINE)
    assert named_in_help.split() == FOLDERS


def test_the_changelog_has_this_version() -> None:
    assert f"\n## {__version__}" in text_of(ROOT / "CHANGELOG.md")


# --- exit codes ---------------------------------------------------------------------------------


def exit_codes() -> set[int]:
    """Done, a bug, interrupted, terminated, and every error that a user can mend."""
    return {0, 1, 130, 143} | {error.exit_code for error in ClickstatsError.__subclasses__()}


def test_every_exit_code_is_in_the_readme() -> None:
    codes = [int(code) for code, _ in first_table(section(README, "## Exit codes"))]
    assert set(codes) == exit_codes()
    assert codes == sorted(codes)


def test_every_exit_code_is_in_the_runbook() -> None:
    codes = re.findall(r"^## Exit (\d+)$", text_of(DOCS / "runbook.md"), re.MULTILINE)
    assert {int(code) for code in codes} == exit_codes()


# --- links --------------------------------------------------------------------------------------


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in re.findall(r"!?\[[^\]]*\]\(([^)\s]+)\)", prose(page)):
            if not re.match(r"[a-z]+:", target):
                yield page, target


def anchors(page: Path) -> set[str]:
    """The headings of a page in the form in which links name them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize(
    ("page", "target"),
    [pytest.param(page, target, id=f"{page.name}-{target}") for page, target in links()],
)
def test_a_relative_link_resolves(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    linked = (page.parent / path).resolve() if path else page
    assert linked.exists()
    if anchor:
        assert anchor in anchors(linked)


def test_a_how_to_is_listed_and_short() -> None:
    operations = text_of(DOCS / "operations.md")
    for page in HOW_TO.glob("*.md"):
        assert f"](how-to/{page.name})" in operations, page.name
        assert len(text_of(page).splitlines()) <= 150, page.name


def test_decisions_are_numbered_without_holes_and_listed() -> None:
    files = sorted(path for path in (DOCS / "decisions").glob("*.md") if path.name != "README.md")
    headings = [text_of(file).splitlines()[0].removeprefix("# ").split(" ", 1) for file in files]
    numbers = [f"{number:04}" for number in range(1, len(files) + 1)]
    assert [number for number, _ in headings] == numbers
    assert [file.name[:5] for file in files] == [f"{number}-" for number in numbers]
    listed = re.findall(r"^\| (\[.*) \|$", text_of(DOCS / "decisions/README.md"), re.MULTILINE)
    assert listed == [
        f"[{number}]({file.name}) | {title}"
        for file, (number, title) in zip(files, headings, strict=True)
    ]


def test_files_and_folders_that_contributors_are_sent_to_exist() -> None:
    page = ROOT / "CONTRIBUTING.md"
    paths = set(re.findall(r"(?:cli|docs|pipeline|schema|tests)/[\w/.-]*[\w/]", text_of(page)))
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    folders = {path.name for path in (ROOT / "tests").iterdir() if any(path.glob("test_*.py"))}
    assert folders == {
        row[0].strip("`/").removeprefix("tests/") for row in first_table(text_of(page))
    }


def test_documents_named_in_the_code_exist() -> None:
    for folder in ("benchmarks", "cli", "pipeline", "schema", "tests"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in {".py", ".sql"}:
                for document in re.findall(r"docs/[\w/.-]+\.md", text_of(file)):
                    assert (ROOT / document).exists(), f"{file.name} names {document}"
