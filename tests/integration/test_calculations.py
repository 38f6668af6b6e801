"""Calculations that wait for each other are one run, and each is answered for itself."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager

import pytest

from pipeline.calculations import Calculated, Calculations
from pipeline.database.pool import Pool
from pipeline.errors import (
    AuditFailed,
    ConfigurationError,
    FrozenApplications,
    NoConnection,
    UnknownApplication,
)
from pipeline.run import run_all
from tests.databases import Database
from tests.runs import WORLD, A, B, C
from tests.waiting import wait_until

WAITING = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
RUNS = "select options ->> 'rounds', updated from clickstats_runs where command = 'serve'"


@pytest.fixture
def filled(database: Database) -> Database:
    database.load(WORLD)
    run_all(database.settings())
    return database


@contextmanager
def calculating(database: Database, **others: object) -> Iterator[Calculations]:
    pool = Pool()
    calculations = Calculations(database.settings(pool=pool, **others))
    try:
        yield calculations
    finally:
        pool.close()
        assert calculations.close(15)


def asked_together(
    database: Database, calculations: Calculations, *names: str, meanwhile: str = "select"
) -> list[Future[Calculated]]:
    """The answers to questions that come while a run for A is under way."""
    with closing(database.connect()) as holder, holder.cursor() as cursor:
        cursor.execute("lock table link_clicks in access exclusive mode")
        first = calculations.ask(A)
        wait_until(lambda: database.execute(WAITING))
        others = [calculations.ask(name) for name in names]
        cursor.execute(meanwhile)
        holder.commit()
        return [first, *others]


def test_who_waits_together_is_answered_by_one_run(filled: Database) -> None:
    with calculating(filled) as calculations:
        first, *others = (
            each.result(30) for each in asked_together(filled, calculations, A, B, A, B, B)
        )
    assert len({each.run_id for each in others}) == 1
    assert first.run_id != others[0].run_id
    assert [each.row["application_id"] for each in others] == [A, B, A, B, B]
    assert filled.execute(RUNS) == [("2", 3)]


def test_an_answer_knows_what_came_before_the_question(filled: Database) -> None:
    """The run under way has its snapshot already."""
    click = "insert into link_clicks (tracking_id, clicked_at) values ('a', '2024-03-05')"
    with calculating(filled) as calculations:
        before, after = (
            each.result(30).row["total_click_events"]
            for each in asked_together(filled, calculations, A, meanwhile=click)
        )
    assert (before, after) == (1, 2)


def test_an_unknown_application_is_no_fault_of_the_others(filled: Database) -> None:
    with calculating(filled) as calculations:
        _, known, unknown = asked_together(filled, calculations, B, C)
        assert known.result(30).row["application_id"] == B
        with pytest.raises(UnknownApplication, match=C):
            unknown.result(30)


def test_a_frozen_application_is_no_fault_of_the_others(filled: Database, tmp_path: object) -> None:
    filled.execute("update job_applications set created_at = now() where id = %s", [B])
    file = f"{tmp_path}/clickstats.toml"
    with open(file, "w") as definition:
        definition.write("[applications]\nfrozen_after_days = 30\n")
    run_all(filled.settings(definition_file=file))
    with calculating(filled) as calculations:
        _, old, new = asked_together(filled, calculations, A, B)
        assert new.result(30).row["application_id"] == B
        with pytest.raises(FrozenApplications, match=A):
            old.result(30)


def test_an_application_that_fails_is_no_fault_of_the_others(filled: Database) -> None:
    filled.execute(
        "create function alter_b() returns trigger language plpgsql as $$ begin"
        f" if new.application_id = '{B}' then new.intent_score := 7; end if;"
        " return new; end $$;"
        "create trigger alter_b before insert or update on link_click_analytics"
        " for each row execute function alter_b()"
    )
    filled.execute("insert into job_applications (id) values (%s)", [C])
    with calculating(filled) as calculations:
        _, a, b, c = asked_together(filled, calculations, A, B, C)
        assert a.result(30).row["application_id"] == A
        assert c.result(30).row["application_id"] == C
        with pytest.raises(AuditFailed, match="alter_b"):
            b.result(30)


def test_who_gives_up_is_not_computed(filled: Database) -> None:
    with calculating(filled) as calculations:
        _, kept, given_up = asked_together_with_one_who_gives_up(filled, calculations)
        assert kept.result(30).row["application_id"] == A
        assert given_up.cancelled()
    assert filled.execute(RUNS) == [("2", 2)]


def asked_together_with_one_who_gives_up(
    database: Database, calculations: Calculations
) -> list[Future[Calculated]]:
    with closing(database.connect()) as holder, holder.cursor() as cursor:
        cursor.execute("lock table link_clicks in access exclusive mode")
        futures = [calculations.ask(A)]
        wait_until(lambda: database.execute(WAITING))
        futures += [calculations.ask(A), calculations.ask(B)]
        assert futures[-1].cancel()
        return futures


def test_what_concerns_all_is_everybodys_answer(filled: Database) -> None:
    nowhere = Database("postgresql://127.0.0.1:1/x", "x")
    with calculating(filled, timezone="Asia/Tokyo") as calculations:
        answer = calculations.ask(A)
        with pytest.raises(ConfigurationError, match="another definition"):
            answer.result(30)
    with calculating(nowhere, connect_pause=0) as calculations:
        answer = calculations.ask(A)
        with pytest.raises(NoConnection):
            answer.result(30)


def test_closing_ends_a_run_that_waits(filled: Database) -> None:
    """At once: the line to the server is broken, and it undoes what was done."""
    pool = Pool()
    calculations = Calculations(filled.settings(pool=pool))
    with closing(filled.connect()) as holder, holder.cursor() as cursor:
        cursor.execute("lock table link_clicks in access exclusive mode")
        future = calculations.ask(A)
        wait_until(lambda: filled.execute(WAITING))
        pool.close()
        assert calculations.close(10)
        with pytest.raises(NoConnection):
            future.result(0)
    wait_until(lambda: not filled.others())
