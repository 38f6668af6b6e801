"""`clickstats follow` as a process: what it computes, what it survives, and how it ends."""

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from pipeline.capture import turn_off, turn_on
from pipeline.demo.embedded import server
from pipeline.errors import NoConnection
from pipeline.follow import follow
from pipeline.migrate import migrate
from pipeline.run import Options, run_all
from tests.capturing import begun
from tests.commands import MAIN, ROOT, inherited
from tests.databases import SOURCE_TABLES, Database
from tests.engines import assert_exact, reference, stored
from tests.runs import WORLD
from tests.waiting import AT_ONCE, wait_until

CLICK = "insert into link_clicks (tracking_id, clicked_at) values (%s, '2024-03-06 12:00')"
ROUNDS = """
    select coalesce(sum((options ->> 'rounds')::integer), 0) from clickstats_runs
    where command = 'run --changed' and outcome = 'published'
"""
FOLLOWED = "select 1 from pg_locks where locktype = 'advisory' and classid = 1668049004"
AT_REST = """
    select a.backend_xmin, count(r.oid)
    from pg_stat_activity as a
    left join pg_locks as l on l.pid = a.pid and l.locktype = 'relation'
    left join pg_class as r on r.oid = l.relation and r.relnamespace = 'public'::regnamespace
    where a.application_name like 'clickstats/%%' and a.datname = current_database()
        and a.state = 'idle in transaction'
    group by a.backend_xmin
"""
EVERY = "0.1s"


@dataclass(frozen=True)
class Follower:
    """A process that follows."""

    process: "subprocess.Popen[str]"
    log: Path

    def says(self, words: str) -> bool:
        return words in self.log.read_text()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(AT_ONCE)


@contextmanager
def following(database: Database, *arguments: str, **environment: str) -> Iterator[Follower]:
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "follow", "--every", EVERY, "--verbose", *arguments],
            env=inherited() | {"CLICKSTATS_DATABASE_URL": database.url} | environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
        with process:
            try:
                yield Follower(process, Path(log.name))
            finally:
                process.kill()


@pytest.fixture
def done(empty: Database) -> Database:
    """Capture is on, and everything is computed."""
    return begun(empty, WORLD)


def is_right(database: Database) -> bool:
    return stored(database) == reference(database)


def test_what_is_clicked_is_computed_until_it_is_ended(done: Database) -> None:
    with following(done) as follower:
        for link in ("a", "b"):
            before = stored(done)
            done.execute(CLICK, (link,))
            wait_until(lambda: is_right(done))
            assert stored(done) != before
        assert follower.end() == 0
        assert follower.says("ended")
    assert_exact(done)


def test_an_upgrade_under_it_leaves_it_as_it_is(done: Database, tmp_path: Path) -> None:
    """What it reads from its files is of the version that it began with, the keys of links, too."""
    for package in ("cli", "pipeline", "schema"):
        shutil.copytree(ROOT / package, tmp_path / package)
    with following(done, PYTHONSAFEPATH="1", PYTHONPATH=str(tmp_path)) as follower:
        wait_until(lambda: done.execute(FOLLOWED))
        of_links = tmp_path / "schema/sql/links.sql"
        text = of_links.read_text()
        of_links.write_text(text.replace("<< 10", "<< 12"))
        assert of_links.read_text() != text
        done.execute(CLICK, ("a",))
        wait_until(lambda: follower.says("INFO round"))
        assert follower.end() == 0
    assert_exact(done)


