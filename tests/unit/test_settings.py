"""What the user decides: settings, time zones, ids; and the exit codes of what can go wrong."""

from typing import Any

import pytest

from pipeline import errors
from pipeline.errors import ClickstatsError, ConfigurationError
from pipeline.settings import Settings, application_ids
from pipeline.time_zones import checked_timezone

ID = "123e4567-e89b-12d3-a456-426614174000"


def test_settings_never_show_the_database() -> None:
    assert "secret" not in repr(Settings("postgresql://me:secret@db/jobs"))


def test_every_run_has_a_name_of_its_own() -> None:
    one, other = Settings("postgresql://db/jobs"), Settings("postgresql://db/jobs")
    assert one.application_name == f"clickstats/{one.run_id}"
    assert one.run_id != other.run_id
    assert len(one.application_name) < 64  # PostgreSQL cuts the rest off


@pytest.mark.parametrize(
    ("url", "others", "found"),
    [
        ("", {}, "CLICKSTATS_DATABASE_URL"),
        ("postgresql://db/jobs", {"schema": ""}, "schema"),
        ("postgresql://db/jobs", {"connect_timeout": 0}, "timeout"),
        ("postgresql://db/jobs", {"connect_timeout": -1}, "timeout"),
    ],
)
def test_settings_that_make_no_sense(url: str, others: dict[str, Any], found: str) -> None:
    with pytest.raises(ConfigurationError, match=found):
        Settings(url, **others)


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/Argentina/Buenos_Aires", "Etc/GMT+5"]
)
def test_a_time_zone_is_an_iana_name(name: str) -> None:
    assert checked_timezone(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "+05:30",
        "+03:00",  # east of Greenwich to Polars, west of it to PostgreSQL
        "-03:00",
        "03:00",
        "+0300",
        "UTC+5",
        "../../etc/passwd",
        "Europe/Berlin; select 1",
        "CET",
    ],
)
def test_anything_else_is_no_time_zone(name: str) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        checked_timezone(name)


@pytest.mark.parametrize(
    "text", [ID, ID.upper(), ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}"]
)
def test_an_id_is_written_as_postgresql_writes_it(text: str) -> None:
    assert application_ids([text]) == [ID]


def test_ids_keep_their_order_and_come_once() -> None:
    other = ID.replace("1", "2")
    assert application_ids([other, ID, other.upper(), ID]) == [other, ID]


@pytest.mark.parametrize("text", ["", "1", ID[:7], f"{ID}0", f"{ID}'; drop table jobs --", "NULL"])
def test_anything_else_is_no_id(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not an application id"):
        application_ids([ID, text])


def test_every_error_that_a_user_can_mend_has_its_exit_code() -> None:
    codes = {kind.__name__: kind.exit_code for kind in ClickstatsError.__subclasses__()}
    assert codes == {
        "ConfigurationError": 2,
        "NoConnection": 3,
        "UnknownApplication": 4,
        "SchemaError": 5,
        "AuditFailed": 6,
        "TooOld": 7,
        "Refused": 8,
        "Locked": 75,
    }
    assert errors.ClickstatsError.exit_code == 1
