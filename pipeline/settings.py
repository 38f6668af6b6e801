"""What the user decided, read once at the edge and handed down; there are no globals."""

import re
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from pipeline.errors import ConfigurationError
from pipeline.time_zones import checked_timezone

A_DAY = 86_400  # seconds
BEGINNING = re.compile("[0-9a-f]{8,31}")


@dataclass(frozen=True)
class Settings:
    """Where the data are, by which definition to compute, and which run this is."""

    database_url: str = field(repr=False)  # holds a password
    schema: str = "public"
    timezone: str | None = None  # overrides that of the definition
    connect_timeout: int | None = None  # seconds; None: the URL's own, else 15
    lock_timeout: int = 300  # seconds, where the role and the database set no limit of their own
    connect_pause: float = 0.5  # seconds before the second attempt; twice as long before each other
    definition_file: str | None = None  # None: the last published definition
    run_id: str = field(default_factory=lambda: str(uuid4()))

    def __post_init__(self) -> None:
        if not self.database_url:
            raise ConfigurationError(
                "no database given; set CLICKSTATS_DATABASE_URL (or pass --database-url) to "
                "postgresql://user:password@host:5432/database"
            )
        if not self.schema:
            raise ConfigurationError("the schema's name is empty; expected a name such as public")
        if self.timezone is not None:
            checked_timezone(self.timezone)
        if self.connect_timeout is not None and not 1 <= self.connect_timeout <= A_DAY:
            raise ConfigurationError(
                f"a connect timeout of {self.connect_timeout} seconds; expected 1 to {A_DAY}"
            )

    @property
    def application_name(self) -> str:
        """How every connection of this run is named in pg_stat_activity."""
        return f"clickstats/{self.run_id}"


def application_ids(texts: list[str]) -> list[str]:
    """Ids as PostgreSQL writes them, in the order given, duplicates once; a beginning of an id
    (`pipeline.short_ids`) stays one."""
    ids = []
    for text in texts:
        try:
            ids.append(str(UUID(text)))
        except ValueError:
            if not BEGINNING.fullmatch(text.replace("-", "").lower()):
                raise ConfigurationError(
                    f"{text!r} is not an application id; expected a UUID such as "
                    "123e4567-e89b-12d3-a456-426614174000, or eight or more characters of its "
                    "beginning; nothing was done"
                ) from None
            ids.append(text.lower())
    return list(dict.fromkeys(ids))
