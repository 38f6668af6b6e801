"""Everything that decides what a row says: read, validated, printed, compared and fingerprinted.

No database: the ledger keeps the definition of each run, and says which one is published.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

import msgspec

from pipeline.errors import ConfigurationError, SchemaError
from pipeline.time_zones import checked_timezone

MOST_LINKS, MOST_SECONDS, MOST_DAYS = 100, 86_400, 36_500
BUILT_IN, PUBLISHED, ZONE_OPTION = (
    "built in",
    "the last published run",
    "--timezone or CLICKSTATS_TIMEZONE",
)
Count = Literal["all", "human"]
# what TOML's types are called
TYPES = {
    "object": "a section",
    "array": "a list of texts",
    "str": "a text",
    "int": "a whole number",
    "float": "a number with a point",
    "bool": "true or false",
}


class Time(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Zones, as IANA names."""

    reporting: str = "UTC"
    clicks: str = "UTC"
    applications: str = "UTC"


class Clicks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which clicks are human, and which count."""

    count: Count = "all"
    machine_networks: tuple[str, ...] = ()
    own_networks: tuple[str, ...] = ()
    trap_functions: tuple[str, ...] = ()
    sweep_links: int = 3
    sweep_seconds: int = 10
    repeat_seconds: int = 15


class Applications(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which applications keep the rows that they have."""

    frozen_after_days: int = 0


class Statuses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a job_applications.application_status means: names in any case, * for any text."""

    closed: tuple[str, ...] = (
        "rejected*", "declined*", "withdrawn*", "withdrew*", "closed*", "archived*", "expired*",
        "hired*", "accepted*", "offer*accepted*", "offer*declined*",
    )  # fmt: skip
    response: tuple[str, ...] = ("responded*", "response*", "contacted*", "replied*")
    interview: tuple[str, ...] = ("*interview*", "phone*screen*", "onsite*", "assessment*")
    offer: tuple[str, ...] = ("offer*", "hired*", "accepted*")


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the user decides about the rows (SPEC, One table, one definition)."""

    time: Time = Time()
    clicks: Clicks = Clicks()
    functions: dict[str, tuple[str, ...]] = {}
    applications: Applications = Applications()
    statuses: Statuses = Statuses()

    @property
    def spellings(self) -> dict[str, str]:
        """The name of each other spelling of a link function."""
        return {other: name for name, others in self.functions.items() for other in others}

    def frozen_before(self, snapshot_at: datetime) -> datetime | None:
        """Applications created before this instant keep their stored rows; None: all are open."""
        days = self.applications.frozen_after_days
        return snapshot_at - timedelta(days=days) if days else None


class Circumstances(msgspec.Struct, frozen=True):
    """What else decides what a row says: with the definition they make the fingerprint."""

    rules: str  # fingerprint of the rules of both scores
    patterns: str  # of user agents: the package's version and a fingerprint
    columns: tuple[str, ...]  # optional ones of link_clicks that could be read


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "time": Time,
    "clicks": Clicks,
    "applications": Applications,
    "statuses": Statuses,
}
COMMENTS = {
    "time.reporting": "hours and weekdays are taken in this zone, an IANA name",
    "time.clicks": "what a timestamp without time zone in link_clicks.clicked_at means",
    "time.applications": "the same for the times of job_applications",
    "clicks.count": '"all": every used click counts; "human": only human clicks',
    "clicks.machine_networks": "networks of known scanners (CIDR)",
    "clicks.own_networks": "the applicant's own networks, for tests (CIDR)",
    "clicks.trap_functions": "link functions that no person can see: only scanners follow them",
    "clicks.sweep_links": "so many different links within sweep_seconds are a sweep; 0: no sweeps",
    "clicks.sweep_seconds": "both ends included; also how far a trap reaches",
    "clicks.repeat_seconds": "a click on the same link within this time is a repeat",
    "functions": 'other spellings of link functions, such as Calendly = ["calendly", "Cal.com"]',
    "applications.frozen_after_days": "older applications keep their stored rows; 0: none does",
    "statuses.closed": "after such an application_status nobody follows up; * for any text",
    "statuses.response": "one that says that the employer has answered",
    "statuses.interview": "one that means an interview, which is an answer",
    "statuses.offer": "one that means an offer, which implies an interview",
}


@dataclass(frozen=True)
class InForce:
    """The definition that a command uses; `sources` says of each value where it comes from."""

    definition: Definition
    sources: Mapping[str, str]


def means(status: str | None, meanings: Iterable[str]) -> bool:
    """Whether a status is one of these: in any case, blanks and hyphens like underscores, with *
    for any text."""
    if status is None:
        return False
    plain, *patterns = (re.sub(r"[ -]", "_", text.lower()) for text in (status, *meanings))
    return any(re.fullmatch(re.escape(each).replace(r"\*", ".*"), plain, re.S) for each in patterns)


