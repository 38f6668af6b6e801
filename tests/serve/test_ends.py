"""How the server starts and ends, and what it does when the database does."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.demo.embedded import server
from pipeline.migrate import migrate
from pipeline.run import run_all
from pipeline.settings import Settings
from tests.commands import clickstats
from tests.conftest import in_memory
from tests.databases import SOURCE_TABLES, Database
from tests.serve.conftest import WORLD
from tests.serve.test_endpoints import APPLICATION, CALCULATE, KEEN, refused
from tests.serve.test_limits import locked
from tests.serving import Served, serving
from tests.waiting import AT_ONCE, wait_until


def stopped(served: Served, number: signal.Signals) -> float:
    """End it; how long it took. It ends as it should, and says nothing of a bug."""
    started = time.monotonic()
    served.process.send_signal(number)
    assert served.process.wait(30) == 0
    taken = time.monotonic() - started
    log = served.log.read_text()
    assert "Traceback" not in log
    assert served.logged()[-1]["message"] == "stopped"
    return taken


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(filled: Database, number: signal.Signals) -> None:
    with serving(filled) as served:
        kept = served.connect()
        kept.request("GET", "/healthz")
        assert kept.getresponse().read()
        assert stopped(served, number) < AT_ONCE
        kept.close()
    wait_until(lambda: not sessions(filled))


def sessions(database: Database) -> list[tuple[object, ...]]:
    return database.execute(
        "select 1 from pg_stat_activity where application_name like 'clickstats/%%' "
        "and datname = current_database() and pid <> pg_backend_pid()"
    )


def test_a_signal_ends_it_while_it_waits(filled: Database) -> None:
    """Whoever asks is told; what was not committed is undone."""
    with serving(filled) as served, ThreadPoolExecutor() as threads, locked(filled):
        waiting = [
            threads.submit(served.ask, method, path + KEEN)
            for method, path in (("POST", CALCULATE), ("GET", APPLICATION))
        ]
        wait_until(lambda: len(filled.execute(WAITING)) == 2)
        assert stopped(served, signal.SIGTERM) < AT_ONCE
        for each in waiting:
            assert "stopped" in refused(each.result(), 503)["detail"]
    wait_until(lambda: not sessions(filled))


WAITING = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"


def test_a_request_under_way_is_answered_before_the_end(filled: Database) -> None:
    with serving(filled) as served, ThreadPoolExecutor() as threads:
        with locked(filled):
            waiting = threads.submit(served.ask, "POST", CALCULATE + KEEN)
            wait_until(lambda: filled.execute(WAITING))
            served.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
        assert waiting.result().status in {200, 503}
        assert served.process.wait(30) == 0


def test_the_database_is_killed_and_comes_back() -> None:
    """503 while it is away, then well again by itself."""
    with server(inside=in_memory()) as running:
        database = Database(running.url(), "postgres")
        database.execute(SOURCE_TABLES)
        migrate(database.settings())
        database.load(WORLD)
        run_all(database.settings())
        with serving(database) as served:
            assert served.ask("POST", CALCULATE + KEEN).status == 200
            running.crash()
            started = time.monotonic()
            for method, path in (
                ("POST", CALCULATE + KEEN),
                ("GET", APPLICATION + KEEN),
                ("GET", "/api/analytics/changes"),
                ("GET", "/metrics"),
            ):
                reply = served.ask(method, path)
                assert "cannot be reached" in refused(reply, 503)["detail"]
                assert reply.headers["retry-after"] == "1"
                for secret in (running.password, str(running.port), "postgres"):
                    assert secret not in reply.body.decode()
            wait_until(lambda: served.ask("GET", "/healthz").status == 503)
            assert time.monotonic() - started < 4 * AT_ONCE
            running.start()
            wait_until(lambda: served.ask("GET", "/healthz").status == 200)
            for _ in range(5):
                assert served.ask("POST", CALCULATE + KEEN).status == 200
                assert served.ask("GET", APPLICATION + KEEN).status == 200
            assert running.password not in served.log.read_text()
            assert stopped(served, signal.SIGTERM) < AT_ONCE


def test_sessions_that_the_server_ends_are_not_asked_again(filled: Database) -> None:
    with serving(filled) as served:
        assert served.ask("POST", CALCULATE + KEEN).status == 200
        filled.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        wait_until(lambda: not filled.others())
        assert served.ask("POST", CALCULATE + KEEN).status == 200


def test_connections_are_kept(filled: Database) -> None:
    with serving(filled) as served:
        served.ask("POST", CALCULATE + KEEN)
        pids = {pid for (pid,) in filled.execute(PIDS)}
        for _ in range(5):
            assert served.ask("POST", CALCULATE + KEEN).status == 200
        assert {pid for (pid,) in filled.execute(PIDS)} == pids
        assert 1 <= len(pids) <= 4


PIDS = "select pid from pg_stat_activity where application_name like 'clickstats/%%'"


def another_definition(filled: Database, folder: Path) -> Path:
    """Published, so that the built-in one is another."""
    file = folder / "clickstats.toml"
    file.write_text('[clicks]\ncount = "human"\n')
    assert clickstats("run", "--all", "--definition", str(file), database=filled).code == 0
    return file


def test_another_definition_than_the_published_one(filled: Database, tmp_path: Path) -> None:
    with serving(filled) as served, serving(filled, CLICKSTATS_TIMEZONE="UTC") as explicit:
        before = served.ask("POST", CALCULATE + KEEN).json[0]
        file = another_definition(filled, tmp_path)
        [after] = served.ask("POST", CALCULATE + KEEN).json
        assert after["intent_score"] == before["readings"]["intent_score_human"]
        # the variable is about the zone alone, which is the same
        assert (
            explicit.ask("POST", CALCULATE + KEEN).json[0]["intent_score"] == after["intent_score"]
        )
    with serving(filled, "--definition", str(file)) as explicit:
        assert explicit.ask("POST", CALCULATE + KEEN).status == 200
        run_all(Settings(filled.url, timezone="Asia/Tokyo"))
        problem = refused(explicit.ask("POST", CALCULATE + KEEN), 503)
        assert "another definition" in problem["detail"]
        assert explicit.ask("GET", APPLICATION + KEEN).status == 200
    for arguments in (["--definition", str(file)], ["--timezone", "Europe/Berlin"]):
        answer = clickstats("serve", "--port", "0", *arguments, database=filled)
        assert answer.code == 2
        assert "another definition than that of the last published run" in answer.errors


def test_what_keeps_it_from_starting(unmigrated: Database) -> None:
    answer = clickstats("serve", "--port", "0", database=unmigrated)
    assert (answer.code, "migrate" in answer.errors) == (5, True)
    nowhere = "postgresql://nobody@127.0.0.1:1/nowhere"
    answer = clickstats("serve", "--port", "0", "--connect-timeout", "1", database=nowhere)
    assert (answer.code, "cannot connect" in answer.errors) == (3, True)
    assert clickstats("serve", "--port", "0").code == 2
