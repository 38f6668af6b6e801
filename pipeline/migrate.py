"""Creates, upgrades and checks clickstats' own tables; says what the source's tables lack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pipeline.database import search_path, session, set_up
from pipeline.errors import SchemaError
from pipeline.settings import Settings
from schema import tables
from schema.migrations import VERSION_TABLE
from schema.shape import expected, expected_indexes, found, found_indexes

LOCK = 0x636C69636B  # "click": only one migration at a time
PRIVILEGES = {table.name: "SELECT" for table in tables.source.sorted_tables} | {
    tables.link_click_analytics.name: "SELECT, INSERT, UPDATE",
    tables.clickstats_runs.name: "SELECT, INSERT, UPDATE, DELETE",
    VERSION_TABLE: "SELECT",
}


def migrate(settings: Settings) -> list[str]:
    """Bring our tables to the newest revision; returns the revisions that were run.

    All in one transaction; a second migration waits for the first. Raises `SchemaError` when a
    table made by hand differs from ours.
    """
    with _connection(settings) as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        _refuse_differences(connection)
        before = _revision(connection)
        command.upgrade(_alembic(connection), "head")
        for table in tables.ours.sorted_tables:
            there = found_indexes(connection, table.name)
            for index in table.indexes:
                if index.name not in there:
                    index.create(connection)
        return [
            f"{script.revision} {script.doc}"
            for script in reversed(list(_scripts().iterate_revisions("head", before or "base")))
        ]


def pending_sql(settings: Settings) -> str:
    """The SQL that `migrate` would run now; empty when there is nothing to do."""
    with _connection(settings) as connection:
        _refuse_differences(connection)
        before = _revision(connection)
    if before == _scripts().get_current_head():
        return ""
    config = _alembic(None)
    config.output_buffer = StringIO()
    command.upgrade(config, f"{before or 'base'}:head", sql=True)
    path = search_path(settings.schema)
    return f"SET search_path = {path};\n\n{config.output_buffer.getvalue()}"


def problems(settings: Settings) -> list[str]:
    """What keeps this role from running clickstats, one sentence each with what to do about it."""
    with _connection(settings) as connection:
        return [
            *_source_problems(connection),
            *_own_problems(connection),
            *_privilege_problems(connection),
        ]


def _source_problems(connection: sa.Connection, *, types: bool = True) -> Iterator[str]:
    """What is missing of the source, and, with `types`, which columns are of another type."""
    inspector = sa.inspect(connection)
    for table in tables.source.sorted_tables:
        if not _exists(connection, table.name):
            yield f"table {table.name} is missing: check --schema and the privileges on the schema"
            continue
        columns = {column["name"]: column["type"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            there = columns.get(column.name)
            if there is None:
                yield f"column {table.name}.{column.name} is missing: add it"
            elif types and there._type_affinity is not column.type._type_affinity:
                yield (
                    f"column {table.name}.{column.name} is {there}, expected {column.type}: "
                    "clickstats cannot read it"
                )


def _own_problems(connection: sa.Connection) -> Iterator[str]:
    for table in tables.ours.sorted_tables:
        if not _exists(connection, table.name):
            yield f"table {table.name} is missing: run `clickstats migrate`"
            continue
        yield from _differences(connection, table)
        for name in expected_indexes(table).keys() - found_indexes(connection, table.name).keys():
            yield f"index {name} on {table.name} is missing: run `clickstats migrate`"
    readable = sa.text("SELECT has_table_privilege(to_regclass(:name), 'SELECT') IS NOT FALSE")
    if not connection.execute(readable, {"name": VERSION_TABLE}).scalar_one():
        return  # the missing privilege is listed; which revision it is cannot be known
    if (revision := _revision(connection)) != (head := _scripts().get_current_head()):
        yield f"the tables are at revision {revision}, expected {head}: run `clickstats migrate`"


def _privilege_problems(connection: sa.Connection) -> Iterator[str]:
    role = connection.execute(sa.text("SELECT quote_ident(current_user)")).scalar_one()
    for name, privileges in PRIVILEGES.items():
        for privilege in privileges.split(", "):
            granted = connection.execute(
                sa.text("SELECT has_table_privilege(to_regclass(:name), :privilege)"),
                {"name": name, "privilege": privilege},
            ).scalar_one()
            if granted is False:
                yield f"{role} lacks {privilege} on {name}: GRANT {privilege} ON {name} TO {role}"
    temporary = "SELECT has_database_privilege(current_database(), 'TEMPORARY'), current_database()"
    granted, database = connection.execute(sa.text(temporary)).one()
    if not granted:
        yield (
            f"{role} may not create temporary tables: GRANT TEMPORARY ON DATABASE {database} "
            f"TO {role}"
        )


def _refuse_differences(connection: sa.Connection) -> None:
    missing = _source_problems(connection, types=False)
    differences = [
        difference
        for table in tables.ours.sorted_tables
        if _exists(connection, table.name)
        for difference in _differences(connection, table)
    ]
    if reasons := [*missing, *differences]:
        raise SchemaError("; ".join(reasons))


def _differences(connection: sa.Connection, table: sa.Table) -> Iterator[str]:
    """What makes a table of that name another than ours. A missing index or comment is none: it
    can be added. A further index that does not make values unique is none either."""
    wanted, there = expected(table), found(connection, table.name)
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


def _exists(connection: sa.Connection, name: str) -> bool:
    query = sa.text("SELECT to_regclass(:name) IS NOT NULL")
    return bool(connection.execute(query, {"name": name}).scalar_one())


def _revision(connection: sa.Connection) -> str | None:
    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _alembic(connection: sa.Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", "schema:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
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
                wrapped.exec_driver_sql("; ".join(set_up(settings.schema)))
                yield wrapped
        except sa.exc.DBAPIError as error:
            if error.orig is None:
                raise
            raise error.orig from error
