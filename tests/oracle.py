"""The slow, obvious twin: every metric and score straight from the specification, in plain Python.

It shares no code with the pipeline, so that a mistake in one is unlikely to hide in the other.
Exact throughout: times are whole microseconds, ratios are Fractions, nothing is a float.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

# Naive UTC. What Python cannot hold is written as in SQL: 'infinity', '0044-03-15 00:00 BC'.
Time = datetime | str | None

HOUR = 3_600_000_000
DAY = 24 * HOUR


@dataclass(frozen=True)
class Application:
    id: UUID
    job_id: UUID | None
    created_at: Time


@dataclass(frozen=True)
class Link:
    tracking_id: str
    application_id: UUID | None
    link_function: str


@dataclass(frozen=True)
class Click:
    tracking_id: str | None
    clicked_at: Time


@dataclass(frozen=True)
class World:
    """The four source tables."""

    jobs: frozenset[UUID]
    applications: tuple[Application, ...]
    links: tuple[Link, ...]
    clicks: tuple[Click, ...]


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
class Used:
    """A used click: when, and of which function."""

    at: datetime
    function: str


def expected(world: World, timezone: str) -> dict[UUID, Expected]:
    """One row for every row of `job_applications`."""
    used: dict[UUID | None, list[Used]] = {application.id: [] for application in world.applications}
    links = attributable(world)
    for click in world.clicks:
        at, link = usable(click.clicked_at), links.get(click.tracking_id)
        if at and link:
            used[link.application_id].append(Used(at, link.link_function))
    return {
        application.id: row(application, in_order(used[application.id]), world.jobs, timezone)
        for application in world.applications
    }


def counts(world: World) -> Counts:
    """read = used + unusable + unattributed; what is both of the latter counts as unusable."""
    links = attributable(world)
    tracked = [click.tracking_id for click in world.clicks if usable(click.clicked_at)]
    used = sum(tracking_id in links for tracking_id in tracked)
    return Counts(
        read=len(world.clicks),
        used=used,
        unusable=len(world.clicks) - len(tracked),
        unattributed=len(tracked) - used,
    )


def usable(time: Time) -> datetime | None:
    """Null, infinite or outside the years 1970 to 2099 is unusable, and counts as null."""
    return time if isinstance(time, datetime) and 1970 <= time.year <= 2099 else None


def attributable(world: World) -> dict[str | None, Link]:
    """The links that name an existing application, by `tracking_id`."""
    existing = {application.id for application in world.applications}
    return {link.tracking_id: link for link in world.links if link.application_id in existing}


def in_order(clicks: list[Used]) -> list[Used]:
    """Ordered by `clicked_at`, ties by `link_function` in byte order."""
    return sorted(clicks, key=lambda click: (click.at, click.function.encode()))


def row(
    application: Application, clicks: list[Used], jobs: frozenset[UUID], timezone: str
) -> Expected:
    to_first = time_to_first_click(usable(application.created_at), clicks)
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


def local(click: Used, timezone: str) -> datetime:
    """Hour and weekday are taken in the reporting time zone."""
    return click.at.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone))


def microseconds(interval: timedelta) -> int:
    return interval // timedelta(microseconds=1)


def rounded(value: Fraction, places: int) -> Decimal:
    """The exact rational value rounded half away from zero."""
    magnitude = int(abs(value) * 10**places + Fraction(1, 2))
    return Decimal(magnitude if value >= 0 else -magnitude).scaleb(-places)
