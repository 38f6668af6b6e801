"""Draws what others do to the tables of the source: a statement and its parameters each."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

Changes = list[tuple[str, tuple[Any, ...]]]

# few of each, so that changes meet
JOBS = [f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2)]
APPLICATIONS = [f"{n}0000000-0000-0000-0000-000000000000" for n in "1257acef"]
LINKS = [f"link {n}" for n in range(10)]
FUNCTIONS = ["LinkedIn", "Calendly", "Resume", 'a,"b"\\{c}']
NOON = datetime(2024, 3, 2, 12)  # a Saturday

jobs, applications, links = map(st.sampled_from, (JOBS, APPLICATIONS, LINKS))
times = st.one_of(
    st.sampled_from([NOON, NOON + timedelta(hours=2), NOON - timedelta(days=1), None, "infinity"]),
    st.integers(0, 3 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    st.integers(0, 20).map(lambda seconds: NOON + timedelta(seconds=seconds)),
)
changes = st.one_of(
    st.tuples(
        st.just("insert into link_clicks (tracking_id, clicked_at) values (%s, %s)"),
        st.tuples(links | st.none(), times),
    ),
    st.tuples(
        st.just("update link_clicks set clicked_at = %s where tracking_id = %s"),
        st.tuples(times, links),
    ),
    st.tuples(
        st.just("update link_clicks set clicked_at = clicked_at - %s where clicked_at > %s"),
        st.tuples(st.just(timedelta(days=1)), times),
    ),
    st.tuples(st.just("delete from link_clicks where tracking_id = %s"), st.tuples(links)),
    st.tuples(
        st.just("update link_clicks set user_agent = %s where tracking_id = %s"),
        st.tuples(st.sampled_from([None, "curl/8"]), links),
    ),
    st.tuples(
        st.just(
            "insert into link_tracking (tracking_id, application_id, link_function)"
            " values (%s, %s, %s) on conflict (tracking_id) do update"
            " set application_id = excluded.application_id, link_function = excluded.link_function"
        ),
        st.tuples(links, applications | st.none(), st.sampled_from(FUNCTIONS)),
    ),
    st.tuples(st.just("delete from link_tracking where tracking_id = %s"), st.tuples(links)),
    st.tuples(
        st.just(
            "insert into job_applications (id, job_id, created_at) values (%s, %s, %s)"
            " on conflict (id) do update"
            " set job_id = excluded.job_id, created_at = excluded.created_at"
        ),
        st.tuples(applications, jobs | st.none(), times),
    ),
    st.tuples(st.just("delete from job_applications where id = %s"), st.tuples(applications)),
    st.tuples(st.just("insert into jobs (id) values (%s) on conflict do nothing"), st.tuples(jobs)),
    st.tuples(st.just("delete from jobs where id = %s"), st.tuples(jobs)),
)
some_changes = st.lists(changes, max_size=8)
