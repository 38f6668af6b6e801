"""The exit codes: one line on standard error that says what was
found, nothing on standard output, no traceback, and no password."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.commands import clickstats
from tests.databases import Database
from tests.drawings import named
from tests.engines import stored
from tests.processes import started
from tests.waiting import AT_ONCE

KEEN, NOBODY = str(named("keen")), str(named("nobody"))
SECRET = "s3cr3t"


def refused(expected_code: int, url: str, *arguments: str, **environment: str) -> str:
    """What a command says that ends with this exit code: one line, and nothing else."""
    answer = clickstats(*arguments, database=url, **environment)
    said = answer.errors
    assert (answer.code, answer.text) == (expected_code, ""), said
    assert SECRET not in said
    assert said.startswith("clickstats: ")
    assert said.endswith("\n")
    assert said.count("\n") == 1, said
    return said


# --- 2: wrong usage or configuration -----------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["run"], "one of --all, --changed and --app-id"),
        (["run", "--all", "--app-id", KEEN], "one of --all, --changed and --app-id"),
        (["run", "--app-id", KEEN, "--app-id", "not-an-id"], "'not-an-id' is not an application"),
        (["run", "--app-id", ""], "'' is not an application id"),
        (["run", "--app-id", KEEN, "--limit", "1"], "--limit"),
        (["run", "--app-id", KEEN, "--full"], "--full"),
        (["run", "--all", "--limit", "0"], "--limit"),
        (["run", "--all", "--limit", "few"], "'few' is not a valid whole number"),
        (["run", "--all", "--limit", "valid int"], "'valid int' is not a valid whole number"),
        (["run", "--all", "--max-shrink", "few"], "'few' is not a valid number"),
        (["run", "--all", "--limit", "1", "--full"], "exclude"),
        (["run", "--all", "--limit", "9" * 20], "--limit"),
        (["run", "--all", "--keep-days", "4000000"], "--keep-days"),
        (["run", "--all", "--max-shrink", "nan"], "--max-shrink"),
        (["run", "--app-id", KEEN, "--max-shrink", "nan"], "--max-shrink"),
        (["run", "--all", "--connect-timeout", "9" * 20], "connect"),
        (["verify", "--sample", "9" * 20], "--sample"),
        (["run", "--all", "--format", "xml"], "xml"),
        (["run", "--all", "--timezone", "Mars/Olympus"], "Mars/Olympus"),
        (["run", "--all", "--connect-timeout", "0"], "connect timeout"),
        (["run", "--all", "--schema", ""], "schema"),
        (["run", "--everything"], "--everything"),
        (["walk"], "walk"),
        (["migrate", "--sql", "--check"], "exclude"),
    ],
)
def test_wrong_usage(arguments: list[str], found: str) -> None:
    """Noticed before anything is connected to."""
    assert found in refused(2, "postgresql://127.0.0.1:1/nowhere", *arguments)


def test_no_database_is_never_a_default() -> None:
    said = refused(2, "", "run", "--all", PGHOST="localhost", PGDATABASE="postgres")
    assert "CLICKSTATS_DATABASE_URL" in said
    assert "CLICKSTATS_DATABASE_URL" in refused(2, "", "migrate")


@pytest.mark.parametrize(
    "url",
    [
        # the password has a character that should have been written as %40, %2F, %25
        f"postgresql://me:{SECRET}@x@localhost/db",
        f"postgresql://me:{SECRET}/x@localhost/db",
        f"postgresql+psycopg2://me:{SECRET}%zz@localhost:x{SECRET}/db",
        f"postgresql://me:{SECRET}%zz@localhost/db",
        f"mysql://me:{SECRET}@localhost/db",
        f"host=localhost password={SECRET} {SECRET}",
        SECRET,
    ],
)
def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    assert "percent-encoded" in refused(2, url, "run", "--all")


# --- 3: no connection --------------------------------------------------------------------------


def test_an_unreachable_server() -> None:
    with closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://me:{SECRET}@127.0.0.1:{closed.getsockname()[1]}/db"
        answer = clickstats("run", "--all", "--connect-timeout", "2", database=url)
        assert answer.code == 3
        *attempts, last = answer.errors.splitlines()
        assert ["trying again" in line for line in attempts] == [True, True]
        assert "CLICKSTATS_DATABASE_URL" in last
        assert SECRET not in answer.errors


def test_a_host_that_does_not_exist() -> None:
    url = f"postgresql://me:{SECRET}@nowhere.invalid/db"
    refused(3, url, "run", "--all", "--quiet", "--connect-timeout", "1")


def test_a_server_that_does_not_answer_costs_the_connect_timeout() -> None:
    """It accepts the connection, and that is all."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/db"
        begun = time.monotonic()
        refused(3, url, "run", "--all", "--connect-timeout", "2")
        assert 1.5 < time.monotonic() - begun < 10


def test_a_database_that_does_not_exist(filled: Database) -> None:
    url = filled.url.replace(filled.name, "nowhere")
    assert "nowhere" in refused(3, url, "run", "--app-id", KEEN)


def test_a_wrong_password(filled: Database, role: str) -> None:
    assert role in refused(3, filled.seen_by(role, SECRET).url, "run", "--all")


# --- 4: a named application does not exist -----------------------------------------------------


