"""Creates, upgrades and checks clickstats' own tables; says what the source's tables lack."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import StringIO
from itertools import chain
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pipeline.check import has_row_security, missing_privileges, missing_sources, unplannable
from pipeline.database.connection import begin_anew, search_path, session
from pipeline.errors import SchemaError
from pipeline.settings import Settings
from pipeline.source_columns import CLASSES_OF, source_columns
from pipeline.source_shape import (
    duplicate_row_problems,
    outdated_index_warnings,
    setting_problems,
    shadow_problems,
)
from schema import tables
from schema.migrations import VERSION_TABLE, view
from schema.shape import (
    exists,
    expected,
    expected_indexes,
    found,
    found_indexes,
    other_form,
    without_keys_to,
)
from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

LOCK = 0x636C69636B  # "click": only one migration at a time
# what there is not where an optional column cannot be read
WITHOUT = {
    **{("link_clicks", name): f"no click has the class {of}" for name, of in CLASSES_OF.items()},
    ("job_applications", "application_status"): (
        "`followups` takes every application for open, and `predict` cannot say anything"
    ),
    ("job_applications", "first_response_received_at"): (
        "`predict` cannot tell which responses came after the clicks"
    ),
}
# what a run does where no foreign key guards the table
IN_PLACE_OF_THE_KEY = {
    "job_applications": "`run --all` deletes the rows of applications that are gone, for which its "
    "role needs DELETE on link_click_analytics",
    "jobs": "`run --all` nulls the jobs that are gone",
}
VIEW_READS_OURS = f"""
SELECT count(DISTINCT d.refobjid) = 2
FROM pg_rewrite AS r
JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
WHERE
    r.ev_class = to_regclass('{tables.VIEW}')
    AND d.refclassid = 'pg_class'::regclass
    AND d.refobjid IN (to_regclass('link_click_analytics'), to_regclass('link_click_readings'))
