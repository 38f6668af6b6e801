"""What capture could not see is refused when it is turned on, and by those who rely on it."""

from contextlib import closing

import pytest

from pipeline.capture import state, turn_off, turn_on
from pipeline.changed import run_changed
from pipeline.errors import ConfigurationError, Refused, SchemaError
from tests.capturing import noted
from tests.databases import LEAST, Database


def assert_refused(captured: Database, told: str) -> None:
    """Who relies on capture is told what it misses, and it cannot be turned on again."""
    with pytest.raises(ConfigurationError, match=f"capture misses changes: .*{told}"):
        run_changed(captured.settings())
    turn_off(captured.settings())
    with pytest.raises(ConfigurationError, match=told):
        turn_on(captured.settings())
    assert not state(captured.settings()).is_on


@pytest.mark.parametrize(
    ("table", "below"), [("link_clicks", "real_clicks"), ("job_applications", "real_applications")]
)
def test_views_are_refused(database: Database, table: str, below: str) -> None:
    database.execute(f"alter table {table} rename to {below}")
    database.execute(f"create view {table} as select * from {below}")
    with pytest.raises(ConfigurationError, match=rf"{table} is a view.*on {below};"):
        turn_on(database.settings())
    assert not state(database.settings()).is_on


VIRTUAL = {
    "link_tracking.application_id": "alter table link_tracking add a uuid, drop application_id,"
    " add application_id uuid generated always as (a) virtual",
    "link_tracking.link_function": "alter table link_tracking drop link_function,"
    " add link_function text generated always as (metadata ->> 'function') virtual",
    "job_applications.created_at": "alter table job_applications add at date, drop created_at,"
    " add created_at date generated always as (at) virtual",
    "link_clicks.tracking_id": "alter table link_clicks add t text, drop tracking_id,"
    " add tracking_id text generated always as (t) virtual",
}


@pytest.mark.parametrize(("column", "made"), VIRTUAL.items(), ids=VIRTUAL)
def test_virtual_columns_are_refused(captured: Database, column: str, made: str) -> None:
    """Triggers find null in them; those that capture does not read do not matter."""
    if captured.server_version < 180_000:
        pytest.skip("virtual generated columns are new in PostgreSQL 18")
    captured.execute("alter table link_clicks drop clicked_at")
    captured.execute(
        "alter table link_clicks add clicked_at date generated always as (null) virtual"
    )
    assert state(captured.settings()).problems == ()
    captured.execute(made)
    [problem] = state(captured.settings()).problems
    assert f"column {column} is generated VIRTUAL" in problem
    assert_refused(captured, f"{column} is .*; expected it STORED; ")


PARENTS = {
    "a partitioned table": "create table events (like link_clicks) partition by list (session_id);"
    "alter table events attach partition link_clicks for values in ('s')",
    "inheritance": "create table events (tracking_id varchar(100));"
    "alter table link_clicks inherit events",
}


@pytest.mark.parametrize("made", PARENTS.values(), ids=PARENTS)
def test_parts_of_another_table_are_refused(captured: Database, made: str) -> None:
    """A statement that names the other table fires its triggers alone."""
    captured.execute("truncate link_clicks")
    captured.execute(made)
    [problem] = state(captured.settings()).problems
    assert "link_clicks is a part of events" in problem
    assert_refused(captured, "link_clicks is a part of events")


HANDED_ON = {
    "a trigger": "create function route() returns trigger language plpgsql as $$ begin"
    " insert into new_clicks values (new.*); return null; end $$;"
    "create trigger route before insert on link_clicks for each row execute function route()",
    "a rule": "create rule route as on insert to link_clicks"
    " do instead insert into new_clicks values (new.*)",
}


@pytest.mark.parametrize("made", HANDED_ON.values(), ids=HANDED_ON)
def test_what_hands_rows_on_to_children_is_refused(captured: Database, made: str) -> None:
    """No trigger of the parent sees them. So tables were parted before there were partitions."""
    captured.execute("create table new_clicks () inherits (link_clicks)")
    assert not state(captured.settings()).problems
    captured.execute(made)
    captured.execute("insert into link_clicks (tracking_id) values ('a')")
    assert noted(captured) == []
    assert_refused(captured, "link_clicks has children, into which route may put what is inserted")


def test_a_rule_that_hands_rows_on_to_partitions_is_refused(database: Database) -> None:
    database.execute(
        "drop table link_clicks;"
        "create table link_clicks (tracking_id varchar(100), clicked_at timestamp)"
        " partition by list (tracking_id);"
        "create table all_clicks partition of link_clicks default"
    )
    turn_on(database.settings())
    database.execute(
        "create rule route as on insert to link_clicks"
        " do instead insert into all_clicks values (new.*)"
    )
    assert_refused(database, "link_clicks has children, into which route may put what is inserted")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("alter table link_clicks set unlogged", "UNLOGGED, and no trigger tells: link_clicks;"),
        (
            "create unlogged table old_clicks () inherits (link_clicks)",
            "UNLOGGED, and no trigger tells: old_clicks;",
        ),
        (
            "create foreign table far_clicks () inherits (link_clicks) server elsewhere",
            "link_clicks has parts that are foreign tables, .*: far_clicks;",
        ),
    ],
)
def test_what_changes_without_a_statement_is_refused(
    captured: Database, made: str, told: str
) -> None:
    """A crash empties tables that have no log, and at another server there are no triggers."""
    captured.execute(
        "create foreign data wrapper far; create server elsewhere foreign data wrapper far"
    )
    captured.execute(made)
    assert_refused(captured, told)


SUBSCRIBED = """
create subscription feed connection 'dbname=nowhere' publication theirs
    with (connect = false, slot_name = none);
set local allow_system_table_mods = on;
insert into pg_subscription_rel (srsubid, srrelid, srsubstate)
    select oid, '{}'::regclass, 'r' from pg_subscription where subname = 'feed';
"""


@pytest.mark.parametrize("filled", ["link_clicks", "old_clicks"])
def test_what_logical_replication_fills_is_refused(
    captured: Database, role: str, filled: str
) -> None:
    """It fires triggers of rows alone, also where they are enabled always."""
    captured.execute(LEAST.format(role=role) + f"grant select on clickstats_changes to {role}")
    captured.execute("create table old_clicks () inherits (link_clicks)")
    captured.execute(SUBSCRIBED.format(filled))
    try:
        for who in (captured, captured.seen_by(role, role)):
            [problem] = state(who.settings()).problems
            assert "link_clicks is filled by logical replication" in problem
        assert_refused(captured, "subscription feed; ")
    finally:
        captured.execute("drop subscription feed")


def test_only_the_owner_can(database: Database, role: str) -> None:
    database.execute(LEAST.format(role=role))
    with pytest.raises(SchemaError, match=r"belongs to .*: turn capture on and off as that role"):
        turn_on(database.seen_by(role, role).settings())


def test_a_table_in_use_is_not_waited_for_for_long(database: Database) -> None:
    with closing(database.connect()) as other, other.cursor() as cursor:
        cursor.execute("insert into link_clicks (tracking_id) values ('a')")
        with pytest.raises(Refused, match="in use"):
            turn_on(database.settings())
    assert not state(database.settings()).is_on
