"""Whole small worlds for Hypothesis: the four source tables, with everything that may go wrong.

A world lives around one moment. Most of its times are that moment plus one of a few offsets, most
of them notable, so that exact ties, spans of exactly a day and clicks a microsecond off a threshold
are common, not rare.
"""

import os
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st

from tests.oracle import Application, Click, Link, Time, World

THOROUGH = "CLICKSTATS_TEST_THOROUGH" in os.environ


def examples(quick: int) -> int:
    """How many examples a property is tried with: so many, or ten times as many where it may
    take its time (`make test-property CLICKSTATS_TEST_THOROUGH=1`)."""
    return quick * 10 if THOROUGH else quick


# Zones in which the 2025 and 2026 releases of the tz database, and therefore zoneinfo, PostgreSQL
# and Polars, agree on every year from 1970 to 2099. Africa/Casablanca, Africa/El_Aaiun (from
# 2026-09-20) and Asia/Gaza (from 2073) do not. CET, EET, MET and WET are missing on purpose:
# PostgreSQL's AT TIME ZONE takes them for fixed offsets, the others for zones with summer time.
timezones = st.sampled_from(
    [
        "UTC",
        "Asia/Kolkata",
        "America/New_York",
        "Europe/Dublin",  # its standard time is the summer time
        "Australia/Lord_Howe",  # summer time of half an hour
        "Pacific/Chatham",  # +12:45
        "America/St_Johns",  # -3:30, and changed at one minute past midnight
        "Asia/Kathmandu",  # +5:30 until 1986, then +5:45
        "Pacific/Apia",  # skipped 2011-12-30
        "Pacific/Kiritimati",  # +14
        "Africa/Monrovia",  # -0:44:30 until 1972
    ]
)

FIRST_AND_LAST_USABLE = [datetime(1970, 1, 1), datetime(2099, 12, 31, 23, 59, 59, 999999)]
MOMENTS = [
    datetime(2024, 1, 1),
    datetime(2024, 2, 29),
    datetime(2000, 2, 29, 23, 59, 59, 999999),
    datetime(2023, 12, 31, 23, 59, 59, 999999),
    datetime(2024, 3, 10, 7),  # New York springs forward
    datetime(2024, 11, 3, 6),  # and falls back
    datetime(2024, 3, 31, 1),  # Dublin
    datetime(2024, 10, 27, 1),
    datetime(2024, 4, 6, 15),  # Lord Howe
    datetime(2024, 10, 5, 15, 30),
    datetime(2024, 4, 6, 14),  # Chatham
    datetime(2024, 9, 28, 14),
    datetime(2011, 11, 6, 2, 31),  # St John's
    datetime(1985, 12, 31, 18, 30),  # Kathmandu
    datetime(2011, 12, 30, 10),  # Apia
    datetime(1994, 12, 31, 10),  # Kiritimati
    datetime(1972, 1, 7, 0, 44, 30),  # Monrovia
    *FIRST_AND_LAST_USABLE,
]
moments = st.sampled_from(MOMENTS) | st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31))

QUICK = [timedelta(hours=hours) for hours in (0, 2, 4, 8)]
SPANS = [timedelta(days=days) for days in (0.5, 1, 1.5, 2, 2.5, 3, 4, 7, 365 * 50)]
TIES = [
    *(timedelta(seconds=seconds) for seconds in (18, 54, 7218)),  # 0.005 h, 0.015 h, 2.005 h
    timedelta(seconds=204_800),  # two clicks so far apart: 0.84375 a day
    timedelta(seconds=1_024_000),  # two: 0.16875, six: 0.50625
]
notable = st.sampled_from(QUICK) | st.sampled_from(SPANS) | st.sampled_from(TIES)
nudges = st.sampled_from([0, 0, -1, 1]).map(lambda count: timedelta(microseconds=count))
anywhere = st.timedeltas(timedelta(0), timedelta(days=60))
offsets = st.one_of(notable, st.builds(timedelta.__add__, notable, nudges), anywhere)

UNUSABLE = [
    None,
    "infinity",
    "-infinity",
    datetime(1969, 12, 31, 23, 59, 59, 999999),
    datetime(2100, 1, 1),
    datetime(1, 1, 1),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
    "0044-03-15 00:00:00 BC",
    "294276-12-31 23:59:59.999999",
]

SCORED = ["LinkedIn", "Calendly"]
UNSCORED = ["Company_Website", "Apply_Now", "Job_Posting", "Portfolio", "GitHub", "Resume"]
HOSTILE = [
    "",
    " ",
    "NULL",
    "null",
    "linkedin",
    "Calendly ",
    ",",
    '"',
    "'",
    "{}",
    '{"a","b"}',
    "\\",
    "\\N",
    "\\.",
    "a\nb",
    "\r\n",
    "\t",
    "a%sb%(timezone)s",
    "\x01\x7f",
    "é",
    "e\u0301",
    "ẞ",
    "\uffff",  # sorts after the next in UTF-16, before it in UTF-8
    "😀" * 50,
]
storable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
functions = st.one_of(
    st.sampled_from(SCORED),
    st.sampled_from(UNSCORED),
    st.sampled_from(HOSTILE),
    st.text(storable, max_size=50),
)

JOBS = [UUID(int=n) for n in (1, 2)]
NO_JOB = UUID(int=3)
APPLICATIONS = [UUID(int=n << 120) for n in (1, 2, 0x7F, 0xFF)]
NO_APPLICATION = UUID(int=4)
TRACKING_IDS = ["t1", "t2", "T1", "t1 ", "", "NULL", "\\N", 'a,"b"\n{c}', "😀" * 100]
NO_TRACKING_ID = "nowhere"


# Left alone, a third of all lists are empty, and hardly a world has clicks that count.
at_least = st.sampled_from([1] * 9 + [0])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    moment = draw(moments)
    nearby = offsets.map(moment.__add__)
    edges = st.sampled_from(FIRST_AND_LAST_USABLE)
    few = draw(st.lists(st.one_of(*[nearby] * 9, edges), min_size=1, max_size=5))
    times: st.SearchStrategy[Time] = st.one_of(
        *[st.sampled_from(few)] * 8, nearby, st.sampled_from(UNUSABLE)
    )

    applications = [
        Application(
            id=application_id,
            job_id=draw(st.sampled_from([*JOBS, None, NO_JOB])),
            created_at=draw(st.sampled_from([moment, moment, draw(times)])),
        )
        for application_id in draw(
            st.lists(st.sampled_from(APPLICATIONS), min_size=draw(at_least), unique=True)
        )
    ]
    named = [application.id for application in applications]
    links = [
        Link(
            tracking_id=tracking_id,
            application_id=draw(st.sampled_from([*named * 3, None, NO_APPLICATION])),
            link_function=draw(functions),
        )
        for tracking_id in draw(
            st.lists(st.sampled_from(TRACKING_IDS), min_size=draw(at_least), unique=True)
        )
    ]
    tracked = [link.tracking_id for link in links]
    # Lists are about five long: a list of lists gives applications with a dozen clicks.
    clicks = st.lists(
        st.builds(
            Click,
            tracking_id=st.sampled_from([*tracked * 4, None, NO_TRACKING_ID]),
            clicked_at=times,
        ),
        min_size=1,
        max_size=12,
    )
    bursts = draw(st.lists(clicks, min_size=draw(at_least), max_size=12))
    return World(
        jobs=draw(st.frozensets(st.sampled_from(JOBS))),
        applications=tuple(applications),
        links=tuple(links),
        clicks=tuple(click for burst in bursts for click in burst),
    )