def test_from_time_to_time_it_connects_anew(
    done: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may have moved behind its name, and the old one live on."""
    monkeypatch.setattr("pipeline.follow.LONGEST_LIFE", 0)
    watchers: list[object] = []

    def alive() -> None:
        watchers.append(done.execute(FOLLOWED.replace("1", "pid", 1)))
        if len(watchers) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(done.settings(), 0.1, alive=alive)
    assert watchers[0] != watchers[1]


def test_it_leaves_no_trace_where_nothing_changes(done: Database) -> None:
    runs = "select count(*) from clickstats_runs"
    [before] = done.execute(runs)
    with following(done) as follower:
        wait_until(lambda: done.execute(FOLLOWED))
        assert follower.end(signal.SIGINT) == 0
    assert done.execute(runs) == [before]


def test_between_two_looks_it_is_in_nobodys_way(done: Database) -> None:
    """It holds no snapshot, which VACUUM would heed, and no lock of our tables or the source's."""
    with following(done, "--every", "1s") as follower:
        wait_until(lambda: done.execute(FOLLOWED))
        wait_until(lambda: done.execute(AT_REST) == [(None, 0)])
        assert follower.end() == 0


def test_there_is_one_for_each_database(done: Database) -> None:
    with following(done) as first:
        wait_until(lambda: done.execute(FOLLOWED))
        with following(done) as second:
            assert second.process.wait(30) == 75
            assert second.says("another `clickstats follow` is under way: clickstats/")
        done.execute(CLICK, ("a",))
        wait_until(lambda: is_right(done))
        assert first.end() == 0


def test_a_nightly_run_finds_it_not_in_the_way(done: Database) -> None:
    with following(done) as follower:
        for _ in range(5):
            done.execute(CLICK, ("a",))
            run_all(done.settings(), Options(full=True))
        done.execute(CLICK, ("b",))
        wait_until(lambda: is_right(done))
        assert follower.end() == 0


def test_without_capture_it_ends_with_the_reason(done: Database) -> None:
    with following(done) as follower:
        done.execute(CLICK, ("a",))
        wait_until(lambda: is_right(done))
        turn_off(done.settings())
        assert follower.process.wait(30) == 2
        assert follower.says("change capture is off")


def test_its_sessions_may_be_ended(done: Database) -> None:
    kill = """
        select pg_terminate_backend(pid) from pg_stat_activity
        where application_name like 'clickstats/%%' and datname = current_database()
    """
    with following(done) as follower:
        done.execute(CLICK, ("a",))
        wait_until(lambda: is_right(done))
        wait_until(lambda: done.execute(kill))
        done.execute(CLICK, ("b",))
        wait_until(lambda: is_right(done))
        assert follower.says("trying again in")
        assert follower.end() == 0


def test_it_survives_a_crash_of_the_server() -> None:
    with server() as running:
        database = Database(running.url(), "postgres")
        database.execute(SOURCE_TABLES)
        migrate(database.settings())
        database.load(WORLD)
        turn_on(database.settings())
        with following(database) as follower:
            wait_until(lambda: is_right(database), 30)
            database.execute("set synchronous_commit = on; " + CLICK, ("a",))
            running.crash()
            wait_until(lambda: follower.says("trying again in"))
            running.start()
            wait_until(lambda: is_right(database), 60)
            assert follower.end() == 0


def test_it_does_not_start_without_a_server() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody@127.0.0.1:{taken.getsockname()[1]}/nothing"
        with following(Database(url, "nothing"), "--connect-timeout", "1") as follower:
            assert follower.process.wait(30) == 3


def test_it_tells_systemd(done: Database, tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(str(address))
        manager.settimeout(30)
        watchdog = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "600000"}
        with following(done, **watchdog) as follower:
            told = [manager.recv(100).decode().strip() for _ in range(4)]
            assert follower.end() == 0
    assert told == ["READY=1", *["WATCHDOG=1"] * 3]


def test_it_ends_in_time_within_a_round(done: Database) -> None:
    """Here one that waits for a lock of somebody else; nothing of it is lost."""
    with closing(done.connect()) as other, other.cursor() as cursor, following(done) as follower:
        cursor.execute("lock table link_clicks in access exclusive mode")
        cursor.execute(CLICK, ("a",))
        cursor.execute("insert into clickstats_changes (tracking_id) values ('b')")
        other.commit()
        wait_until(lambda: is_right(done))
        cursor.execute("lock table link_click_analytics")
        done.execute(CLICK, ("b",))
        waiting = "select 1 from pg_locks where not granted"
        wait_until(lambda: done.execute(waiting))
        begun = monotonic()
        assert follower.end() == 0
        assert monotonic() - begun < AT_ONCE
    assert done.execute("select count(*) from clickstats_changes") == [(1,)]


def test_a_signal_that_breaks_the_connection_ends_it(done: Database) -> None:
    """What does not end in time at the server is broken off, and looks like a lost connection."""
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        assert looks == 1
        try:
            sys.exit(143)
        except SystemExit:
            raise NoConnection("lost") from None

    with pytest.raises(SystemExit):
        follow(done.settings(), 0.1, alive=look)


def test_polars_computes_in_memory() -> None:
    """Its streaming engine keeps some bytes of each query for ever."""
    engine = "import cli.app, pipeline.run, polars; print(polars.Config.state()['{}'])"
    said = subprocess.check_output(
        [sys.executable, "-c", engine.format("POLARS_ENGINE_AFFINITY")],
        cwd=ROOT,
        env={name: text for name, text in inherited().items() if "POLARS" not in name},
        text=True,
    )
    assert said == "in-memory\n"


@pytest.mark.slow(minutes=3)
def test_memory_is_flat(done: Database) -> None:
    """Between the rounds 200 and 800 it grows by less than a tenth."""

    def memory(process: int) -> int:
        status = Path(f"/proc/{process}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1])

    with following(done, "--quiet") as follower, closing(done.connect()) as writer:
        sizes = []
        writer.autocommit = True
        with writer.cursor() as cursor:
            for goal in (200, 800):
                while done.execute(ROUNDS)[0][0] < goal:
                    for _ in range(10):
                        cursor.execute(CLICK, ("a",))
                        cursor.execute("delete from link_clicks where clicked_at > '2024-03-06'")
                sizes.append(memory(follower.process.pid))
        assert sizes[1] < 1.1 * sizes[0], sizes
        assert follower.end() == 0
