"""What the slow, obvious twin is given: the four source tables, the definition of what their rows
mean, and the instants that their times stand for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

# Naive. What Python cannot hold is written as in SQL: 'infinity', '0044-03-15 00:00 BC'.
Time = datetime | str | None

CONVERTED_FROM = datetime(1969, 12, 30)
CONVERTED_UNTIL = datetime(2100, 1, 3)


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
    user_agent: str | None = None
    ip_address: str | None = None


@dataclass(frozen=True)
class World:
    """The four source tables."""

    jobs: frozenset[UUID]
    applications: tuple[Application, ...]
    links: tuple[Link, ...]
    clicks: tuple[Click, ...]


@dataclass(frozen=True)
class Definition:
    """Everything that decides what a row says, except which applications are frozen."""

    reporting: str = "UTC"
    clicks: str = "UTC"  # the zone that the times of the table are in; UTC where they are instants
    applications: str = "UTC"
    count: str = "all"
    machine_networks: Sequence[str] = ()
    own_networks: Sequence[str] = ()
    trap_functions: Sequence[str] = ()
    sweep_links: int = 3
    sweep_seconds: int = 10
    repeat_seconds: int = 15
    functions: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def spelled(self, function: str) -> str:
        """The name that a function has in everything that is computed."""
        for name, others in self.functions.items():
            if function in others:
                return name
        return function


def definition_of(given: Definition | str) -> Definition:
    """A mere name is the reporting zone of a definition that is built-in otherwise."""
    return given if isinstance(given, Definition) else Definition(reporting=given)


def usable(time: Time, zone: str = "UTC") -> datetime | None:
    """The instant in naive UTC. Null, infinite or outside the years 1970 to 2099 is unusable, and
    counts as null."""
    if not isinstance(time, datetime) or not CONVERTED_FROM <= time < CONVERTED_UNTIL:
        return None
    at = instant(time, zone)
    return at if 1970 <= at.year <= 2099 else None


def instant(local: datetime, zone: str) -> datetime:
    """Of an hour that happens twice, the later; of one that does not exist, the offset before the
    gap, which gives the later instant as well."""
    readings = [local.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1)]
    return max(reading.astimezone(UTC) for reading in readings).replace(tzinfo=None)
