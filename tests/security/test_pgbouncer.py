"""Through PgBouncer: what works in its session and in its transaction mode."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pipeline import ledger
from pipeline.database.connection import Connection, begin_anew
from pipeline.errors import ConfigurationError, Locked
from pipeline.lock import RUN
from pipeline.run import Options, run_all, run_named
from pipeline.settings import Settings
from tests.commands import clickstats
from tests.databases import SOURCE_TABLES, Database
from tests.engines import reference, stored
from tests.processes import started
from tests.security.test_isolation import SOURCE
from tests.waiting import AT_ONCE, wait_until

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="pgbouncer is not installed")
NAMED = "00000000-0000-0000-0000-000000000001"
CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = {mode}
logfile = {folder}/log
"""

Pooled = Callable[..., AbstractContextManager[Database]]


@pytest.fixture
def pooled(database: Database, tmp_path: Path) -> Pooled:
    """A database through a pooler of its own."""

    @contextmanager
    def pooled(mode: str, database: Database = database) -> Iterator[Database]:
        server = urlsplit(database.url)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            own_port = probe.getsockname()[1]
        tmp_path.chmod(0o755)
        account = (
            "postgres" if "postgres" in {user.pw_name for user in pwd.getpwall()} else "nobody"
        )
        folder = Path(f"/tmp/{tmp_path.name}-{own_port}")  # noqa: S108 (open to the account)
        folder.mkdir(mode=0o700)
        try:
            password = unquote(server.password or "")
            (folder / "users").write_text(f'"{server.username}" "{password}"\n')
            (folder / "ini").write_text(
                CONFIGURATION.format(
                    host=server.hostname,
                    port=server.port,
                    own_port=own_port,
                    folder=folder,
                    mode=mode,
                )
            )
            as_account = []
            if os.geteuid() == 0:
                as_account = ["-u", account]
                for path in (folder, *folder.iterdir()):
                    shutil.chown(path, account)
            with subprocess.Popen(
                [str(PROGRAM), "-q", *as_account, folder / "ini"], stderr=subprocess.DEVNULL
            ) as pooler:
                try:
                    url = database.url.replace(f":{server.port}/", f":{own_port}/")
                    wait_until(lambda: answers(own_port) or pooler.poll() is not None)
                    yield Database(url, database.name)
                finally:
                    pooler.terminate()
        finally:
            shutil.rmtree(folder)

    return pooled


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


modes = pytest.mark.parametrize(
    "mode", [pytest.param("session", marks=pytest.mark.slow), "transaction"]
)


@modes
def test_everything_works(database: Database, pooled: Pooled, mode: str) -> None:
    """Again and again, so that a run meets what others have left in the pool."""
    database.execute(SOURCE)
    with pooled(mode) as through:
        for command in (["migrate"], ["migrate", "--check"], ["verify"], ["status"]):
            run_all(through.settings(), Options(full=True))
            _, unknown = run_named(through.settings(), [NAMED])
            assert unknown == [NAMED]
            answer = clickstats(*command, database=through)
            assert answer.code == 0, (command, answer.errors)
        assert stored(database) == reference(database)


@modes
def test_another_schema(unmigrated: Database, pooled: Pooled, mode: str) -> None:
    unmigrated.execute("create schema ours; set search_path to ours; " + SOURCE_TABLES + SOURCE)
    with pooled(mode, unmigrated) as through:
        for command in (["migrate"], ["run", "--all"], ["verify"]):
            answer = clickstats(*command, "--schema", "ours", database=through)
            assert answer.code == 0, (command, answer.errors)


@modes
@pytest.mark.parametrize(
    ("number", "code", "outcome"), [(signal.SIGTERM, 143, "failed"), (signal.SIGKILL, -9, "died")]
)
def test_a_run_that_ends_early(
    database: Database, pooled: Pooled, mode: str, number: int, code: int, outcome: str
) -> None:
    """Its lock is free within a second, and the next run says what became of it."""
    database.execute(SOURCE)
    with pooled(mode) as through:
        with closing(database.connect()) as other, other.cursor() as cursor:
            cursor.execute("lock table link_clicks in access exclusive mode")
            with started(through.url, "run", "--all") as running:
                wait_until(lambda: database.execute(WAITING))
                with pytest.raises(Locked):
                    run_all(through.settings())
                running.send_signal(number)
                wait_until(lambda: not database.execute(LOCKED), seconds=AT_ONCE)
                assert running.wait(5) == code

        def is_told() -> bool:
            """By the next run, or the one after it: the pooler ends sessions one by one."""
            run_all(through.settings())
            told = "select outcome from clickstats_runs order by started_at limit 1"
            return database.execute(told) == [(outcome,)]

        wait_until(is_told)
    assert stored(database) == reference(database)


WAITING = """
    select 1 from pg_stat_activity where datname = current_database()
        and application_name like 'clickstats/%' and wait_event_type = 'Lock'
"""
LOCKED = f"""
    select 1 from pg_locks
    where classid = {RUN} and database = (select oid from pg_database
        where datname = current_database())
"""


def test_quotes_that_cannot_be_plain(pooled: Pooled, database: Database) -> None:
    """Where a backslash between quotes means something, unless the connection may ask for more."""
    database.execute(SOURCE)
    database.execute("update link_tracking set link_function = $$C:\\Resume$$")
    off = f"alter database {database.name} set standard_conforming_strings = "
    database.execute(f"{off} off")
    with pooled("session") as through:
        answer = clickstats("run", "--all", database=through)
        if answer.code == 0:  # PgBouncer 1.20 hands on what is asked for
            assert stored(database) == reference(database)
        else:
            assert (answer.code, "standard_conforming_strings is off" in answer.errors) == (2, True)
            assert stored(database) == {}


def test_a_session_that_another_client_has_left_as_replica(
    pooled: Pooled, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first transaction of a run may be given a session as it should be, the next one this."""
    database.execute(SOURCE)
    with (
        pooled("transaction") as through,
        closing(through.connect()) as client,
        closing(through.connect()) as another,
    ):
        client.cursor().execute("select 1")
        another.cursor().execute("set session_replication_role = replica")
        another.commit()
        client.commit()  # whoever comes next gets what this one had

        def next_one(writer: Connection, settings: Settings) -> None:
            writer.commit()
            client.cursor().execute("select 1")
            begin_anew(writer, settings)

        monkeypatch.setattr(ledger, "next_transaction", next_one)
        with pytest.raises(ConfigurationError, match="session_replication_role is replica"):
            run_all(through.settings())
    assert stored(database) == {}
