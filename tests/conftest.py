"""The server that the tests share, and fresh databases in it.

The server is the one that CLICKSTATS_TEST_DATABASE_URL names (databases and roles are made and
dropped in it). Without one it is a private server, of the binaries in CLICKSTATS_PG_BIN where that
is set.
"""

import gc
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection

from pipeline.database.connection import session
from pipeline.demo import sample
from pipeline.demo.embedded import Server, server
from pipeline.migrate import migrate
from pipeline.run import run_all
from pipeline.settings import Settings
from tests.databases import ENGINE, SOURCE_TABLES, CopyOf, Database, Prepare, fresh

# what pays for small data: little compiling
FOR_SMALL_DATA = (
    '--driver-java-options "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" '
    "--conf spark.sql.codegen.wholeStage=false pyspark-shell"
)
ROOM = 4_000_000_000  # bytes; the largest tests and their write-ahead log


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest begin first, so that at the end nobody waits for one of them."""

    def minutes(item: pytest.Item) -> int:
        slow = item.get_closest_marker("slow")
        return slow.kwargs.get("minutes", 0) if slow else 0

    items.sort(key=minutes, reverse=True)


def pytest_collection_finish() -> None:
    """Spare the tests the search for cycles in what was imported and collected: a tenth of their
    time where they do not wait for the server."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _cache_of_our_own(pytestconfig: pytest.Config) -> Iterator[None]:
    """The user's cache is left alone; ours stays from one session to the next."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setenv("XDG_CACHE_HOME", str(pytestconfig.rootpath / ".pytest_cache"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _engine() -> Iterator[None]:
    """The session of Spark that the runs of `make test-spark` have in common."""
    if ENGINE is None:
        yield
        return

    from pipeline.spark import started

    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", FOR_SMALL_DATA)
    session = started(Settings("postgresql:///", engine=ENGINE))
    yield
    session.stop()


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A superuser's URL of the server."""
    if given := os.environ.get("CLICKSTATS_TEST_DATABASE_URL"):
        yield given
    else:
        with server(inside=in_memory()) as running:
            cheapen_logins(running)
            yield running.url()


def cheapen_logins(running: Server) -> None:
    """Have passwords hashed once and not 4096 times, which takes as long as the rest of a login;
    the tests log in ten thousand times."""
    with closing(psycopg2.connect(running.url())) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        if admin.server_version >= 160_000:
            cursor.execute("alter system set scram_iterations = 1")
            cursor.execute("select pg_reload_conf()")
            cursor.execute("set scram_iterations = 1")
            cursor.execute("alter role current_user password %s", (running.password,))


def in_memory() -> Path | None:
    """A folder in memory, if there is room: making a database there takes a tenth of the time."""
    memory = Path("/dev/shm")  # noqa: S108 (only as the parent of a mkdtemp)
    if not memory.is_dir() or os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return None  # root's server runs from copies of its programs
    return memory if shutil.disk_usage(memory).free > ROOM else None


@pytest.fixture(scope="session")
def with_sources(server_url: str) -> Iterator[str]:
    """The template with empty source tables."""
    with fresh(server_url) as template:
        template.execute(SOURCE_TABLES)
        yield template.name


@pytest.fixture(scope="session")
def with_all_tables(server_url: str, with_sources: str) -> Iterator[str]:
    """The template with empty source tables and ours."""
    with fresh(server_url, with_sources) as template:
        migrate(template.settings())
        yield template.name


@pytest.fixture
def unmigrated(server_url: str, with_sources: str) -> Iterator[Database]:
    """A fresh database with empty source tables."""
    with fresh(server_url, with_sources) as unmigrated:
        yield unmigrated


@pytest.fixture
def database(server_url: str, with_all_tables: str) -> Iterator[Database]:
    """A fresh database with empty source tables and an empty link_click_analytics."""
    with fresh(server_url, with_all_tables) as database:
        yield database


@pytest.fixture(scope="session")
def templates(server_url: str, with_all_tables: str) -> Iterator[Callable[[Prepare], str]]:
    """The template that a function prepares once in a session, given a database like `database`."""
    with ExitStack() as kept:

        @cache
        def template(prepare: Prepare) -> str:
            database = kept.enter_context(fresh(server_url, with_all_tables))
            prepare(database)
            return database.name

        yield template


@pytest.fixture
def copy_of(server_url: str, templates: Callable[[Prepare], str]) -> Iterator[CopyOf]:
    """A fresh copy of the template that a function prepares."""
    with ExitStack() as copies:
        yield lambda prepare: copies.enter_context(fresh(server_url, templates(prepare)))


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """A role that may log in and nothing else; its password is its name. Another database in which
    it gets rights is asked for after it, so that it is dropped before it."""
    role = f"clickstats_test_{secrets.token_hex(6)}"
    database.execute(f"create role {role} login password '{role}'")
    yield role
    database.execute(f"drop owned by {role} cascade; drop role {role}")


@pytest.fixture
def source(unmigrated: Database) -> Iterator[connection]:
    """A connection to a fresh database with empty source tables."""
    with closing(unmigrated.connect()) as source:
        yield source


@pytest.fixture(scope="session")
def sampled(server_url: str) -> Iterator[Database]:
    """A database with the sample of the demo, computed in UTC; only for reading."""
    with fresh(server_url) as database:
        with session(database.settings()) as connection:
            sample.load(connection, 2_000, 6_000)
        migrate(database.settings())
        run_all(database.settings())
        yield database
