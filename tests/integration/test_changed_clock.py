"""A round after the server's clock was set back."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest

from pipeline.changed import run_changed
from pipeline.errors import Refused
from pipeline.run import run_all, run_named
from pipeline.run_steps import Before, Step
from tests.capturing import CLICK, WAITING, WORLD, A
from tests.databases import Database
from tests.engines import assert_exact, stored


def clock_set_back(database: Database) -> Before:
    """While a run computes, the clock reaches the instant of each row: they look newer than they
    are."""
    ahead = "update link_click_analytics set calculated_at = clock_timestamp() + interval '1 s'"

    def before(step: Step) -> None:
        if step == "snapshot":
            database.execute(ahead)
        if step == "write":
            time.sleep(1.1)

    return before


def test_a_row_from_before_the_clock_was_set_back(done: Database) -> None:
    done.execute(CLICK, ("a",))
    assert run_changed(done.settings(), before=clock_set_back(done)).newer == 1
    assert run_changed(done.settings()).updated == 1
    assert_exact(done)
    assert done.execute(WAITING) == [(0,)]


@pytest.mark.parametrize(
    "change",
    [
        CLICK.replace("%s", "'a'"),
        # the readings alone
        "update link_clicks set user_agent = 'curl/8.5.0' where tracking_id = 'a'",
    ],
)
def test_a_run_of_everything_leaves_such_a_row_to_the_next_round(
    done: Database, change: str
) -> None:
    done.execute(change)
    run_all(done.settings(), before=clock_set_back(done))
    assert done.execute(WAITING) == [(1,)]
    run_changed(replace(done.settings(), run_id=str(uuid4())))
    assert_exact(done)
    assert done.execute(WAITING) == [(0,)]


def test_it_leaves_such_a_row_to_the_next_round_also_where_no_change_names_it(
    done: Database,
) -> None:
    done.execute("alter table link_clicks disable trigger all")
    done.execute(CLICK, ("a",))
    done.execute("alter table link_clicks enable trigger all")
    run_changed(done.settings(), before=clock_set_back(done))
    run_changed(replace(done.settings(), run_id=str(uuid4())))
    assert_exact(done)


@pytest.mark.parametrize("run", [run_all, partial(run_named, application_ids=[A])])
def test_a_run_is_refused_where_there_is_no_next_round(
    database: Database, run: Callable[..., object]
) -> None:
    database.load(WORLD)
    run_all(database.settings())
    before = stored(database)
    database.execute(CLICK, ("a",))
    with pytest.raises(Refused, match="look newer than this run"):
        run(database.settings(), before=clock_set_back(database))
    assert stored(database) == before
    run(replace(database.settings(), run_id=str(uuid4())))
    assert_exact(database)
