"""Worlds made to hit each class of clicks, and definitions, for Hypothesis.

A situation is a world together with the definition that its clicks were drawn for: they come in
runs, each a step after the one before, and most steps are what the definition counts in, or a
microsecond off.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import strategies as st

from tests.oracle import Application, Click, Definition, Link, World
from tests.strategies import APPLICATIONS, JOBS, MOMENTS, NO_APPLICATION, UNUSABLE, timezones

# Each with its other spellings. A name that took another's place is not replaced again: Resume
# becomes GitHub, and Portfolio becomes Resume.
SPELLINGS = {
    "LinkedIn": ("linkedin", "LinkedIn "),
    "Calendly": ("Cal.com",),
    "Trap": ("trap", ""),
    "GitHub": ("Resume",),
    "Resume": ("Portfolio",),
    'a,"b"\\{c}': ("NULL", "%(timezone)s"),
}
FUNCTIONS = [
    *("LinkedIn", "Calendly", "Portfolio", "Resume", "GitHub", "Trap"),
    *("linkedin", "LinkedIn ", "Cal.com", "trap", "TRAP", "Honeypot", "", "NULL"),
]

MACHINE_NETWORKS = ["192.0.2.0/24", "192.0.2.77/32", "2001:db8::/32", "0.0.0.0/0"]
OWN_NETWORKS = [
    "198.51.100.0/24",
    "192.0.2.64/26",
    "2001:db8:1::/48",
    "::ffff:192.0.2.0/121",
    "::/0",
]
ADDRESSES = [
    *("192.0.2.0", "192.0.2.77", "192.0.2.255", "192.0.3.0"),
    *("198.51.100.7", "203.0.113.5", "2001:db8::1", "2001:db8:1::1", "2001:db9::"),
    *("192.0.2.77/24", "192.0.2.77/16", "::ffff:192.0.2.77"),
]
AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0",
    "",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "linkedinbot/1.0",  # patterns are case-sensitive
    "python-requests/2.31.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.5.0\\\"'{},\n",
]
# Zones, with a time on their clocks that came twice or never. None of them is at a change of day
# alone: the clocks of Lord Howe turn by half an hour, Apia skipped a day.
TURNS = [
    ("America/New_York", datetime(2024, 3, 10, 2, 30)),
    ("America/New_York", datetime(2024, 11, 3, 1, 30)),
    ("America/New_York", datetime(2024, 11, 3, 2)),
    ("Europe/Dublin", datetime(2024, 3, 31, 1, 30)),
    ("Europe/Dublin", datetime(2024, 10, 27, 1, 59, 59, 999999)),
    ("Australia/Lord_Howe", datetime(2024, 4, 7, 1, 45)),
    ("Australia/Lord_Howe", datetime(2024, 10, 6, 2, 15)),
    ("Pacific/Apia", datetime(2011, 12, 30, 12)),
    ("Pacific/Chatham", datetime(2024, 9, 29, 3)),
    ("America/St_Johns", datetime(2011, 11, 6, 0, 1)),
]


def some_of(values: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """None of them as often as any."""
    return st.just(()) | st.lists(st.sampled_from(values), unique=True).map(tuple)


zones = st.just("UTC") | timezones
definitions = st.builds(
    Definition,
    reporting=timezones,
    clicks=zones,
    applications=zones,
    count=st.sampled_from(["all", "human"]),
    machine_networks=some_of(MACHINE_NETWORKS),
    own_networks=some_of(OWN_NETWORKS),
    trap_functions=st.sampled_from([(), ("Trap",), ("Trap",), ("Trap", "Honeypot")]),
    sweep_links=st.sampled_from([0, 2, 3, 3, 4]),
    sweep_seconds=st.sampled_from([0, 1, 10, 10, 60]),
    repeat_seconds=st.sampled_from([0, 1, 15, 15, 60]),
    functions=st.just({})
    | st.lists(st.sampled_from(sorted(SPELLINGS)), unique=True).map(
        lambda names: {name: SPELLINGS[name] for name in names}
    ),
)


def steps(definition: Definition) -> st.SearchStrategy[timedelta]:
    """From one click to the next: nothing, the limits of the definition, parts and twice of them,
    and a microsecond more or less."""
    seconds = {definition.sweep_seconds, definition.repeat_seconds}
    limits = [
        timedelta(seconds=one) * part for one in sorted(seconds) for part in (1, 1, 0.5, 0.25, 2)
    ]
    microsecond = timedelta(microseconds=1)
    exact = st.sampled_from([timedelta(0), timedelta(0), *limits, timedelta(hours=1)])
    nudged = st.builds(
        timedelta.__add__, exact, st.sampled_from([timedelta(0), microsecond, -microsecond])
    )
    return exact | nudged


@st.composite
def situations(draw: st.DrawFn) -> tuple[World, Definition]:
    """A world and a definition."""
    definition = draw(definitions)
    zone, moment = draw(
        st.sampled_from(TURNS) | st.tuples(st.just(definition.clicks), st.sampled_from(MOMENTS))
    )
    definition = replace(definition, clicks=zone)
    if draw(st.booleans()):
        definition = replace(definition, applications=zone)

    applications = tuple(
        Application(application_id, draw(st.sampled_from([*JOBS, None])), moment)
        for application_id in draw(
            st.lists(st.sampled_from(APPLICATIONS), min_size=1, max_size=2, unique=True)
        )
    )
    named = [application.id for application in applications]
    links = tuple(
        Link(
            f"t{number}",
            draw(st.sampled_from([*named * 9, NO_APPLICATION])),
            draw(st.sampled_from(FUNCTIONS)),
        )
        for number in range(draw(st.integers(1, 7)))
    )
    senders = draw(
        st.lists(
            st.tuples(st.none() | st.sampled_from(AGENTS), st.none() | st.sampled_from(ADDRESSES)),
            min_size=1,
            max_size=3,
        )
    )
    clicks = st.tuples(
        st.sampled_from([link.tracking_id for link in links]),
        steps(definition),
        st.sampled_from([(None, None), *senders]),
    )
    runs = draw(st.lists(st.lists(clicks, min_size=1, max_size=8), min_size=1, max_size=5))
    return World(
        jobs=draw(st.frozensets(st.sampled_from(JOBS))),
        applications=applications,
        links=links,
        clicks=tuple(
            click for run in runs for click in clicked(run, moment + draw(steps(definition)))
        )
        + tuple(
            Click(links[0].tracking_id, time)
            for time in draw(st.lists(st.sampled_from(UNUSABLE), max_size=1))
        ),
    ), definition


Step = tuple[str, timedelta, tuple[str | None, str | None]]


def clicked(run: list[Step], at: datetime) -> list[Click]:
    """Each click a step after the one before."""
    clicks = []
    for link, step, (user_agent, ip_address) in run:
        clicks.append(Click(link, at, user_agent, ip_address))
        at += step
    return clicks
