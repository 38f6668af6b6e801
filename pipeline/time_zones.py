"""Which names of time zones mean the same to everybody who computes with them."""

from datetime import datetime
from difflib import get_close_matches
from zoneinfo import available_timezones

from pipeline.errors import ConfigurationError

ABBREVIATIONS = {
    "CET": "Europe/Brussels",
    "EET": "Europe/Athens",
    "MET": "Europe/Brussels",
    "WET": "Europe/Lisbon",
}


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
        alike = get_close_matches(name, available_timezones(), 1)
        expected = f"did you mean {alike[0]}?" if alike else "such as UTC or Europe/Berlin"
        raise ConfigurationError(
            f"unknown time zone {name!r}; expected an IANA name{':' * bool(alike)} {expected}"
        ) from None
    return name
