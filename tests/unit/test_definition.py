"""The definition's file: mistakes are told in one line that names the file, the key and what was
expected; what is printed is read back; the fingerprint changes with everything that matters."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.definition import (
    COMMENTS,
    Applications,
    Circumstances,
    Clicks,
    Definition,
    InForce,
    Statuses,
    Time,
    differences,
    document,
    fingerprint,
    from_document,
    in_force,
    read,
    toml,
    values,
)
from pipeline.errors import ConfigurationError, SchemaError
from tests.commands import clickstats
from tests.strategies import HOSTILE, examples, storable, timezones

MISTAKES = {
    # unknown
    "a section": ("[clickz]", "clickz is unknown; expected one of time, clicks"),
    "a key": ("[clicks]\nsweep = 3", "clicks.sweep is unknown; expected one of count"),
    "a key of no section": ("count = 'all'", "count is unknown; expected one of time"),
    # of another type
    "no section": ("clicks = 3", "clicks: expected a section, got a whole number"),
    "sections": ("[[time]]", "time: expected a section, got a list"),
    "no functions": ("functions = ['a']", "functions: expected a section, got a list"),
    "a text for a number": (
        "[clicks]\nsweep_links = '3'",
        "clicks.sweep_links: expected a whole number, got a text",
    ),
    "a point": ("[clicks]\nsweep_links = 3.0", "expected a whole number, got a number with"),
    "yes": ("[clicks]\nsweep_links = true", "expected a whole number, got true or false"),
    "a day": ("[time]\nreporting = 2026-01-01", "time.reporting: expected a text, got date"),
    "one network": (
        "[clicks]\nmachine_networks = '192.0.2.0/24'",
        "clicks.machine_networks: expected a list of texts, got a text",
    ),
    "a number among traps": (
        "[clicks]\ntrap_functions = ['a', 3]",
        "clicks.trap_functions[1]: expected a text, got a whole number",
    ),
    "one spelling": (
        "[functions]\nResume = ['CV']\n'Cal endly' = 'calendly'",
        'functions."Cal endly": expected a list of texts, got a text',
    ),
    "a number among spellings": (
        "[functions]\nResume = ['CV', 3]",
        'functions."Resume": expected a text, got a whole number',
    ),
    # impossible
    "another count": (
        "[clicks]\ncount = 'humans'",
        'clicks.count: invalid enum value \'humans\'; expected "all" or "human"',
    ),
    "an unknown zone": (
        "[time]\nclicks = 'Mars/Olympus'",
        "time.clicks: unknown time zone 'Mars/Olympus'; expected an IANA name",
    ),
    "no zone": ("[time]\napplications = ''", "time.applications: unknown time zone ''"),
    "an offset": ("[time]\nreporting = '+03:00'", "time.reporting: unknown time zone '+03:00'"),
    "a zone of two meanings": ("[time]\nreporting = 'CET'", "time.reporting: CET means"),
    "a zone with a null": ('[time]\nreporting = "UTC\\u0000"', "time.reporting: unknown time"),
    "no network": (
        "[clicks]\nown_networks = ['home']",
        "clicks.own_networks: 'home' does not appear to be an IPv4 or IPv6 network; expected CIDR",
    ),
    "bits of a host": (
        "[clicks]\nmachine_networks = ['192.0.2.1/24']",
        "clicks.machine_networks: 192.0.2.1/24 has host bits set; expected CIDR",
    ),
    "a mask": (
        "[clicks]\nmachine_networks = ['192.0.2.0/255.255.255.0']",
        "'192.0.2.0/255.255.255.0' is another form of 192.0.2.0/24; expected CIDR",
    ),
    "a zero too many": (
        "[clicks]\nmachine_networks = ['192.0.2.0/024']",
        "'192.0.2.0/024' is another form of 192.0.2.0/24",
    ),
    "a scope": ("[clicks]\nmachine_networks = ['fe80::%1/64']", "'fe80::%1/64' is another form"),
    "one link": ("[clicks]\nsweep_links = 1", "clicks.sweep_links: 1; expected 2 to 100, or 0"),
    "many links": ("[clicks]\nsweep_links = 101", "clicks.sweep_links: 101; expected 2 to 100"),
    "a huge number": (
        f"[clicks]\nsweep_links = 1{'0' * 30}",
        f"clicks.sweep_links: 1{'0' * 30}; expected 2 to 100",
    ),
    "negative seconds": ("[clicks]\nsweep_seconds = -1", "clicks.sweep_seconds: -1; expected 0 to"),
    "too many seconds": ("[clicks]\nrepeat_seconds = 86401", "expected 0 to 86400"),
    "negative days": (
        "[applications]\nfrozen_after_days = -1",
        "applications.frozen_after_days: -1; expected 0 to 36500",
    ),
    "too many days": ("[applications]\nfrozen_after_days = 36501", "expected 0 to 36500"),
    "a spelling of two names": (
        "[functions]\nA = ['c']\nB = ['c']",
        "functions: 'c' is used 2 times; expected one name for it",
    ),
    "a spelling twice": ("[functions]\nA = ['c', 'c']", "functions: 'c' is used 2 times"),
    "a spelling among the traps": (
        "[clicks]\ntrap_functions = ['trap']\n[functions]\nTrap = ['trap']",
        "clicks.trap_functions: 'trap' is a spelling; expected that name, 'Trap'",
    ),
    "a null in a spelling": ('[functions]\nA = ["b\\u0000"]', "functions: 'b\\x00' holds a null"),
    "a null in a status": ('[statuses]\noffer = ["\\u0000"]', "statuses.offer: '\\x00' holds a"),
    "a null in a key": ('[clicks]\n"a\\u0000\\n" = 3', "clicks.a\\u0000\\n is unknown"),
    "a null in a trap": ('[clicks]\ntrap_functions = ["\\u0000"]', "clicks.trap_functions: "),
    # no TOML
    "no end of a text": ("[time]\nreporting = 'UTC", "is no TOML: ", "at end of document"),
    "no value": ("[time]\nreporting =\nclicks = 'UTC'", "is no TOML: ", "line 2"),
    "a key twice": ("[time]\nclicks = 'UTC'\nclicks = 'UTC'\n", "is no TOML: ", "line 3"),
    "JSON": ('{"time": {}}', "is no TOML: ", "line 1"),
    "deep": (f"a = {'[' * 5_000}", "is no TOML: "),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake(tmp_path: Path, mistake: tuple[str, ...]) -> None:
    text, *said = mistake
    file = tmp_path / "mine.toml"
    file.write_text(text)
    complaint = complaint_about(file)
    assert str(file) in complaint
    for part in said:
        assert part in complaint


def complaint_about(file: object) -> str:
    """The one line that the command prints, with exit code 2; whoever reads the file gets an error,
    too."""
    answer = clickstats("definition", "--check", str(file))
    assert (answer.code, answer.output) == (2, b"")
    [line] = answer.errors.splitlines()
    with pytest.raises(ConfigurationError):
        read(str(file))
    return line


@pytest.mark.parametrize("content", [b"\xff\xfe[\0t\0i\0m\0e\0]\0", b"\x80", b"\0" * 100])
def test_a_file_that_is_no_text(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "definition.toml"
    file.write_bytes(content)
    assert "TOML" in complaint_about(file)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing.toml", "No such file"), ("", "Is a directory"), ("a" * 300, "name too long")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, reason: str) -> None:
    complaint = complaint_about(tmp_path / name)
    assert f"cannot read the definition {tmp_path / name}: " in complaint
    assert reason in complaint
    assert complaint.endswith("expected a TOML file, such as `clickstats definition` prints")


def test_no_name_is_a_mistake() -> None:
    """`--check "$FILE"`, where there is no such variable."""
    assert "cannot read the definition" in complaint_about("")


def test_check_prints_what_it_has_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[clicks]\nsweep_links = 4\n")
    answer = clickstats("definition", "--check", str(file))
    assert (answer.code, answer.errors) == (0, "")
    assert read_back(answer.text, tmp_path) == Definition(clicks=Clicks(sweep_links=4))


def test_a_zone_beside_the_file_is_checked_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("")
    answer = clickstats("definition", "--check", str(file), CLICKSTATS_TIMEZONE="Mars/Olympus")
    assert (answer.code, answer.output) == (2, b"")
    assert "unknown time zone 'Mars/Olympus'" in answer.errors


def test_an_empty_file_is_the_built_in_definition(tmp_path: Path) -> None:
    for text in ("", "# nothing\n", "[time]\n[clicks]\n[functions]\n[applications]\n"):
        file = tmp_path / "mine.toml"
        file.write_text(text)
        found = in_force(str(file), None, Definition(time=Time("Asia/Tokyo")))
        assert found.definition == Definition()


# --- printed and read back -----------------------------------------------------------------------

hostile = st.sampled_from(HOSTILE) | st.text(storable, max_size=20)
networks = st.lists(
    st.sampled_from(["192.0.2.0/24", "192.0.2.1", "2001:DB8::/32", "::/0", "::ffff:1.2.3.0/120"])
)


@st.composite
def any_definition(draw: st.DrawFn) -> Definition:
    traps = draw(st.lists(hostile, max_size=3))
    others = draw(st.lists(hostile.filter(lambda name: name not in traps), unique=True, max_size=6))
    names = draw(st.lists(hostile, min_size=1, max_size=3, unique=True))
    spellings: dict[str, tuple[str, ...]] = {}
    for other in others:
        name = draw(st.sampled_from(names))
        spellings[name] = (*spellings.get(name, ()), other)
    return Definition(
        Time(draw(timezones), draw(timezones), draw(timezones)),
        Clicks(
            draw(st.sampled_from(["all", "human"])),
            tuple(draw(networks)),
            tuple(draw(networks)),
            tuple(traps),
            draw(st.just(0) | st.integers(2, 100)),
            draw(st.integers(0, 86_400)),
            draw(st.integers(0, 86_400)),
        ),
        spellings,
        Applications(draw(st.integers(0, 36_500))),
        Statuses(*(tuple(draw(st.lists(hostile, max_size=3))) for _ in range(4))),
    )


@settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(definition=any_definition(), source=hostile)
def test_what_is_printed_is_read_back(tmp_path: Path, definition: Definition, source: str) -> None:
    """Whatever a function is called, and the file that it comes from."""
    printed = toml(InForce(definition, dict.fromkeys(COMMENTS, source)))
    assert read_back(printed, tmp_path) == definition
    assert all(line.isprintable() for line in printed.split("\n"))


@settings(max_examples=examples(50), deadline=None)
@given(definition=any_definition())
def test_what_the_ledger_keeps_is_read_back(definition: Definition) -> None:
    kept = msgspec.json.decode(msgspec.json.encode(document(definition, HERE)))
    assert from_document(kept) == (definition, HERE)


@settings(max_examples=examples(50), deadline=None)
@given(before=any_definition(), now=any_definition())
def test_what_differs_is_one_line_each(before: Definition, now: Definition) -> None:
    changes = differences(document(before, HERE), document(now, HERE))
    assert len(changes) == sum(values(before)[key] != values(now)[key] for key in COMMENTS)
    for change in changes:
        assert not {"\n", "\r", "\x7f"} & set(change)


def read_back(text: str, folder: Path) -> Definition:
    file = folder / "printed.toml"
    file.write_text(text, encoding="utf-8")
    return read(str(file))[0]


# --- fingerprint ---------------------------------------------------------------------------------

HERE = Circumstances("rules", "patterns", ("user_agent",))
MINE: dict[str, Any] = {
    "time": {"reporting": "Europe/Berlin", "clicks": "UTC"},
    "functions": {"A": ["a", "b"], "B": ["c"]},
}
OTHERS: dict[str, dict[str, Any]] = {
    "time.reporting": {"time": {"reporting": "Europe/Paris"}},
    "time.clicks": {"time": {"clicks": "Europe/Paris"}},
    "time.applications": {"time": {"applications": "Europe/Paris"}},
    "clicks.count": {"clicks": {"count": "human"}},
    "clicks.machine_networks": {"clicks": {"machine_networks": ["::/0"]}},
    "clicks.own_networks": {"clicks": {"own_networks": ["::/0"]}},
    "clicks.trap_functions": {"clicks": {"trap_functions": ["T"]}},
    "clicks.sweep_links": {"clicks": {"sweep_links": 0}},
    "clicks.sweep_seconds": {"clicks": {"sweep_seconds": 11}},
    "clicks.repeat_seconds": {"clicks": {"repeat_seconds": 0}},
    "functions": {"functions": {"A": ["a"]}},
    "applications.frozen_after_days": {"applications": {"frozen_after_days": 1}},
    "statuses.closed": {"statuses": {"closed": []}},
    "statuses.response": {"statuses": {"response": ["call"]}},
    "statuses.interview": {"statuses": {"interview": ["talk"]}},
    "statuses.offer": {"statuses": {"offer": ["yes"]}},
    "rules": {"circumstances": {"rules": "others"}},
    "patterns": {"circumstances": {"patterns": "others"}},
    "columns": {"circumstances": {"columns": []}},
}


def test_everything_of_a_definition_is_here() -> None:
    assert OTHERS.keys() == COMMENTS.keys() | set(Circumstances.__struct_fields__)


@pytest.mark.parametrize("key", OTHERS)
def test_the_fingerprint_changes_with(key: str) -> None:
    plain = document(Definition(), HERE)
    other = {
        section: {**content, **OTHERS[key].get(section, {})} for section, content in plain.items()
    }
    assert fingerprint(other) != fingerprint(plain)
    [change] = differences(plain, other)
    assert change.startswith(f"{key} was ")


def test_the_fingerprint_does_not_change_with_the_order_of_keys() -> None:
    one = document(msgspec.convert(MINE, Definition), HERE)
    turned = {name: dict(reversed(content.items())) for name, content in reversed(one.items())}
    assert list(turned["functions"]) == ["B", "A"]
    assert fingerprint(turned) == fingerprint(one)
    assert differences(one, turned) == []


def test_of_a_run_from_before_definitions_nothing_but_the_zone_is_known() -> None:
    before = {"time": {"reporting": "Asia/Tokyo"}}
    assert from_document(before) == (Definition(Time("Asia/Tokyo")), None)
    assert differences(before, document(Definition(Time("Asia/Tokyo")), HERE)) == []


def test_a_definition_of_a_later_version() -> None:
    with pytest.raises(SchemaError, match="install the version that wrote it, or a newer one"):
        from_document({"clicks": {"moon_phase": 3}})


def test_precedence(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[time]\nreporting = 'Asia/Tokyo'\n")
    published = Definition(Time("America/Denver", "Asia/Tokyo"), Clicks(sweep_links=4))
    name = str(file)

    found = in_force(None, None, None)
    assert (found.definition, set(found.sources.values())) == (Definition(), {"built in"})

    found = in_force(None, None, published)
    assert (found.definition, set(found.sources.values())) == (
        published,
        {"the last published run"},
    )

    found = in_force(None, "Asia/Tokyo", published)
    assert found.definition == msgspec.structs.replace(
        published, time=Time("Asia/Tokyo", "Asia/Tokyo")
    )
    assert found.sources["time.reporting"] == "--timezone or CLICKSTATS_TIMEZONE"

    found = in_force(name, None, published)
    assert found.definition == Definition(Time("Asia/Tokyo"))
    assert found.sources["time.reporting"] == name
    assert found.sources["time.clicks"] == "built in"

    assert in_force(name, "UTC", published).definition == Definition()
