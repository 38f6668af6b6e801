"""Databases for tests: what the source tables look like there, and how a test talks to one."""

import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest
from psycopg2.extensions import connection

from pipeline.settings import Settings
from tests.oracle import World
from tests.worlds import load

# As rich as the real tables, most of whose columns clickstats ignores. No foreign keys: a link may
# name an application that does not exist.
SOURCE_TABLES = """
create table jobs (id uuid primary key, title text);
create table job_applications (
    id uuid primary key,
    job_id uuid,
    created_at timestamp,
    application_status varchar(50)
);
create table link_tracking (
    tracking_id varchar(100) primary key,
    application_id uuid,
    link_function varchar(50) not null,
    is_active boolean default true,
    metadata jsonb
);
create table link_clicks (
    click_id bigserial primary key,
    tracking_id varchar(100),
    clicked_at timestamp,
    session_id varchar(100),
    user_agent text,
    ip_address inet
);
create index on link_tracking (application_id);
create index on link_clicks (tracking_id);
"""

BY_COPY = "require_auth=scram-sha-256,md5,none"

# the least rights with which a role can run clickstats
LEAST = """
grant usage on schema public to {role};
grant select on jobs, job_applications, link_tracking, link_clicks to {role};
grant select, insert, update on link_click_analytics to {role};
grant select, insert, update, delete on link_click_readings, clickstats_runs to {role};
grant select, insert, delete on link_click_score_changes to {role};
grant select on clickstats_migrations to {role};
"""

ENGINE = os.environ.get("CLICKSTATS_TEST_ENGINE")  # that computes `run --all`; None: none
Parameters = Mapping[str, object] | Sequence[object] | None


@dataclass(frozen=True)
class Database:
    """One database of the test server."""

    url: str
    name: str

    def connect(self) -> connection:
        """A connection of the caller's own, to be closed by the caller."""
        return psycopg2.connect(self.url)

    def execute(self, statement: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """Run in a transaction of its own; the rows, if there are any."""
        with closing(self.connect()) as own, own, own.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def load(self, world: World) -> None:
        """Put the world in place of what the source tables hold; nothing is stored of it yet."""
        with closing(self.connect()) as own, own:
            load(own, world)

    def others(self) -> int:
        """How many sessions the database has besides this one."""
        [(count,)] = self.execute(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        return int(count)

    @property
    def server_version(self) -> int:
        """As a number: 150004 for 15.4."""
        with closing(self.connect()) as own:
            return own.server_version

    def settings(self, **others: Any) -> Settings:
        """The settings of a run over this database."""
        return Settings(self.url, **{"engine": ENGINE} | others)

    def by_copy(self) -> "Database":
        """The same database by a URL that asks for what ConnectorX cannot do."""
        return Database(f"{self.url}{'&' if '?' in self.url else '?'}{BY_COPY}", self.name)

    def seen_by(self, role: str, password: str) -> "Database":
        """The same database for another role."""
        login = f"{quote(role, safe='')}:{quote(password, safe='')}"
        return Database(re.sub(r"://([^@/]*@)?", f"://{login}@", self.url, count=1), self.name)


Prepare = Callable[[Database], object]
CopyOf = Callable[[Prepare], Database]


@contextmanager
def fresh(
    server_url: str, template: str = "template0", encoding: str = "UTF8"
) -> Iterator[Database]:
    """A new database like the template, dropped on leaving."""
    name = f"clickstats_test_{secrets.token_hex(6)}"
    with closing(psycopg2.connect(server_url)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        # since PostgreSQL 15 every page goes to the log otherwise
        copying = "strategy file_copy" if admin.server_version >= 150_000 else ""
        locale = "" if encoding == "UTF8" else "locale 'C'"  # which goes with every encoding
        cursor.execute(
            f"create database {name} template {template} encoding '{encoding}' {locale} {copying}"
        )
        try:
            yield Database(
                re.sub(r"(://[^/?]*)(/[^?]*)?", rf"\1/{name}", server_url, count=1), name
            )
        finally:
            cursor.execute(f"drop database {name} with (force)")


@contextmanager
def skipped_without_icu() -> Iterator[None]:
    """Not every build of PostgreSQL has it."""
    try:
        yield
    except psycopg2.errors.FeatureNotSupported as error:
        pytest.skip(str(error))
