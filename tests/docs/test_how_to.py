"""The how-tos work as they stand: grants, cron lines, metrics, queries, limits."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.answers.prometheus import write_metrics
from pipeline.answers.status import status
from pipeline.load import LOCK_TIMEOUT
from pipeline.run import run_all
from pipeline.settings import Settings
from tests.commands import clickstats, inherited
from tests.databases import Database, fresh
from tests.docs.pages import DOCS, HOW_TO, PAGES, fenced, first_table, marked, section, text_of
from tests.drawings import named, world_drawn
from tests.integration.test_migrate_from_before import of_before

RUNBOOK = DOCS / "runbook.md"
LEDGER, MONITOR, NIGHTLY, PRIVILEGES, UPGRADE = (
    HOW_TO / f"{name}.md" for name in ("ledger", "monitor", "nightly", "privileges", "upgrade")
)

OURS = """
select relname from pg_class
where relname ~ '^(link_click_|clickstats_|application_)' and relkind in ('r', 'v')
"""
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
        unmigrated.execute(marked(PRIVILEGES, "grants: owner"))
        succeeds(owner, "migrate", "migrate", "migrate --check")
        unmigrated.execute(marked(PRIVILEGES, "grants: job"))
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

        unmigrated.execute(marked(PRIVILEGES, "grants: columns"))
        succeeds(job, "run --all", *reading)
        answer = clickstats("migrate", "--check", database=job)
        assert answer.code == 0
        assert answer.text.count("optional: link_clicks.") == 2
        assert answer.text.count("optional: job_applications.") == 1  # there is a status


def test_the_grants_run_in_a_second_database_too(
    unmigrated: Database, server_url: str, with_sources: str
) -> None:
    with roles(unmigrated):
        for _ in range(2):
            with fresh(server_url, with_sources) as another:
                another.execute(marked(PRIVILEGES, "grants: owner"))
                owner = another.seen_by("clickstats_owner", "change-me")
                succeeds(owner, "migrate", "migrate --check")
                another.execute(marked(PRIVILEGES, "grants: job"))
                succeeds(another.seen_by("clickstats_job", "change-me"), "migrate --check")


def cron_lines() -> list[str]:
    return [
        line
        for page in PAGES
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


def test_the_account_and_the_folders_of_the_job_are_created() -> None:
    created = marked(NIGHTLY, "account")
    page = text_of(NIGHTLY)
    accounts = set(re.findall(r"^(?:\S+ ){5}(\w+) set -a|^User=(\w+)", page, re.MULTILINE))
    assert {cron or unit for cron, unit in accounts} == {"clickstats"}
    assert re.search(r"^useradd .* clickstats$", created, re.MULTILINE)
    for used in ("/var/log/clickstats", "/etc/clickstats/env"):
        assert f" {used}" in created.replace("\n", " ")
        assert used in page.replace(created, "")


def test_a_failed_unit_starts_another_that_is_there() -> None:
    page = text_of(NIGHTLY)
    [started] = re.findall(r"^OnFailure=(.+)$", page, re.MULTILINE)
    assert f"`/etc/systemd/system/{started}`:" in page
    units = "".join(block for language, block in fenced(NIGHTLY) if language == "ini")
    assert units.count("[Service]") == 2
    [shell] = re.findall(r"^ExecStart=/bin/sh -c '(.*)'$", units, re.MULTILINE)
    subprocess.run(["/bin/sh", "-n", "-c", shell], check=True)
    assert f"systemctl start {started}" in page


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
    named_in_alerts = set(re.findall(r"clickstats_\w+", marked(MONITOR, "alerts")))
    assert named_in_alerts <= written
    documented = {
        name if name.startswith("clickstats") else f"clickstats{name}"
        for row in first_table(section(MONITOR, "## Prometheus"))
        for name in re.findall(r"`(\w+)(?:\{[^`]*\})?`", row[0])
    }
    assert documented == written


def test_the_queries_of_the_ledger_run(database: Database) -> None:
    database.load(WORLD)
    run_all(database.settings())
    queries = [each for each in marked(LEDGER, "ledger queries").split(";") if each.strip()]
    assert len(queries) == 5
    for query in queries:
        database.execute(query)


def test_the_limits_of_writing_are_those_of_the_code() -> None:
    """What architecture.md and the runbook say about waiting for other programs' locks."""
    assert (Settings.write_attempts, LOCK_TIMEOUT == "10ms") == (15, True)
    assert "15 attempts" in section(RUNBOOK, "## Exit 8")
    assert "for 10 ms only" in text_of(DOCS / "architecture.md")
    assert "up to 15 times" in text_of(DOCS / "architecture.md")


@pytest.mark.parametrize("is_older", [True, False], ids=["from before readings", "of this version"])
def test_what_was_backed_up_comes_back(
    unmigrated: Database, tmp_path: Path, *, is_older: bool
) -> None:
    """The commands as they stand; what the former version would run after them, this one may."""
    unmigrated.load(WORLD)
    if is_older:
        of_before(unmigrated)
    else:
        succeeds(unmigrated, "migrate", "run --all")
    before = contents(unmigrated)

    def run(commands: str) -> None:
        path = f"{programs(unmigrated)}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-ec", commands],
            cwd=tmp_path,
            env=inherited() | {"PATH": path, "CLICKSTATS_DATABASE_URL": unmigrated.url},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()

    run(marked(UPGRADE, "back up"))
    succeeds(unmigrated, "run --all --full")
    drop_and_restore, *_ = re.split("^clickstats", marked(UPGRADE, "go back"), flags=re.MULTILINE)
    run(drop_and_restore)
    assert contents(unmigrated) == before


def contents(database: Database) -> dict[str, object]:
    """What our tables and the view hold."""
    return {
        name: database.execute(f"select to_jsonb(one) from {name} as one order by one::text")
        for (name,) in database.execute(OURS)
    }


def programs(database: Database) -> str:
    """The folder of pg_dump and its like, no older than the server."""
    folder = os.environ.get("CLICKSTATS_PG_BIN") or str(Path(shutil.which("pg_dump") or "").parent)
    try:
        said = subprocess.check_output([f"{folder}/pg_dump", "--version"], text=True)
    except OSError:
        pytest.skip("no pg_dump")
    if int(re.findall(r"\d+", said)[0]) < database.server_version // 10_000:
        pytest.skip("pg_dump is older than the server")
    return folder
