"""What the user decided, read once at the edge and handed down; there are no globals."""

import re
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID, uuid4

from pipeline.errors import ConfigurationError
from pipeline.time_zones import checked_timezone

A_DAY = 86_400  # seconds
ENGINE = re.compile(r"local(\[(\d+|\*)\])?|spark://[^/\s]+:\d+|yarn|k8s://\S+")
BEGINNING = re.compile("[0-9a-f]{8,31}")


class Keeper(Protocol):
    """Keeps connections between sessions: `pipeline.database.pool.Pool`."""

    def take(self) -> Any: ...
    def lend(self, connection: Any) -> None: ...
    def give_back(self, connection: Any) -> None: ...


@dataclass(frozen=True)
class Sizes:
    """How much is done at once. Tests do less at once, so that a small table is a large one."""

    blocks: int = 16_384  # of link_clicks, read at once at most: some 40 MB of memory
    applications: int = 50_000  # computed at once at least
    first_load: int = 10_000  # rows from which indexes are better built afterwards
    rows: int = 100_000  # exported at once


@dataclass(frozen=True)
class Settings:
    """Where the data are, by which definition to compute, and which run this is."""

    database_url: str = field(repr=False)  # holds a password
    schema: str = "public"
    timezone: str | None = None  # overrides that of the definition
    connect_timeout: int | None = None  # seconds; None: the URL's own, else 15
    lock_timeout: int = 300  # seconds, where the role and the database set no limit of their own
    statement_timeout: int | None = None  # the same; None: no limit
    connect_pause: float = 0.5  # seconds before the second attempt; twice as long before each other
    gate_wait: int = 60  # seconds, at least: who holds the gate does not hold it for long
    write_attempts: int = 15
    sizes: Sizes = Sizes()
    definition_file: str | None = None  # None: the last published definition
    engine: str | None = None  # the Spark cluster that computes a `run --all`; None: this process
    pool: Keeper | None = field(default=None, repr=False)  # None: each session connects anew
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
        if self.engine is not None and not ENGINE.fullmatch(self.engine):
            raise ConfigurationError(
                f"{self.engine!r} is no engine; expected spark://HOST:PORT, local[N], yarn or "
                "k8s://URL"
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
