"""What the user decided, read once at the edge and handed down; there are no globals."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from pipeline.errors import ConfigurationError

A_DAY = 86_400  # seconds
ABBREVIATIONS = {
    "CET": "Europe/Brussels",
    "EET": "Europe/Athens",
    "MET": "Europe/Brussels",
    "WET": "Europe/Lisbon",
}


@dataclass(frozen=True)
class Settings:
    """Where the data are, how to take hours and days, and which run this is."""

    database_url: str = field(repr=False)  # holds a password
    schema: str = "public"
    timezone: str = "UTC"
    connect_timeout: int | None = None  # seconds; None: the URL's own, else 15
    lock_timeout: int = 300  # seconds, where the role and the database set no limit of their own
    connect_pause: float = 0.5  # seconds before the second attempt; twice as long before each other
    run_id: str = field(default_factory=lambda: str(uuid4()))

    def __post_init__(self) -> None:
        if not self.database_url:
            raise ConfigurationError(
                "no database given; set CLICKSTATS_DATABASE_URL (or pass --database-url) to "
                "postgresql://user:password@host:5432/database"
            )
        if not self.schema:
            raise ConfigurationError("the schema's name is empty; expected a name such as public")
        if self.connect_timeout is not None and not 1 <= self.connect_timeout <= A_DAY:
            raise ConfigurationError(
                f"a connect timeout of {self.connect_timeout} seconds; expected 1 to {A_DAY}"
            )

    @property
    def application_name(self) -> str:
        """How every connection of this run is named in pg_stat_activity."""
        return f"clickstats/{self.run_id}"


def checked_timezone(name: str) -> str:
    """The name, when Polars, which takes the hours and days, knows it as a time zone.

    PostgreSQL, in which `verify` recomputes, takes four of the names for fixed offsets.
    """
    if name in ABBREVIATIONS:
        raise ConfigurationError(
            f"{name} means a fixed offset to PostgreSQL and a zone with summer time to others; "
            f"expected a name without two meanings, such as {ABBREVIATIONS[name]}"
        )
    import polars as pl  # heavy: not every command needs it

    try:
        # Polars takes "" for UTC, and offsets: "+03:00" is east of Greenwich there, but west of it
        # in PostgreSQL
        if not name[:1].isalpha():
            raise pl.exceptions.ComputeError
        pl.Series([datetime(2024, 1, 1)]).dt.replace_time_zone("UTC").dt.convert_time_zone(name)
    except pl.exceptions.ComputeError:
        raise ConfigurationError(
            f"unknown time zone {name!r}; expected an IANA name such as UTC or Europe/Berlin"
        ) from None
    return name


def application_ids(texts: list[str]) -> list[str]:
    """Ids as PostgreSQL writes them, in the order given, duplicates once."""
    ids = []
    for text in texts:
        try:
            ids.append(str(UUID(text)))
        except ValueError:
            raise ConfigurationError(
                f"{text!r} is not an application id; expected a UUID such as "
                "123e4567-e89b-12d3-a456-426614174000; nothing was done"
            ) from None
    return list(dict.fromkeys(ids))