def values(definition: Definition) -> dict[str, Any]:
    """Each value by its key, such as `clicks.count`; `functions` is one."""
    found: dict[str, Any] = {
        f"{section}.{name}": getattr(getattr(definition, section), name)
        for section, kind in SECTIONS.items()
        for name in kind.__struct_fields__
    }
    return {key: found.get(key, definition.functions) for key in COMMENTS}


def in_force(file: str | None, timezone: str | None, published: Definition | None) -> InForce:
    """What the user asks for, else what is published, else what is built in."""
    if file is not None:
        definition, given = read(file)
        sources = {key: shown(file) if key in given else BUILT_IN for key in COMMENTS}
    else:
        definition = published or Definition()
        sources = dict.fromkeys(COMMENTS, PUBLISHED if published else BUILT_IN)
    if timezone is not None:
        definition = with_zone(definition, checked_timezone(timezone))
        sources["time.reporting"] = ZONE_OPTION
    return InForce(definition, sources)


def with_zone(definition: Definition, reporting: str) -> Definition:
    """The definition with another reporting zone."""
    time = msgspec.structs.replace(definition.time, reporting=reporting)
    return msgspec.structs.replace(definition, time=time)


def shown(path: str) -> str:
    """A path that can be printed and stored, whatever bytes it consists of."""
    return path.encode(errors="backslashreplace").decode()


def read(path: str) -> tuple[Definition, set[str]]:
    """The definition of a file, and the keys that it holds. An empty file is the built-in one."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigurationError(
            f"cannot read the definition {shown(path)}: {reason}; expected a TOML file, such as "
            "`clickstats definition` prints"
        ) from error
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{shown(path)} is no TOML: {error}") from error
    return checked(table, shown(path)), {
        key
        for section, content in table.items()
        for key in ([f"{section}.{name}" for name in content] if section in SECTIONS else [section])
    }


def checked(table: Mapping[str, Any], path: str) -> Definition:
    """The definition that a table of TOML or JSON holds."""
    _refuse_unknown(table, path)
    try:
        definition = msgspec.convert(table, Definition)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path}: {_wrong_type(error, table)}") from error
    for key, problem in _problems(definition):
        raise ConfigurationError(f"{path}: {key}: {problem}")
    return definition


def _refuse_unknown(table: Mapping[str, Any], path: str) -> None:
    def refuse(key: str, known: Iterator[str] | tuple[str, ...]) -> NoReturn:
        name = _quoted(key)[1:-1]
        raise ConfigurationError(f"{path}: {name} is unknown; expected one of {', '.join(known)}")

    for section, content in table.items():
        if section not in Definition.__struct_fields__:
            refuse(section, Definition.__struct_fields__)
        fields = SECTIONS[section].__struct_fields__ if section in SECTIONS else ()
        for name in content if fields and isinstance(content, dict) else ():
            if name not in fields:
                refuse(f"{section}.{name}", fields)


def _wrong_type(error: msgspec.ValidationError, table: Mapping[str, Any]) -> str:
    """Which key has a value of another type, what it is, and what was expected."""
    said, _, at = str(error).partition(" - at `$")
    key = at.strip(".`")
    if key.startswith("functions["):  # msgspec does not say which
        key = next(
            f"functions.{_quoted(name)}" for name in table["functions"] if _is_wrong(name, table)
        )
    said = re.sub(r"`(\w+)`", lambda found: TYPES.get(found[1], found[1]), said)
    if said.startswith("Invalid enum value"):
        said += f"; expected {' or '.join(map(_quoted, get_args(Count)))}"
    return f"{key}: {said[:1].lower()}{said[1:]}"


def _is_wrong(name: str, table: Mapping[str, Any]) -> bool:
    try:
        msgspec.convert({"functions": {name: table["functions"][name]}}, Definition)
    except msgspec.ValidationError:
        return True
    return False


def _problems(definition: Definition) -> Iterator[tuple[str, str]]:
    """What is impossible about a definition: the key, what was found, and what was expected."""
    for name in Time.__struct_fields__:
        try:
            checked_timezone(getattr(definition.time, name))
        except ConfigurationError as error:
            yield f"time.{name}", str(error)
    clicks = definition.clicks
    for name in ("machine_networks", "own_networks"):
        for network in getattr(clicks, name):
            if problem := _problem_of_network(network):
                yield f"clicks.{name}", f"{problem}; expected CIDR, such as 192.0.2.0/24"
    numbers = {
        "clicks.sweep_seconds": (clicks.sweep_seconds, MOST_SECONDS),
        "clicks.repeat_seconds": (clicks.repeat_seconds, MOST_SECONDS),
        "applications.frozen_after_days": (definition.applications.frozen_after_days, MOST_DAYS),
    }
    for key, (number, most) in numbers.items():
        if not 0 <= number <= most:
            yield key, f"{number}; expected 0 to {most}"
    if clicks.sweep_links != 0 and not 2 <= clicks.sweep_links <= MOST_LINKS:
        expected = f"expected 2 to {MOST_LINKS}, or 0 for no sweeps"
        yield "clicks.sweep_links", f"{clicks.sweep_links}; {expected}"
    yield from _problems_of_names(definition)


def _problem_of_network(text: str) -> str | None:
    """Python knows forms that PostgreSQL does not: a mask or 024 for the length, and scopes."""
    try:
        network = ip_network(text)
    except ValueError as error:
        return str(error)
    length = text.partition("/")[2]
    is_known = length in {"", str(network.prefixlen)} and "%" not in text
    return None if is_known else f"{text!r} is another form of {network.with_prefixlen}"


def _problems_of_names(definition: Definition) -> Iterator[tuple[str, str]]:
    traps, spellings = definition.clicks.trap_functions, definition.spellings
    others = [other for each in definition.functions.values() for other in each]
    for other, times in Counter(others).items():
        if times > 1:
            yield "functions", f"{other!r} is used {times} times; expected one name for it"
        if other in traps and spellings[other] != other:
            expected = f"expected that name, {spellings[other]!r}"
            yield "clicks.trap_functions", f"{other!r} is a spelling; {expected}"
    lists = {key: value for key, value in values(definition).items() if isinstance(value, tuple)}
    for key, texts in (lists | {"functions": (*definition.functions, *others)}).items():
        for text in texts:
            if "\0" in text:
                yield key, f"{text!r} holds a null character, which no text in PostgreSQL can"


def document(definition: Definition, circumstances: Circumstances) -> dict[str, Any]:
    """The whole, as the ledger keeps it."""
    whole = msgspec.to_builtins(definition), msgspec.to_builtins(circumstances)
    return {**whole[0], "circumstances": whole[1]}


def from_document(stored: Mapping[str, Any]) -> tuple[Definition, Circumstances | None]:
    """What the ledger keeps; the circumstances of a run from before definitions are unknown."""
    table = dict(stored)
    circumstances = table.pop("circumstances", None)
    try:
        return (
            msgspec.convert(table, Definition),
            circumstances and msgspec.convert(circumstances, Circumstances),
        )
    except msgspec.ValidationError as error:
        raise SchemaError(
            "the ledger holds a definition that this version of clickstats does not know: "
            f"{error}; install the version that wrote it, or a newer one"
        ) from error


def fingerprint(stored: Mapping[str, Any]) -> str:
    """Twelve characters that change when anything of a `document` does."""
    text = json.dumps(stored, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two documents, in words; what one of them does not know is no
    difference."""

    def flat(stored: Mapping[str, Any]) -> dict[str, Any]:
        definition, circumstances = from_document(stored)
        known = msgspec.structs.asdict(circumstances) if circumstances else {}
        return values(definition) | known

    old, new = flat(before), flat(now)
    return [
        f"{key} was {_quoted(old[key])}, is {_quoted(new[key])}"
        for key in new
        if key in old and old[key] != new[key]
    ]


