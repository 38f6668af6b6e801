"""The documents tell the truth: what they quote is there, what they promise works."""

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Table
from typer.main import get_group

from cli.app import app
from pipeline.answers.dictionary import RULES
from pipeline.answers.prometheus import write_metrics
from pipeline.answers.status import status
from pipeline.errors import ClickstatsError
from pipeline.load import ATTEMPTS, LOCK_TIMEOUT
from pipeline.run import run_all
from pipeline.scoring.scores import SCORES
from schema import tables
from schema.migrations import VERSION_TABLE
from schema.shape import DIALECT, expected_indexes
from tests.commands import clickstats
from tests.databases import Database
from tests.docs import help_texts
from tests.drawings import named, world_drawn

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
OPERATIONS, SCORING, SCHEMA = (DOCS / f"{name}.md" for name in ("operations", "scoring", "schema"))
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
COMMANDS = get_group(app).commands
FOLDERS = sorted({file.parent.name for file in (ROOT / "tests").glob("*/test_*.py")})

APPLICATION = named("A")
WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2024-03-04 09:00
    B           | J   | 2024-03-04 09:00

    link | application | link function
    a    | A           | LinkedIn

    link | clicked at
    a    | 2024-03-04 10:00
    """
).world


# --- reading a page ----------------------------------------------------------------------------


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


# --- commands ----------------------------------------------------------------------------------


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
def test_a_documented_command_line_is_accepted(page: str, arguments: str) -> None:
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
    version = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["version"]
    assert f"\n## {version}" in text_of(ROOT / "CHANGELOG.md")


# --- exit codes --------------------------------------------------------------------------------


def exit_codes() -> set[int]:
    """Done, a bug, interrupted, terminated, and every error that a user can mend."""
    return {0, 1, 130, 143} | {error.exit_code for error in ClickstatsError.__subclasses__()}


def test_every_exit_code_is_in_the_readme() -> None:
    codes = [int(code) for code, _ in first_table(section(README, "## Exit codes"))]
    assert set(codes) == exit_codes()
    assert codes == sorted(codes)


def test_every_exit_code_is_in_the_runbook() -> None:
    codes = re.findall(r"^### Exit (\d+)$", text_of(OPERATIONS), re.MULTILINE)
    assert {int(code) for code in codes} == exit_codes()


# --- links -------------------------------------------------------------------------------------


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


def test_documents_named_in_the_code_exist() -> None:
    for folder in ("cli", "pipeline", "schema"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in {".py", ".sql"}:
                for document in re.findall(r"docs/[\w/.-]+\.md", text_of(file)):
                    assert (ROOT / document).exists(), f"{file.name} names {document}"


# --- rules and tables --------------------------------------------------------------------------


@pytest.mark.parametrize("score", SCORES)
def test_the_rules_are_those_of_the_code(score: str) -> None:
    documented = first_table(section(SCORING, f"## {score}"))
    assert documented == [
        [rule.rule, rule.condition, rule.in_words()] for rule in RULES if rule.score == score
    ]


def type_of(column: Column[Any]) -> str:
    name = column.type.compile(dialect=DIALECT).lower()
    return f"`{name.replace(' without time zone', '')}`"


def default_of(column: Column[Any]) -> str:
    text = str(getattr(column.server_default, "arg", "")).split("::")[0]
    return f"`{text}`" if text else ""


@pytest.mark.parametrize("table", tables.source.sorted_tables, ids=lambda table: table.name)
def test_the_source_tables_are_those_of_the_code(table: Table) -> None:
    documented = [row[:2] for row in first_table(section(SCHEMA, f"### {table.name}"))]
    assert documented == [[f"`{column.name}`", type_of(column)] for column in table.columns]


@pytest.mark.parametrize("table", tables.ours.sorted_tables, ids=lambda table: table.name)
def test_our_tables_are_those_of_the_code(table: Table) -> None:
    documented = [row[:3] for row in first_table(section(SCHEMA, f"### {table.name}"))]
    assert documented == [
        [f"`{column.name}`", type_of(column), default_of(column)] for column in table.columns
    ]
    for index in expected_indexes(table):
        assert f"`{index}`" in section(SCHEMA, f"### {table.name}")


def test_the_version_table_and_the_migrations_are_those_of_the_code(database: Database) -> None:
    documented = [row[:2] for row in first_table(section(SCHEMA, f"### {VERSION_TABLE}"))]
    found = database.execute(
        "select format('`%%s`', column_name), format('`varchar(%%s)`', character_maximum_length)"
        " from information_schema.columns where table_name = %s",
        (VERSION_TABLE,),
    )
    assert documented == [list(row) for row in found]
    files = {row[1].strip("`") for row in first_table(section(SCHEMA, "## Migrations"))}
    assert files == {file.name for file in (ROOT / "schema/migrations/versions").glob("*.sql")}


# --- operations --------------------------------------------------------------------------------


@contextmanager
def roles(database: Database) -> Iterator[None]:
    """Room for the roles of the document, which are dropped afterwards."""
    names = ("clickstats_job", "clickstats_owner")
    taken = database.execute("select 1 from pg_roles where rolname in %s", (names,))
    if taken:
        pytest.skip("this server has a role clickstats_job or clickstats_owner of its own")
    try:
        yield
    finally:
        for name in names:
            if database.execute("select 1 from pg_roles where rolname = %s", (name,)):
                database.execute(f"drop owned by {name}; drop role {name}")


def succeeds(as_role: Database, *commands: str) -> None:
    for command in commands:
        answer = clickstats(*command.split(), database=as_role)
        assert answer.code == 0, f"{command}: {answer.text}{answer.errors}"


@pytest.mark.slow
def test_the_grants_suffice(unmigrated: Database, tmp_path: Path) -> None:
    unmigrated.load(WORLD)
    unmigrated.execute(
        f"revoke all on database {unmigrated.name} from public;"
        "revoke all on schema public from public"
    )
    owner = unmigrated.seen_by("clickstats_owner", "change-me")
    job = unmigrated.seen_by("clickstats_job", "change-me")
    with roles(unmigrated):
        unmigrated.execute(marked(OPERATIONS, "grants: owner"))
        succeeds(owner, "migrate", "migrate")
        unmigrated.execute(marked(OPERATIONS, "grants: job"))
        succeeds(job, "migrate --check", "run --all --dry-run", "run --all", "run --all --full")
        reading = (
            f"run --app-id {APPLICATION}",
            f"explain {APPLICATION}",
            "verify",
            "status --max-age 1h",
            "report",
            f"export {tmp_path / 'rows.csv'}",
        )
        succeeds(job, *reading)

        unmigrated.execute(marked(OPERATIONS, "grants: columns"))
        succeeds(job, "run --all", *reading)
        answer = clickstats("migrate", "--check", database=job)
        assert answer.code == 5
        assert answer.text.count("lacks SELECT") == 4


def cron_lines() -> list[str]:
    return [
        line
        for page in (README, OPERATIONS)
        for language, block in fenced(page)
        if language == "cron"
        for line in block.splitlines()
        if not re.match(r"#|[A-Z_]+=|$", line)
    ]


FIELD = r"(?:\*|\d+)(?:/\d+)?"


@pytest.mark.parametrize("line", cron_lines())
def test_a_cron_line_parses(line: str) -> None:
    found = re.fullmatch(rf"((?:{FIELD} ){{5}})(clickstats )?(.*)", line)
    assert found, "expected five fields, a user perhaps, and a command"
    command = found[3]
    assert not re.search(r"(?<!\\)%", command), "cron takes % for a line break"
    assert "://" not in command, "arguments are visible in the list of processes"
    subprocess.run(["/bin/sh", "-n", "-c", command], check=True)


def test_the_job_runs_at_2_am() -> None:
    nightly = [line for line in cron_lines() if "run --all" in line]
    assert nightly
    assert all(line.startswith("0 2 * * * ") for line in nightly)


def test_metrics_in_the_document_are_in_the_file(database: Database, tmp_path: Path) -> None:
    database.load(WORLD)
    run_all(database.settings())
    file = tmp_path / "clickstats.prom"
    write_metrics(status(database.settings()), file)
    written = set(re.findall(r"^(clickstats_\w+)", file.read_text(), re.MULTILINE))
    named_in_alerts = set(re.findall(r"clickstats_\w+", marked(OPERATIONS, "alerts")))
    assert named_in_alerts <= written
    documented = {
        name if name.startswith("clickstats") else f"clickstats{name}"
        for row in first_table(section(OPERATIONS, "## Monitoring"))
        for name in re.findall(r"`(\w+)(?:\{[^`]*\})?`", row[0])
    }
    assert documented == written


def test_the_queries_of_the_ledger_run(database: Database) -> None:
    database.load(WORLD)
    run_all(database.settings())
    queries = [each for each in marked(OPERATIONS, "ledger queries").split(";") if each.strip()]
    assert len(queries) == 5
    for query in queries:
        database.execute(query)


def test_the_limits_of_writing_are_those_of_the_code() -> None:
    """What architecture.md and the runbook say about waiting for other programs' locks."""
    assert (ATTEMPTS, LOCK_TIMEOUT == "10ms") == (15, True)
    assert "15 attempts" in section(OPERATIONS, "### Exit 8")
    assert "for 10 ms only" in text_of(DOCS / "architecture.md")
    assert "up to 15 times" in text_of(DOCS / "architecture.md")
