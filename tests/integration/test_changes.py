"""What runs keep of how scores moved."""

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.answers.changes import Changes, changes
from pipeline.answers.explain import explain_named
from pipeline.dry_run import dry_run
from pipeline.run import Options, run_all, run_named
from pipeline.settings import Sizes
from tests.databases import CopyOf, Database
from tests.definitions import written
from tests.runs import WORLD, A, B


@pytest.fixture
def loaded(copy_of: CopyOf) -> Database:
    return copy_of(computed)


def computed(database: Database) -> None:
    database.load(WORLD)
    run_all(database.settings())


def kept(database: Database, since: timedelta = timedelta(days=1)) -> Changes:
    return changes(database.settings(), since, 100)


def click(database: Database, link: str) -> None:
    database.execute(
        "insert into link_clicks (tracking_id, clicked_at) values (%s, '2024-03-05 12:00')", (link,)
    )


def test_a_dry_run_says_what_a_run_then_changes(loaded: Database, tmp_path: Path) -> None:
    of_humans = written(tmp_path, '[clicks]\ncount = "human"')

    def dry(**options: object) -> tuple[int, list[dict[str, Any]]]:
        tried = dry_run(loaded.settings(**options)).report
        return tried.score_changes, tried.biggest_changes

    loaded.execute("update link_click_analytics set intent_score = 1")  # of all clicks alone
    assert dry() == (0, [])
    click(loaded, "a")
    loaded.execute("delete from link_clicks where tracking_id = 'b'")
    assert dry(definition_file=of_humans) == (0, [])
    said = dry()
    report = run_all(loaded.settings())
    assert said == (report.score_changes, report.biggest_changes)
    assert report.score_changes > 0
    loaded.execute("delete from link_click_analytics; delete from link_click_readings")
    assert dry() == (0, [])


def test_a_first_load_is_no_change(loaded: Database) -> None:
    assert kept(loaded).changes == []


# which a run looks after, although it alters nothing
LOG = """
    create table log (id uuid);
    create function note() returns trigger language plpgsql as $$ begin
        insert into log values (new.application_id);
        return null;
    end $$;
    create trigger note after insert on link_click_readings for each row execute function note();
    create trigger note after insert on link_click_score_changes for each row
    execute function note()
"""


@pytest.mark.parametrize("beside", ["select 1", LOG], ids=["alone", "with a trigger"])
def test_a_first_load_in_pieces_is_none_either(copy_of: CopyOf, beside: str) -> None:
    database = copy_of(lambda empty: empty.load(WORLD))
    database.execute(beside)
    for _ in range(2):
        run_all(database.settings(), Options(limit=1))
    assert database.execute("select count(*) from link_click_readings") == [(2,)]
    assert kept(database).changes == []


def test_a_change_says_what_and_why(loaded: Database) -> None:
    click(loaded, "a")
    report = run_all(loaded.settings())
    [one] = kept(loaded).changes
    assert one["application_id"] == A
    assert (one["engagement_score_before"], one["engagement_score"]) == (65, 70)
    assert one["began"] == ["repeat clicks", "moderate velocity (intent)"]
    assert one["ceased"] == []
    assert report.score_changes == 1
    assert [each["application_id"] for each in report.biggest_changes] == [A]
    [explained], _ = explain_named(loaded.settings(), [A])
    assert explained.history == [one]


def test_a_rule_that_ceases_to_fire(loaded: Database) -> None:
    loaded.execute("delete from link_clicks where tracking_id = 'b'")
    run_all(loaded.settings())
    [one] = kept(loaded).changes
    assert one["application_id"] == B
    assert (one["engagement_score"], one["intent_score"]) == (0, 0)
    assert one["began"] == []
    assert "Calendly clicked" in one["ceased"]


def test_a_new_application_starts_from_nothing(loaded: Database) -> None:
    loaded.execute(
        "insert into job_applications (id) values (md5('new')::uuid);"
        "insert into link_tracking values ('new', md5('new')::uuid, 'LinkedIn');"
    )
    click(loaded, "new")
    run_all(loaded.settings())
    [one] = kept(loaded).changes
    assert (one["engagement_score_before"], one["intent_score_before"]) == (0, 0)