def settled(definition: Definition) -> list[str]:
    """What it has otherwise than the built-in one, in words."""
    built_in = values(Definition())
    return [
        f"{key} is {_quoted(value)}"
        for key, value in values(definition).items()
        if value != built_in[key]
    ]


def toml(found: InForce) -> str:
    """The definition as commented TOML, which `read` reads back to the same one."""
    lines = [
        "# The definition of clickstats: everything that decides what a row says.",
        "# After each value stands where it comes from.",
    ]
    section = ""
    for key, value in values(found.definition).items():
        source = _quoted(found.sources[key])[1:-1]  # a file's name may hold a line break
        if (of := key.partition(".")[0]) != section:
            section = of
            lines += ["", f"[{section}]" + f"  # {source}" * (key == "functions")]
        lines.append(f"# {COMMENTS[key]}")
        if key == "functions":
            lines += [spelling_line(name, others) for name, others in value.items()]
        else:
            lines.append(f"{key.partition('.')[2]} = {_literal(value)}  # {source}")
    return "\n".join(lines) + "\n"


def spelling_line(name: str, others: tuple[str, ...]) -> str:
    """The line of [functions] that says so: "Calendly" = ["calendly", "Cal.com"]."""
    return f"{_quoted(name)} = {_literal(others)}"


def _literal(value: str | int | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_quoted, value))}]"
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(value: Any) -> str:
    """As JSON, in one line; a text as a basic string of TOML, with what cannot be seen, or steers
    terminals, escaped."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(sign: str) -> str:
    """As TOML escapes it; JSON knows the short form alone."""
    return f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"
