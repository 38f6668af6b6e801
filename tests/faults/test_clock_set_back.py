"""The server's clock is set back while a run is under way: a server whose clock the test sets."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline.capture import turn_on
from pipeline.changed import run_changed
from pipeline.demo.embedded import SYSTEM_VERSIONS, server
from pipeline.errors import Refused
from pipeline.migrate import migrate
from pipeline.run import run_all
from pipeline.run_steps import Step
from tests.databases import SOURCE_TABLES, Database, fresh
from tests.engines import reference, stored

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
POSTGRES = sorted(SYSTEM_VERSIONS.glob("1[4-9]/bin"))
PROGRAM = """#!/bin/sh
export LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={file}
export FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
exec {program} "$@"
"""
YESTERDAY, TODAY, AN_HOUR_AGO = "-1d\n", "+0\n", "-1h\n"
LATER, A_LITTLE_BACK = "-86390s\n", "-86390.9s\n"  # than yesterday, and than that
EARLIER = "clock was set back: the snapshot of a `run --all`"
Clock = tuple[Database, Callable[[str], object]]
SOURCE = """
insert into job_applications
    select md5(n::text)::uuid, null, '2024-03-01' from generate_series(1, 3) as n;
insert into link_tracking
    select n::text, md5(n::text)::uuid, 'LinkedIn' from generate_series(1, 3) as n;
insert into link_clicks (tracking_id, clicked_at)
    select n::text, '2024-03-02' from generate_series(1, 3) as n;
"""


@pytest.fixture
def clock() -> Iterator[Clock]:
    """A database, and what sets its server's clock, at first to yesterday."""
    if not LIBRARIES or not POSTGRES:
        pytest.skip("needs Debian's libfaketime and postgresql")
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patches:
        place = Path(folder)
        place.chmod(0o755)
        file = place / "clock"
        file.write_text(YESTERDAY)
        for name in ("initdb", "postgres"):
            program = PROGRAM.format(library=LIBRARIES[0], file=file, program=POSTGRES[-1] / name)
            (place / name).write_text(program)
            (place / name).chmod(0o755)
        patches.setenv("CLICKSTATS_PG_BIN", str(place))
        with server() as running, fresh(running.url()) as database:
            # compiled (by LLVM) under libfaketime, a statement ends in malloc's abort now and then
            database.execute(f"alter database {database.name} set jit = off")
            database.execute(SOURCE_TABLES + SOURCE)
            migrate(database.settings())
            yield database, file.write_text


def test_a_round_beside_it_is_not_overwritten(clock: Clock) -> None:
    """What the round would write is newer than what the run has read, and would look older."""
    database, set_clock = clock
    turn_on(database.settings())
    run_all(database.settings())
    set_clock(TODAY)
    database.execute("insert into link_clicks (tracking_id, clicked_at) values ('1', '2024-03-03')")

    def before(step: Step) -> None:
        if step == "write":
            database.execute("delete from link_clicks where tracking_id = '1'")
            set_clock(AN_HOUR_AGO)
            with pytest.raises(Refused, match=EARLIER):
                run_changed(database.settings())

    with pytest.raises(Refused, match=r"clock was set back by 3,\d\d\d s during the run"):
        run_all(database.settings(), before=before)
    set_clock(TODAY)
    run_changed(database.settings())
    assert stored(database) == reference(database, "UTC")


def test_a_round_of_a_clock_that_is_set_forward_and_back_is_not_overwritten(clock: Clock) -> None:
    """At the end the clock is where it would be."""
    database, set_clock = clock
    turn_on(database.settings())
    run_all(database.settings())
    database.execute("insert into link_clicks (tracking_id, clicked_at) values ('1', '2024-03-03')")

    def before(step: Step) -> None:
        if step == "write":
            set_clock(TODAY)
            database.execute("delete from link_clicks where tracking_id = '1'")
            run_changed(database.settings())
            set_clock(YESTERDAY)

    with pytest.raises(
        Refused, match="clock was set back during the run, since a row was computed"
    ):
        run_all(database.settings(), before=before)
    assert stored(database) == reference(database, "UTC")


def test_a_round_beside_it_gives_up_where_the_clock_is_set_back_by_little(clock: Clock) -> None:
    """By less than what `run --all` takes for a clock that goes slower."""
    database, set_clock = clock
    turn_on(database.settings())
    run_all(database.settings())
    set_clock(LATER)
    database.execute("insert into link_clicks (tracking_id, clicked_at) values ('1', '2024-03-03')")

    def before(step: Step) -> None:
        if step == "read":
            database.execute("delete from link_clicks where tracking_id = '1'")
            set_clock(A_LITTLE_BACK)
            with pytest.raises(Refused, match=EARLIER):
                run_changed(database.settings())

    run_all(database.settings(), before=before)
    set_clock(TODAY)
    run_changed(database.settings())
    assert stored(database) == reference(database, "UTC")


def test_a_clock_that_is_set_forward_is_in_nobodys_way(clock: Clock) -> None:
    database, set_clock = clock

    def before(step: Step) -> None:
        if step == "write":
            set_clock(TODAY)

    assert run_all(database.settings(), before=before).inserted == 3
    assert stored(database) == reference(database, "UTC")
