"""The slow, obvious twin: every metric and score straight from the specification, in plain Python.

It shares no code with the pipeline, so that a mistake in one is unlikely to hide in the other.
Exact throughout: times are whole microseconds, ratios are Fractions, nothing is a float.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.oracle_origins import Used, classes_of_application
from tests.oracle_world import (
    Application,
    Click,
    Definition,
    Link,
    Time,
    World,
    definition_of,
    usable,
)

__all__ = [
    "Application",
    "Click",
    "Counts",
    "Definition",
    "Expected",
    "Link",
    "Reading",
    "Time",
    "Used",
    "World",
    "classes",
    "counts",
    "counts_by_class",
    "definition_of",
    "expected",
    "microseconds",
    "readings",
    "usable",
]

MACHINES = {"trap", "declared", "network", "sweep"}
HOUR = 3_600_000_000
DAY = 24 * HOUR


@dataclass(frozen=True)
class Expected:
    """One row of link_click_analytics; intervals are microseconds."""

    application_id: UUID
    job_id: UUID | None
    time_to_first_click: int | None
    hours_to_first_click: Decimal | None
    time_between_first_last_click: int | None
    hours_between_first_last_click: Decimal | None
    click_sequence: tuple[str, ...]
    unique_functions_clicked: int
    total_click_events: int
    peak_click_hour: int | None
    click_days_of_week: tuple[int, ...]
    engagement_velocity: Decimal
    engagement_score: int
    intent_score: int


@dataclass(frozen=True)
class Counts:
    """What became of every click."""

    read: int
    used: int
    unusable: int
    unattributed: int


@dataclass(frozen=True)
class Reading:
    """One row of link_click_readings; times are naive UTC."""

    application_id: UUID
    human_clicks: int
    machine_clicks: int
    own_clicks: int
    repeated_clicks: int
    first_human_click: datetime | None
    last_human_click: datetime | None
    engagement_score_all: int
    intent_score_all: int
    engagement_score_human: int
    intent_score_human: int
    human_rules: int


def expected(world: World, definition: Definition | str) -> dict[UUID, Expected]:
    """One row for every row of `job_applications`, of the clicks that count."""
    definition = definition_of(definition)
    counting = counting_clicks(world, definition)
    return {
        application.id: row(application, counting[application.id], world.jobs, definition)
        for application in world.applications
    }


def counting_clicks(world: World, definition: Definition) -> dict[UUID, list[Used]]:
    """All used clicks of each application, or the human ones."""
    used = used_clicks(world, definition)
    if definition.count == "all":
        return {application: list(clicks.values()) for application, clicks in used.items()}
    classes = classes_of(world, definition)
    return {
        application: [click for number, click in clicks.items() if classes[number] == "human"]
        for application, clicks in used.items()
    }


def readings(world: World, definition: Definition | str) -> dict[UUID, Reading]:
    """One row for every application with a used click."""
    definition = definition_of(definition)
    of_all = expected(world, replace(definition, count="all"))
    of_human = expected(world, replace(definition, count="human"))
    classes = classes_of(world, definition)
    found = {}
    for application_id, clicks in used_clicks(world, definition).items():
        if not clicks:
            continue
        count = Counter(classes[number] for number in clicks)
        human = [click.at for number, click in clicks.items() if classes[number] == "human"]
        found[application_id] = Reading(
            application_id=application_id,
            human_clicks=count["human"],
            machine_clicks=sum(count[one] for one in MACHINES),
            own_clicks=count["own"],
            repeated_clicks=count["repeat"],
            first_human_click=min(human, default=None),
            last_human_click=max(human, default=None),
            engagement_score_all=of_all[application_id].engagement_score,
            intent_score_all=of_all[application_id].intent_score,
            engagement_score_human=of_human[application_id].engagement_score,
            intent_score_human=of_human[application_id].intent_score,
            human_rules=rules_fired(of_human[application_id]),
        )
    return found


def classes(world: World, definition: Definition | str) -> tuple[str | None, ...]:
    """The class of each click, used or not, in the order of the clicks; none of unused ones."""
    of_used = classes_of(world, definition_of(definition))
    return tuple(of_used.get(number) for number in range(len(world.clicks)))


def counts_by_class(world: World, definition: Definition | str) -> Counter[str]:
    """How many used clicks each class has."""
    return Counter(classes_of(world, definition_of(definition)).values())


def classes_of(world: World, definition: Definition) -> dict[int, str]:
    """The class of each used click, by its number among all clicks."""
    found: dict[int, str] = {}
    for clicks in used_clicks(world, definition).values():
        found |= zip(clicks, classes_of_application(list(clicks.values()), definition), strict=True)
    return found


def used_clicks(world: World, definition: Definition) -> dict[UUID, dict[int, Used]]:
    """The used clicks of each application, by their numbers among all clicks."""
    used: dict[UUID, dict[int, Used]] = {application.id: {} for application in world.applications}
    links = attributable(world)
    for number, click in enumerate(world.clicks):
        at, link = usable(click.clicked_at, definition.clicks), links.get(click.tracking_id)
        if at and link and link.application_id:
            used[link.application_id][number] = Used(
                at=at,
                function=definition.spelled(link.link_function),
                link=link.tracking_id,
                user_agent=click.user_agent,
                ip_address=click.ip_address,
            )
    return used


def counts(world: World, definition: Definition | str = "UTC") -> Counts:
    """read = used + unusable + unattributed; what is both of the latter counts as unusable."""
    zone = definition_of(definition).clicks
    links = attributable(world)
    tracked = [click.tracking_id for click in world.clicks if usable(click.clicked_at, zone)]
    used = sum(tracking_id in links for tracking_id in tracked)
    return Counts(
        read=len(world.clicks),
        used=used,
        unusable=len(world.clicks) - len(tracked),
        unattributed=len(tracked) - used,
    )


def attributable(world: World) -> dict[str | None, Link]:
    """The links that name an existing application, by `tracking_id`."""
    existing = {application.id for application in world.applications}
    return {link.tracking_id: link for link in world.links if link.application_id in existing}


def in_order(clicks: list[Used]) -> list[Used]:
    """Ordered by `clicked_at`, ties by `link_function` in byte order."""
    return sorted(clicks, key=lambda click: (click.at, click.function.encode()))


def row(
    application: Application, clicks: list[Used], jobs: frozenset[UUID], definition: Definition
) -> Expected:
    clicks, timezone = in_order(clicks), definition.reporting
    created_at = usable(application.created_at, definition.applications)
    to_first = time_to_first_click(created_at, clicks)
    between = time_between_first_last_click(clicks)
    sequence = tuple(click.function for click in clicks)
    days = click_days_of_week(clicks, timezone)
    velocity = engagement_velocity(clicks)
    return Expected(
        application_id=application.id,
        job_id=application.job_id if application.job_id in jobs else None,
        time_to_first_click=to_first,
        hours_to_first_click=hours(to_first),
        time_between_first_last_click=between,
        hours_between_first_last_click=hours(between),
        click_sequence=sequence,
        unique_functions_clicked=len(set(sequence)),
        total_click_events=len(sequence),
        peak_click_hour=peak_click_hour(clicks, timezone),
        click_days_of_week=days,
        engagement_velocity=min(rounded(velocity, 4), Decimal("999999.9999")),
        engagement_score=engagement_score(sequence, to_first, days),
        intent_score=intent_score(sequence, to_first, velocity),
    )


def time_to_first_click(created_at: datetime | None, clicks: list[Used]) -> int | None:
    """First `clicked_at` - `created_at`; negative when the click came first."""
    return microseconds(clicks[0].at - created_at) if created_at and clicks else None


def time_between_first_last_click(clicks: list[Used]) -> int | None:
    """Last - first `clicked_at`; zero for one click, null for none."""
    return microseconds(clicks[-1].at - clicks[0].at) if clicks else None


def hours(time: int | None) -> Decimal | None:
    """The same in hours, 2 decimals."""
    return None if time is None else rounded(Fraction(time, HOUR), 2)


def peak_click_hour(clicks: list[Used], timezone: str) -> int | None:
    """Hour of day (0-23) with most clicks; ties: the earliest hour."""
    per_hour = Counter(local(click, timezone).hour for click in clicks)
    return min(per_hour, key=lambda hour: (-per_hour[hour], hour), default=None)


def click_days_of_week(clicks: list[Used], timezone: str) -> tuple[int, ...]:
    """Distinct days with a click, 0 = Sunday ... 6 = Saturday, ascending."""
    return tuple(sorted({local(click, timezone).isoweekday() % 7 for click in clicks}))


def engagement_velocity(clicks: list[Used]) -> Fraction:
    """Clicks / max(days between first and last click, 1 day), not yet rounded; 0 for no clicks."""
    days = Fraction(time_between_first_last_click(clicks) or 0, DAY)
    return len(clicks) / max(days, Fraction(1))


def engagement_score(sequence: Sequence[str], to_first: int | None, days: Sequence[int]) -> int:
    total, unique = len(sequence), len(set(sequence))
    score = 0
    if total > 0:  # any engagement
        score += 10
    if "LinkedIn" in sequence:  # LinkedIn viewed
        score += 25
    if "Calendly" in sequence:  # Calendly clicked
        score += 40
    score += min(5 * (total - unique), 15)  # repeat clicks
    if to_first is not None and 0 < to_first < 4 * HOUR:  # quick response
        score += 30
    if 0 in days or 6 in days:  # weekend click
        score += 20
    if unique > 1:  # several link types
        score += 10 * (unique - 1)
    return min(score, 100)


def intent_score(sequence: Sequence[str], to_first: int | None, velocity: Fraction) -> int:
    score = 0
    if to_first is not None and 0 < to_first < 2 * HOUR:  # very quick response
        score += 50
    elif to_first is not None and 0 < to_first < 8 * HOUR:  # quick response
        score += 30
    if velocity > 2:  # high velocity
        score += 30
    elif velocity > 1:  # moderate velocity
        score += 15
    if "Calendly" in sequence:  # Calendly clicked
        score += 40
    if len(sequence) > 3:  # repeat visits
        score += 20
    return min(score, 100)


def rules_fired(row: Expected) -> int:
    """A bit for each rule, in the order of the tables of the specification: first the rules of
    engagement, then those of intent."""
    sequence, total = row.click_sequence, row.total_click_events
    to_first = row.time_to_first_click
    responded_after = HOUR * 10**9 if to_first is None or to_first <= 0 else to_first
    days = Fraction(row.time_between_first_last_click or 0, DAY)
    velocity = total / max(days, Fraction(1))
    fired = [
        total > 0,
        "LinkedIn" in sequence,
        "Calendly" in sequence,
        total > row.unique_functions_clicked,
        responded_after < 4 * HOUR,
        0 in row.click_days_of_week or 6 in row.click_days_of_week,
        row.unique_functions_clicked > 1,
        responded_after < 2 * HOUR,
        2 * HOUR <= responded_after < 8 * HOUR,
        velocity > 2,
        1 < velocity <= 2,
        "Calendly" in sequence,
        total > 3,
    ]
    return sum(2**bit for bit, has_fired in enumerate(fired) if has_fired)


def local(click: Used, timezone: str) -> datetime:
    """Hour and weekday are taken in the reporting time zone."""
    return click.at.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone))


def microseconds(interval: timedelta) -> int:
    return interval // timedelta(microseconds=1)


def rounded(value: Fraction, places: int) -> Decimal:
    """The exact rational value rounded half away from zero."""
    magnitude = int(abs(value) * 10**places + Fraction(1, 2))
    return Decimal(magnitude if value >= 0 else -magnitude).scaleb(-places)
