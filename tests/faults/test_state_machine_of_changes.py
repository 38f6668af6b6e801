"""Random writers, some of them open while runs come and go: after a `run --changed` that nobody
disturbs both tables equal the reference, just as after a `run --all`."""

from collections.abc import Callable
from contextlib import closing, suppress

import psycopg2
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg2.extensions import connection

from pipeline.capture import turn_off, turn_on
from pipeline.changed import run_changed
from pipeline.errors import Locked, Refused
from pipeline.run import Options, run_all, run_named
from pipeline.run_steps import Step
from pipeline.settings import Settings
from tests.databases import Database
from tests.engines import reference, reference_readings, stored, stored_readings
from tests.strategies_of_changes import Changes, applications, changes, some_changes

MOST_OPEN = 3
ANY_FALL = Options(max_shrink=100)  # a round of everything is audited as `run --all` is
steps = st.sampled_from(["gate", "snapshot", "read", "write", "commit"])
limits = st.none() | st.integers(1, 4)


class Rounds(RuleBasedStateMachine):
    """The database is real. `settled`: nothing was committed since an undisturbed round."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.open: list[connection] = []
        self.settled = False

    def settings(self) -> Settings:
        """What waits for an open writer, or for the run beside it, gives up soon."""
        return self.database.settings(write_attempts=2, lock_timeout=1)

    def teardown(self) -> None:
        for writer in self.open:
            writer.close()

    @initialize(changes=st.lists(changes, min_size=20, max_size=60))
    def begin(self, changes: Changes) -> None:
        turn_off(self.settings())
        self.database.execute(
            "truncate jobs, job_applications, link_tracking, link_clicks, clickstats_runs cascade"
        )
        self.change(changes)
        turn_on(self.settings())
        run_changed(self.settings(), ANY_FALL)

    @rule(changes=some_changes)
    def change(self, changes: Changes) -> None:
        """Others commit what does not wait for an open writer."""
        with closing(self.database.connect()) as own:
            do(own, changes)
            own.commit()
        self.settled = False

    @precondition(lambda self: len(self.open) < MOST_OPEN)
    @rule(changes=some_changes)
    def open_writer(self, changes: Changes) -> None:
        writer = self.database.connect()
        self.open.append(writer)
        do(writer, changes)

    @precondition(lambda self: self.open)
    @rule(number=st.integers(0, MOST_OPEN - 1), changes=some_changes, rolls_back=st.booleans())
    def close_writer(self, number: int, changes: Changes, rolls_back: bool) -> None:
        """It may have begun long before runs that have ended meanwhile."""
        writer = self.open.pop(number % len(self.open))
        do(writer, changes)
        if not rolls_back:
            writer.commit()
            self.settled = False
        writer.close()

    @rule(step=steps, changes=some_changes, limit=limits)
    def run_changed(self, step: Step, changes: Changes, limit: int | None) -> None:
        """Others commit while it is at some step."""
        options = Options(limit=limit, max_shrink=100)
        self.disturbed(
            lambda before: run_changed(self.settings(), options, before=before),
            step,
            changes,
        )

    @rule(step=steps, changes=some_changes, limit=limits)
    def run_all(self, step: Step, changes: Changes, limit: int | None) -> None:
        options = Options(limit=limit, max_shrink=100)
        self.disturbed(
            lambda before: run_all(self.settings(), options, before=before), step, changes
        )

    @rule(step=steps, changes=some_changes)
    def run_changed_beside_all(self, step: Step, changes: Changes) -> None:
        """A round runs whole while a `run --all` is between two steps."""
        options = Options(max_shrink=100)

        def beside(reached: Step) -> None:
            if reached == step and step not in ("gate", "snapshot"):
                self.change(changes)
                with suppress(Locked, Refused):  # everything is to be computed anew
                    run_changed(self.settings(), ANY_FALL)

        with suppress(Refused):
            run_all(self.settings(), options, before=beside)
        self.settled = False

    @rule(named=st.lists(applications, min_size=1, max_size=3, unique=True))
    def run_named(self, named: list[str]) -> None:
        with suppress(Refused):
            run_named(self.settings(), named)

    @precondition(lambda self: not self.open)  # it would wait for them
    @rule(changes=some_changes)
    def capture_anew(self, changes: Changes) -> None:
        """What changes while capture is off is computed by the first round after it is on again."""
        turn_off(self.settings())
        self.change(changes)
        turn_on(self.settings())

    @rule()
    def settle(self) -> None:
        with suppress(Refused):
            run_changed(self.settings(), ANY_FALL)
            self.settled = True

    def disturbed(
        self, run: Callable[[Callable[[Step], object]], object], step: Step, changes: Changes
    ) -> None:
        def before(reached: Step) -> None:
            if reached == step:
                self.change(changes)

        with suppress(Refused):  # it waits in vain for what an open writer holds
            run(before)
        self.settled = False

    @invariant()
    def the_tables_are_as_computed_from_scratch(self) -> None:
        if self.settled:
            assert stored(self.database) == reference(self.database)
            assert stored_readings(self.database) == reference_readings(self.database)


def do(writer: connection, changes: Changes) -> None:
    """The statements that need not wait."""
    with writer.cursor() as cursor:
        cursor.execute("set local lock_timeout = '5ms'")
        for statement, parameters in changes:
            cursor.execute("savepoint one")
            try:
                cursor.execute(statement, parameters)
            except (psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected):
                cursor.execute("rollback to one")


# 10,000 steps, in quarters that run in parallel
SLOW = pytest.mark.slow(minutes=5)
LONG = [pytest.param(50, 50, marks=SLOW, id=f"quarter {number}") for number in range(1, 5)]


@pytest.mark.parametrize(("examples", "steps"), [(3, 12), *LONG])
def test_rounds_are_exact_under_change(empty: Database, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        type("RoundsHere", (Rounds,), {"database": empty}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
