"""Random changes between runs, and while a run is held between its snapshot, its reading and its
writing: after every run both tables equal the reference at that run's snapshot."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from pipeline.run import Options, run_all, run_named
from pipeline.run_steps import Step
from pipeline.settings import Settings
from tests.databases import Database
from tests.definitions import printed
from tests.engines import Readings, Rows, reference, reference_readings, stored, stored_readings
from tests.oracle import Definition, Expected, Reading
from tests.strategies_of_changes import Changes, applications, changes, some_changes

some_names = st.lists(applications, max_size=3, unique=True)
some_definitions = st.sampled_from(
    [
        Definition(),
        Definition("Asia/Kolkata", sweep_links=2, repeat_seconds=60),
        Definition("Pacific/Apia", count="human", trap_functions=("Resume",)),
    ]
)

Both = dict[UUID, tuple[Expected, Reading | None]]  # an application's row of each table


class Runs(RuleBasedStateMachine):
    """The database is real; `expected` is what its tables should hold."""

    database: Database
    folder: Path  # for files of definitions

    def __init__(self) -> None:
        super().__init__()
        self.expected: Both = {}
        self.seen: Both = {}  # the reference at the last run's snapshot
        self.confirmed: set[UUID] = set()  # by `--app-id` since the snapshot of `--all`
        self.definition = Definition()
        self.published: Definition | None = None  # that of the last `--all`
        self.once: dict[str, Callable[[], None]] = {}  # done when a run comes to the step

    def before(self, step: Step) -> None:
        """What others do when a run comes to the step. Nobody else is there: what the database
        holds before the reading is what the run's snapshot holds."""
        if step == "read":
            self.seen = both(
                reference(self.database, self.definition),
                reference_readings(self.database, self.definition),
            )
        self.once.pop(step, lambda: None)()

    @initialize(changes=st.lists(changes, min_size=20, max_size=60))
    def begin(self, changes: Changes) -> None:
        self.database.execute(
            "truncate jobs, job_applications, link_tracking, link_clicks, clickstats_runs cascade"
        )
        self.change(changes)

    @rule(changes=some_changes)
    def change(self, changes: Changes) -> None:
        """As the foreign keys say, a row goes with its application and loses its job."""
        with closing(self.database.connect()) as others, others.cursor() as cursor:
            for statement, parameters in changes:
                cursor.execute(statement, parameters)
                self.follow_foreign_keys(cursor)
            others.commit()

    def follow_foreign_keys(self, cursor: Any) -> None:
        cursor.execute("select id::text from job_applications union select id::text from jobs")
        there = {UUID(key) for (key,) in cursor}
        self.expected = {
            key: (row if row.job_id in there else replace(row, job_id=None), reading)
            for key, (row, reading) in self.expected.items()
            if key in there
        }

    @rule(
        full=st.booleans(),
        definition=some_definitions,
        before_reading=some_changes,
        named=some_names,
        before_writing=some_changes,
    )
    def run_all(
        self,
        full: bool,
        definition: Definition,
        before_reading: Changes,
        named: list[str],
        before_writing: Changes,
    ) -> None:
        """Others change what it reads and has read; `--app-id` runs beside it."""
        self.definition = definition
        before: Both = {}
        seen: Both = {}

        def change() -> None:
            before.update(self.expected)
            seen.update(self.seen)
            self.change(before_reading)

        def confirm() -> None:
            self.confirmed = set()
            # a run that publishes another definition lets no other one write beside it
            if named and self.published == definition:
                self.name(named, definition, [])

        self.once["read"] = change
        self.once["audit"] = confirm
        self.once["write"] = lambda: self.change(before_writing)
        run_all(
            self.settings(definition),
            Options(full=full, max_shrink=100),
            before=self.before,
        )
        self.published = definition
        changed = {key: row for key, row in seen.items() if full or before.get(key) != row}
        self.publish(changed, newer=self.confirmed)

    @rule(named=some_names.filter(len), meanwhile=some_changes)
    def run_named(self, named: list[str], meanwhile: Changes) -> None:
        """By the definition of the last published run, about which it is told nothing."""
        self.name(named, None, meanwhile)

    def name(self, named: list[str], definition: Definition | None, meanwhile: Changes) -> None:
        self.definition = definition or self.published or Definition()
        whole, self.once = self.once, {"write": lambda: self.change(meanwhile)}
        run_named(self.settings(definition), named, before=self.before)
        rows = {key: self.seen[key] for key in map(UUID, named) if key in self.seen}
        self.publish(rows, newer=set())
        self.confirmed, self.once = set(rows), whole

    def settings(self, definition: Definition | None) -> Settings:
        file = definition and printed(self.folder, definition)
        return self.database.settings(definition_file=file)

    def publish(self, rows: Both, newer: set[UUID]) -> None:
        """The rows are written, but for those that a newer run has written and those whose
        application has gone and not come back."""
        for key, row in rows.items():
            if key not in newer or key not in self.expected:
                self.expected[key] = row
        with closing(self.database.connect()) as own, own.cursor() as cursor:
            self.follow_foreign_keys(cursor)

    @invariant()
    def the_tables_are_as_expected(self) -> None:
        assert both(stored(self.database), stored_readings(self.database)) == self.expected


def both(rows: Rows, readings: Readings) -> Both:
    """No readings without a row."""
    assert readings.keys() <= rows.keys()
    return {key: (row, readings.get(key)) for key, row in rows.items()}


@pytest.mark.parametrize(
    ("examples", "steps"), [(4, 8), pytest.param(60, 20, marks=pytest.mark.slow(minutes=4))]
)
def test_exact_under_change(empty: Database, tmp_path: Path, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        type("RunsHere", (Runs,), {"database": empty, "folder": tmp_path}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
