"""Points at which the database itself makes a run stop, until the test lets it go on.

A hold is a lock of the test's own connection. Where the run would pass, a view or a trigger sleeps
as long as that lock is held; it sleeps, and does not wait for the lock, so that no `lock_timeout`
ends the hold.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from pipeline.lock import GATE
from pipeline.run_steps import Before, Step
from tests.databases import Database
from tests.waiting import wait_until

HOLDS = """
create function hold(point text) returns boolean language plpgsql as $$
begin
    while not pg_try_advisory_lock_shared(hashtext(point)) loop
        perform pg_sleep(0.01);
    end loop;
    return pg_advisory_unlock_shared(hashtext(point));
end $$;

-- called immutable, and for each row, so that the view is read as any other
create function hold_reading(tracking_id text) returns boolean immutable language plpgsql as $$
begin
    return hold('reading');
end $$;
alter table link_clicks rename to stored_clicks;
create view link_clicks as
    select tracking_id, clicked_at, user_agent, ip_address from stored_clicks
    where hold_reading(tracking_id);

create function hold_trigger() returns trigger language plpgsql as $$
begin
    perform hold(tg_argv[0]);
    return new;
end $$;
create trigger hold_before_all before update on link_click_analytics
    for each statement execute function hold_trigger('after the copy');
create trigger hold_at_a_row before insert or update on link_click_analytics
    for each row when (new.application_id > '80000000-0000-0000-0000-000000000000')
    execute function hold_trigger('in the upsert');
create trigger hold_before_the_commit before update on clickstats_runs
    for each row when (new.outcome = 'published')
    execute function hold_trigger('before the commit');
create constraint trigger hold_the_commit after update on clickstats_runs
    deferrable initially deferred
    for each row when (new.outcome = 'published')
    execute function hold_trigger('in the commit');
"""
TAKE = {
    "after the lock": f"select pg_advisory_lock_shared({GATE}, oid::integer) from pg_class"
    " where oid = 'link_click_analytics'::regclass",
    "before reading": "begin; lock table stored_clicks in access exclusive mode",
}
POINTS = [
    "after the lock",
    "before reading",
    "reading",
    "after the copy",
    "in the upsert",
    "before the commit",
    "in the commit",
]

STOPPED = """
    select 1 from pg_stat_activity
    where datname = current_database() and application_name like 'clickstats/%%'
        and (wait_event = 'PgSleep' or wait_event_type = 'Lock')
    having count(*) >= %s
"""


@contextmanager
def held(database: Database, point: str) -> Iterator[None]:
    """Whoever comes to the point stops there, until this is left."""
    with closing(database.connect()) as holder:
        holder.autocommit = True
        with holder.cursor() as cursor:
            cursor.execute(TAKE.get(point, "select pg_advisory_lock(hashtext(%s))"), (point,))
            yield


def until_stopped(database: Database, sessions: int = 1) -> None:
    """Wait until so many sessions of runs are held, or wait for a lock."""
    wait_until(lambda: database.execute(STOPPED, (sessions,)))


def until_waited_for(database: Database, table: str) -> None:
    """Wait until somebody waits for all of a table."""
    waits = """
        select 1 from pg_locks
        where relation = %s::regclass and mode = 'AccessExclusiveLock' and not granted
    """
    wait_until(lambda: database.execute(waits, (table,)))


def at(step: Step, event: Callable[[], object]) -> Before:
    """Have the event happen when a run comes to the step; the first time only."""
    events = [event]

    def before(reached: Step) -> None:
        if reached == step and events:
            events.pop()()

    return before