def test_an_unknown_application_is_named_and_the_others_are_done(filled: Database) -> None:
    ids = ("--app-id", NOBODY, "--app-id", KEEN)
    answer = clickstats("run", "--quiet", "--format", "json", *ids, database=filled)
    assert answer.code == 4
    assert KEEN in answer.text
    assert NOBODY not in answer.text
    assert answer.errors.count("\n") == 1
    assert NOBODY in answer.errors
    assert list(stored(filled)) == [named("keen")]


# --- 5: a table, column or privilege is missing ------------------------------------------------


@pytest.mark.parametrize("arguments", [["run", "--all"], ["run", "--app-id", KEEN]])
def test_a_database_without_our_tables(unmigrated: Database, arguments: list[str]) -> None:
    assert "clickstats migrate" in refused(5, unmigrated.url, *arguments, "--quiet")


def test_a_check_lists_what_is_missing(unmigrated: Database) -> None:
    unmigrated.execute("alter table link_clicks drop clicked_at")
    answer = clickstats("migrate", "--check", database=unmigrated)
    assert answer.code == 5
    assert "link_clicks.clicked_at" in answer.text
    assert "link_click_analytics" in answer.text
    assert answer.errors.count("\n") == 1
    assert str(answer.text.count("\n")) in answer.errors


# --- 8: the server refused the work ------------------------------------------------------------


@pytest.fixture
def locked(filled: Database) -> Iterator[Database]:
    """Somebody keeps everybody else out of the clicks."""
    with closing(filled.connect()) as other, other.cursor() as cursor:
        cursor.execute("lock table link_clicks in access exclusive mode")
        yield filled


@pytest.mark.parametrize("limit", ["statement_timeout", "lock_timeout"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--all"],
        ["run", "--app-id", KEEN],
    ],
)
def test_a_limit_of_the_server(locked: Database, limit: str, arguments: list[str]) -> None:
    locked.execute(f"alter database {locked.name} set {limit} = '300ms'")
    assert "timeout" in refused(8, locked.url, *arguments, "--quiet")
    assert stored(locked) == {}


# --- 130 and 143: interrupted, terminated (tests/faults has them at every step) -----------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_answered_while_a_run_connects(number: signal.Signals, code: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(10)
        url = f"postgresql://me:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/db"
        with started(url, "run", "--all") as process, closing(silent.accept()[0]):
            begun = time.monotonic()
            process.send_signal(number)
            _, said = process.communicate(timeout=5)
            assert time.monotonic() - begun < AT_ONCE
    assert process.returncode == code
    assert "Traceback" not in said


WHILE_IT_IMPORTS = """
import os, sys

def on_import(event, arguments):
    if event == "import" and arguments[0] == "{module}":
        {then}

sys.addaudithook(on_import)
"""
FINALIZER = """
class Finalized:
    def __del__(self):
        os.kill(os.getpid(), {number})
        len("the signal is answered here")
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_a_finalizer_gets_is_not_lost(number: signal.Signals, code: int) -> None:
    """Python ignores what a finalizer raises."""
    imports = WHILE_IT_IMPORTS.format(module="psycopg2", then="Finalized()")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/db"
        first = FINALIZER.format(number=int(number)) + imports
        with started(url, "run", "--all", first=first) as process:
            written, said = process.communicate(timeout=30)
    assert (process.returncode, written) == (code, "")
    assert "Traceback" not in said


WHILE_A_THREAD_BEGINS = """
import os, threading, time

def begin(work, arguments, start=threading._start_new_thread):
    def late():
        time.sleep(0.1)
        os.kill(os.getpid(), {number})
        time.sleep(0.5)
        work(*arguments)
    return start(late, ())

threading._start_new_thread = begin
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_answered_while_a_thread_begins(number: signal.Signals, code: int) -> None:
    first = WHILE_A_THREAD_BEGINS.format(number=int(number))
    with started("postgresql://nobody.invalid/", "run", "--all", first=first) as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in said


def test_an_interrupt_while_the_command_line_is_imported() -> None:
    interrupt = f"os.kill(os.getpid(), {int(signal.SIGINT)})"
    first = WHILE_IT_IMPORTS.format(module="cli.app", then=interrupt)
    with started("postgresql://nobody.invalid/", "status", first=first) as process:
        assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 130


SLOW_TO_END = """
class Slow:
    def __init__(self, sleep):
        self.sleep = sleep
    def __del__(self):
        self.sleep(1)

import time
slow = Slow(time.sleep)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_answered_signal_does_not_come_again_while_python_ends(
    number: signal.Signals, code: int
) -> None:
    """As on a busy machine, or after the failure was recorded."""
    imports = WHILE_IT_IMPORTS.format(
        module="psycopg2", then=f"os.kill(os.getpid(), {int(number)})"
    )
    first = SLOW_TO_END + imports
    with started("postgresql://nobody.invalid/", "status", first=first) as process:
        process.communicate(timeout=30)
    assert process.returncode == code


# --- whatever happens --------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["p@s:w/o?r#d%20&='é\"+\\", "% '; drop table jobs --", "$(id) {}"])
def test_a_password_with_special_characters_works_and_is_never_shown(
    filled: Database, role: str, odd: str
) -> None:
    password = odd + SECRET
    filled.execute(f"alter role {role} superuser password %s", (password,))
    special = filled.seen_by(role, password)
    answer = clickstats("run", "--all", "--verbose", "--format", "json", database=special)
    assert answer.code == 0, answer.errors
    assert SECRET not in answer.text + answer.errors
    refused(3, filled.seen_by(role, f"{password}x").url, "run", "--all")
