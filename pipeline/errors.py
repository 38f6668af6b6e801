"""What can go wrong that a user can mend: one class and one exit code for each kind.

The message is one line: what was found, what was expected, what to do. Anything else that is raised
is a bug and keeps its traceback.
"""

from collections.abc import Sequence


class ClickstatsError(Exception):
    """The base of all errors that are shown as one line."""

    exit_code = 1


class ConfigurationError(ClickstatsError):
    """Wrong usage or configuration: a malformed id, no database, an unknown time zone."""

    exit_code = 2


class FrozenApplications(ConfigurationError):
    """Named applications that are to keep their stored rows."""

    def __init__(self, application_ids: Sequence[str]) -> None:
        self.application_ids = application_ids
        super().__init__(
            f"frozen, by frozen_after_days: {', '.join(application_ids)}; nothing was done; --thaw "
            "computes them from the clicks that are left"
        )


class AmbiguousId(ConfigurationError):
    """A beginning of an id that several applications have, some of which are the candidates."""

    def __init__(self, beginning: str, candidates: Sequence[str], *, more: bool) -> None:
        self.candidates = candidates
        super().__init__(
            f"several applications begin with {beginning}: {', '.join(candidates)}"
            f"{' …' if more else ''}; expected more of the id; nothing was done"
        )


class NoConnection(ClickstatsError):
    """The server is unreachable, refuses the login, or was lost on the way."""

    exit_code = 3


class UnknownApplication(ClickstatsError):
    """An application named by the user does not exist."""

    exit_code = 4


class SchemaError(ClickstatsError):
    """A table, column or privilege that clickstats needs is missing, or has the wrong shape."""

    exit_code = 5


class AuditFailed(ClickstatsError):
    """The result is not fit to be published, or `verify` found a difference."""

    exit_code = 6


class TooOld(ClickstatsError):
    """The last published run is older than the user allows."""

    exit_code = 7


class Locked(ClickstatsError):
    """Another run holds the lock."""

    exit_code = 75


class Refused(ClickstatsError):
    """The server refused or cancelled the work: a timeout, a full disk, a read-only server."""

    exit_code = 8


class Blocked(Refused):
    """What is read is locked by somebody else, or by somebody who waits for others."""


def signal_behind(error: BaseException | None) -> BaseException | None:
    """The signal that caused an exception, if one did."""
    while error and not isinstance(error, KeyboardInterrupt | SystemExit):
        error = error.__context__
    return error