"""  # noqa: S608 (our names)


def migrate(settings: Settings) -> list[str]:
    """Bring our tables to the newest revision; returns the revisions that were run, and which
    foreign keys cannot be, or else what was made anew.

    All in one transaction; a second migration waits for the first. Raises `SchemaError` when a
    table made by hand differs from ours.
    """
    with _connection(settings) as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        keyless = _keyless(connection)
        before = _revision(connection)
        _refuse_differences(connection, keyless, before)
        command.upgrade(_alembic(connection, keyless), "head")
        _refuse_differences(connection, keyless, _scripts().get_current_head())
        mended = []
        for table in tables.ours.sorted_tables:
            there = found_indexes(connection, table.name)
            for index in table.indexes:
                if index.name not in there:
                    index.create(connection)
                    mended.append(f"index {index.name} made anew")
        if not _view_reads_ours(connection):
            anew = view().replace("CREATE VIEW", "CREATE OR REPLACE VIEW")  # keeps its grants
            connection.execute(sa.text(anew))
            mended.append(f"view {tables.VIEW} made anew")
        done = reversed(list(_scripts().iterate_revisions("head", before or "base")))
        revisions = [f"{script.revision} {script.doc}" for script in done]
        return [*revisions, *_without_keys(keyless)] if revisions else mended


def pending_sql(settings: Settings) -> str:
    """The SQL that `migrate` would run now; empty when there is nothing to do."""
    with _connection(settings) as connection:
        keyless = _keyless(connection)
        before = _revision(connection)
        _refuse_differences(connection, keyless, before)
    if before == _scripts().get_current_head():
        return ""
    config = _alembic(None, keyless)
    config.output_buffer = StringIO()
    command.upgrade(config, f"{before or 'base'}:head", sql=True)
    path = search_path(settings.schema)
    notes = "".join(f"-- {note}\n" for note in _without_keys(keyless))
    return f"SET search_path = {path};\n\n{notes}{config.output_buffer.getvalue()}"


def problems(settings: Settings) -> list[str]:
    """What keeps this role from running clickstats, one sentence each with what to do about it."""
    with _connection(settings) as connection:
        keyless = _keyless(connection)
        deletes = "job_applications" in keyless
        missing = missing_sources(connection)
        own = _own_problems(connection, keyless)
        unprivileged = missing_privileges(connection, deletes=deletes)
        known = [*missing, *own, *unprivileged]
        plain = cast("Connection", connection.connection.dbapi_connection)
        return [
            *setting_problems(plain),
            *shadow_problems(plain, settings.schema),
            *_flat(missing),
            *_flat(own),
            *_flat(unprivileged),
            *unplannable(connection, known, deletes=deletes),
        ]


def missing_options(settings: Settings) -> list[str]:
    """What a run can do without, one sentence each."""
    with _connection(settings) as connection:
        plain = cast("Connection", connection.connection.dbapi_connection)
        there = source_columns(plain).types
        return [
            *(
                f"optional: {table}.{name} cannot be read, so {without}"
                for (table, name), without in WITHOUT.items()
                if (table, name) not in there
            ),
            *outdated_index_warnings(plain),
        ]


def _flat(problems: dict[str, list[str]]) -> Iterator[str]:
    return chain.from_iterable(problems.values())


def _keyless(connection: sa.Connection) -> dict[str, str]:
    """The tables that no foreign key of ours guards, and why."""
    return dict(tuple(row) for row in connection.exec_driver_sql(statement("keyless")))


def _without_keys(keyless: dict[str, str]) -> list[str]:
    return [
        f"{name} {reason}: link_click_analytics has no foreign key to it; "
        f"{IN_PLACE_OF_THE_KEY[name]}"
        for name, reason in keyless.items()
    ]


def _view_reads_ours(connection: sa.Connection) -> bool:
    """Whether the view is there and reads our tables: it goes with a table that is renamed."""
    return bool(connection.execute(sa.text(VIEW_READS_OURS)).scalar_one())


def _own_problems(connection: sa.Connection, keyless: Collection[str]) -> dict[str, list[str]]:
    """For each of our tables, what is missing of it or different."""
    found = {
        table.name: list(_missing(connection, table, keyless))
        for table in tables.ours.sorted_tables
    }
    if not exists(connection, tables.VIEW):
        found[tables.VIEW] = [f"view {tables.VIEW} is missing: run `clickstats migrate`"]
    elif not _view_reads_ours(connection):
        found[tables.VIEW] = [
            f"view {tables.VIEW} reads other tables than link_click_analytics and "
            "link_click_readings, such as one that was renamed: run `clickstats migrate`"
        ]
    readable = sa.text("SELECT has_table_privilege(to_regclass(:name), 'SELECT') IS NOT FALSE")
    is_readable = connection.execute(readable, {"name": VERSION_TABLE}).scalar_one()
    # an unreadable table is listed elsewhere, and its revision cannot be known
    if is_readable and not has_row_security(connection, VERSION_TABLE):
        found[VERSION_TABLE] = list(_outdated(connection))
    return {name: problems for name, problems in found.items() if problems}


def _outdated(connection: sa.Connection) -> Iterator[str]:
    try:
        revision, head = _revision(connection), _scripts().get_current_head()
    except SchemaError as error:
        yield str(error)
        return
    if revision != head:
        yield f"the tables are at revision {revision}, expected {head}: run `clickstats migrate`"


def _missing(connection: sa.Connection, table: sa.Table, keyless: Collection[str]) -> Iterator[str]:
    if not exists(connection, table.name):
        yield f"table {table.name} is missing: run `clickstats migrate`"
        return
    yield from _differences(connection, table, keyless)
    for name in expected_indexes(table).keys() - found_indexes(connection, table.name).keys():
        yield f"index {name} on {table.name} is missing: run `clickstats migrate`"


def _refuse_differences(
    connection: sa.Connection, keyless: Collection[str], revision: str | None
) -> None:
    """Refuse a target that differs from ours and, at the newest revision, such a ledger."""
    is_newest = revision == _scripts().get_current_head()
    missing = _flat(missing_sources(connection))
    differences = [
        difference
        for table in tables.ours.sorted_tables
        if exists(connection, table.name) and (is_newest or table is tables.link_click_analytics)
        for difference in _differences(connection, table, keyless)
    ]
    if reasons := [*missing, *differences, *_duplicates(connection, differences)]:
        raise SchemaError("; ".join(reasons))


def _duplicates(connection: sa.Connection, differences: Collection[str]) -> list[str]:
    """What keeps the unique index from being built."""
    name = tables.link_click_analytics.name
    if differences or not exists(connection, name):
        return []
    if "idx_analytics_unique_application" in found_indexes(connection, name):
        return []
    return duplicate_row_problems(cast("Connection", connection.connection.dbapi_connection))


def _differences(
    connection: sa.Connection, table: sa.Table, keyless: Collection[str]
) -> Iterator[str]:
    """What makes a table of that name another than ours. A missing index or comment is none: it
    can be added. A further index that does not make values unique is none either, nor is a foreign
    key to a table that no key can refer to, or its lack."""
    if form := other_form(connection, table.name):
        yield f"{table.name} is a {form}, expected an ordinary table: put one in its place"
        return
    wanted, there = (
        without_keys_to(shape, table, keyless)
        for shape in (expected(table), found(connection, table.name))
    )
    for shape in sorted(wanted - there):
        yield f"{table.name} lacks: {shape}"
    for shape in sorted(there - wanted):
        yield f"{table.name} has, unexpected: {shape}"
    wanted_indexes = expected_indexes(table)
    for name, definition in found_indexes(connection, table.name).items():
        if name in wanted_indexes and definition != wanted_indexes[name]:
            yield f"{table.name} has {definition}, expected {wanted_indexes[name]}"
        if name not in wanted_indexes and definition.startswith("unique"):
            yield f"{table.name} has, unexpected: {definition}"


def _revision(connection: sa.Connection) -> str | None:
    """The revision that our tables are at; None before the first. Raises `SchemaError` when this
    version of clickstats cannot know what to do with it."""
    options = {"version_table": VERSION_TABLE}
    heads = MigrationContext.configure(connection, opts=options).get_current_heads()
    if len(heads) > 1:
        raise SchemaError(
            f"{VERSION_TABLE} has {len(heads)} rows, expected one: restore it from a backup"
        )
    known = {script.revision for script in _scripts().walk_revisions()}
    if unknown := set(heads) - known:
        raise SchemaError(
            f"the tables are at revision {unknown.pop()}, which this version of clickstats does "
            "not know: install the version that made them, or a newer one"
        )
    return heads[0] if heads else None


def _alembic(connection: sa.Connection | None, keyless: Collection[str] = ()) -> Config:
    config = Config()
    config.set_main_option("script_location", "schema:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["keyless"] = keyless
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_alembic(None))


@contextmanager
def _connection(settings: Settings) -> Iterator[sa.Connection]:
    """SQLAlchemy over one of our own connections and its transaction."""
    with session(settings) as connection:
        engine = sa.create_engine(
            "postgresql+psycopg2://",
            creator=lambda: connection,
            poolclass=sa.pool.StaticPool,
            pool_reset_on_return=None,
        )
        try:
            with engine.begin() as wrapped:
                # SQLAlchemy asks the new connection a few things and rolls back
                begin_anew(connection, settings)
                yield wrapped
        except sa.exc.DBAPIError as error:
            if error.orig is None:
                raise
            raise error.orig from error