def test_a_named_run_keeps_changes_too_and_a_run_that_fails_none(loaded: Database) -> None:
    click(loaded, "a")
    run_named(loaded.settings(), [A])
    assert len(kept(loaded).changes) == 1
    run_named(loaded.settings(), [A])
    assert len(kept(loaded).changes) == 1


def test_another_definition_is_no_change(loaded: Database) -> None:
    loaded.execute("update link_clicks set clicked_at = '2024-03-08 20:00'")  # Saturday in Tokyo
    run_all(loaded.settings())
    before = len(kept(loaded).changes)
    run_all(loaded.settings(timezone="Asia/Tokyo"))
    assert len(kept(loaded).changes) == before


def test_a_machine_changes_nothing(loaded: Database) -> None:
    loaded.execute(
        "insert into link_clicks (tracking_id, clicked_at, user_agent)"
        " values ('a', '2024-03-05 12:00', 'curl/8.0')"
    )
    assert run_all(loaded.settings()).updated == 1
    assert kept(loaded).changes == []


def test_changes_are_kept_for_some_days(loaded: Database) -> None:
    click(loaded, "a")
    run_all(loaded.settings())
    loaded.execute(
        "update link_click_score_changes set changed_at = changed_at - interval '9 days'"
    )
    assert kept(loaded).changes == []
    assert len(kept(loaded, timedelta(days=10)).changes) == 1
    run_all(loaded.settings(), Options(keep_days=10))
    assert len(kept(loaded, timedelta(days=10)).changes) == 1
    run_all(loaded.settings(), Options(keep_days=8))
    assert kept(loaded, timedelta(days=10)).changes == []


def test_an_application_takes_its_changes_with_it(loaded: Database) -> None:
    click(loaded, "a")
    run_all(loaded.settings())
    loaded.execute("delete from job_applications where id = %s", (A,))
    assert kept(loaded).changes == []


def test_the_first_click_of_all_is_a_change(copy_of: CopyOf) -> None:
    """Nothing is a first load once rows without a click are stored."""

    def computed_without_clicks(database: Database) -> None:
        database.load(replace(WORLD, clicks=()))
        run_all(database.settings())

    database = copy_of(computed_without_clicks)
    click(database, "a")
    run_all(database.settings())
    [one] = kept(database).changes
    assert one["application_id"] == A
    assert (one["engagement_score_before"], one["engagement_score"]) == (0, 35)


def test_clicks_that_come_after_all_have_gone_are_a_change(loaded: Database) -> None:
    loaded.execute("truncate link_clicks")
    run_all(loaded.settings(), Options(max_shrink=100))
    assert len(kept(loaded).changes) == 2
    click(loaded, "a")
    run_named(loaded.settings(), [A])
    assert len(kept(loaded).changes) == 3


def test_a_first_load_after_a_named_run_is_no_change(copy_of: CopyOf) -> None:
    database = copy_of(lambda database: database.load(WORLD))
    run_named(database.settings(), [A])
    run_all(database.settings())
    assert kept(database).changes == []


def test_slices_look_at_their_own_rows_alone(database: Database) -> None:
    """Else a run of twice the applications takes four times as long."""
    in_slices = Sizes(applications=100)
    database.execute(
        "insert into job_applications (id) select md5(n::text)::uuid"
        " from generate_series(1, 3000) as n;"
        "insert into link_tracking select n::text, md5(n::text)::uuid, 'LinkedIn'"
        " from generate_series(1, 3000) as n"
    )
    click = (
        "insert into link_clicks (tracking_id, clicked_at)"
        " select n::text, timestamp '2024-03-05 12:00' + {} * interval '1 hour'"
        " from generate_series(1, 3000) as n"
    )
    database.execute(click.format(0))
    run_all(database.settings(sizes=in_slices))
    database.execute("analyze")
    database.execute(click.format(1))
    read_before = rows_read(database)
    assert run_all(database.settings(sizes=in_slices)).score_changes == 3000
    deadline = time.monotonic() + 30
    while (read := rows_read(database) - read_before) == 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert 3000 <= read < 30_000


def rows_read(database: Database) -> int:
    [(read,)] = database.execute(
        "select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_user_tables"
        " where relname = 'link_click_readings'"
    )
    return int(read)
