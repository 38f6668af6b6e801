"""After an upgrade of the system its collations may have another order than indexes were built by:
such an index no longer finds every text, and nobody knows which one does."""

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest

from pipeline.answers.verify import verify
from pipeline.capture import turn_on
from pipeline.changed import run_changed
from pipeline.migrate import migrate, missing_options
from pipeline.run import run_all, run_named
from tests.commands import clickstats
from tests.databases import SOURCE_TABLES, Database, skipped_without_icu
from tests.engines import stored

KINDS = ["of a column", "of the database", "under a view"]
SOME = """
insert into job_applications (id, created_at)
select md5(n::text)::uuid, '2026-03-02' from generate_series(1, 300) as n;
insert into link_tracking (tracking_id, application_id, link_function)
select translate(md5(n::text), '0123abcd', '-_AbBaCD'), md5((n % 300 + 1)::text)::uuid, 'Calendly'
from generate_series(1, 600) as n;
insert into link_clicks (tracking_id, clicked_at)
select tracking_id, timestamp '2026-03-03' + n * interval '1 minute'
from link_tracking, generate_series(1, 2) as n;
analyze;
"""
ONE_MORE = """
insert into link_clicks (tracking_id, clicked_at)
select tracking_id, '2026-03-09' from link_tracking
"""
# applications that are there because a text is found
UNDER_A_VIEW = """
alter table job_applications rename to kept;
alter table kept add slug varchar(100) {collate};
update kept set slug = translate(md5(id::text), '0123abcd', '-_AbBaCD');
create table slugs (slug varchar(100) {collate} primary key, other text default repeat('-', 500));
insert into slugs select slug from kept;
insert into slugs select '~' || n from generate_series(1, 6000) as n;
create view job_applications as
select id, job_id, created_at, application_status from kept join slugs using (slug);
analyze;
"""
# what an upgrade of the library does: it sorts otherwise, and says another version
UPGRADED = """
do $$
declare
    locale text;
begin
    select attname into locale from pg_attribute
    where attrelid = '{catalog}'::regclass and not attisdropped and attname in (
        'colllocale', 'colliculocale', 'datlocale', 'daticulocale'
    );
    execute format(
        'update {catalog} set %I = %L, {prefix}version = ''1'' where {prefix}name = %L',
        locale, 'en-u-ka-shifted-kf-upper', '{name}'
    );
end
$$
"""


@pytest.fixture(params=KINDS)
def upgraded(server_url: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with capture on, all done and then a click on every link, and another version of
    the collation by which tracking ids are in order."""
    name = f"clickstats_test_{uuid4().hex[:12]}"
    of_column = request.param != "of the database"
    icu = "" if of_column else "locale_provider icu icu_locale 'en' locale 'C'"
    with closing(psycopg2.connect(server_url)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        if not of_column and admin.server_version < 150_000:
            pytest.skip("the server has no version of a database's collation")
        with skipped_without_icu():
            cursor.execute(f"create database {name} template template0 encoding 'UTF8' {icu}")
        try:
            database = Database(server_url.rsplit("/", 1)[0] + f"/{name}", name)
            tables = SOURCE_TABLES
            if of_column:
                with skipped_without_icu():
                    database.execute("create collation own (provider = icu, locale = 'en')")
                tables = tables.replace("varchar(100)", "varchar(100) collate own")
            database.execute(tables + SOME)
            if request.param == "under a view":
                database.execute(UNDER_A_VIEW.format(collate="collate own"))
            migrate(database.settings())
            if request.param == "under a view":
                run_all(database.settings())
            else:
                turn_on(database.settings())
                run_changed(database.settings())
            catalog, prefix = ("pg_collation", "coll") if of_column else ("pg_database", "dat")
            key = "own" if of_column else name
            text = UPGRADED.format(catalog=catalog, prefix=prefix, name=key)
            database.execute(text.replace("datversion", "datcollversion"))
            database.execute(ONE_MORE)
            yield database
        finally:
            cursor.execute(f"drop database if exists {name} with (force)")


def test_nothing_is_missed(upgraded: Database) -> None:
    ids = [str(id_) for id_ in stored(upgraded)]
    named, _ = run_named(upgraded.settings(), ids[:50])
    assert named["total_click_events"].unique().to_list() == [6]
    assert [row.total_click_events for row in stored(upgraded).values()].count(6) == 50
    is_on = upgraded.execute("select to_regclass('clickstats_changes') is not null") == [(True,)]
    report = (run_changed if is_on else run_all)(upgraded.settings())
    assert report.applications == len(ids)
    assert any("REINDEX" in warning for warning in report.warnings)
    assert {row.total_click_events for row in stored(upgraded).values()} == {6}
    assert verify(upgraded.settings()).differences == []
    assert run_all(upgraded.settings()).updated == 0


def test_it_is_told(upgraded: Database) -> None:
    [said] = [one for one in missing_options(upgraded.settings()) if "REINDEX" in one]
    assert said in clickstats("migrate", "--check", database=upgraded).text
