"""Functions and operators in the tables' own schema that a statement would take for built-in ones:
they would say what the rows are, with the rights of the job's role."""

import re
from collections.abc import Callable

import pytest

from pipeline.answers.explain import explain_named
from pipeline.answers.verify import verify
from pipeline.dry_run import dry_run
from pipeline.errors import SchemaError
from pipeline.migrate import problems
from pipeline.run import run_all, run_named
from pipeline.settings import Settings
from schema.sql import FUNCTIONS
from tests.commands import ROOT
from tests.databases import Database
from tests.engines import reference, stored
from tests.faults.conftest import SOURCE

SHADOWS = {
    "public.cardinality(uuid[])": "create function cardinality(uuid[]) returns integer"
    " language sql as 'select 1'",
    "public.*(bigint,interval)": "create function times(bigint, interval) returns interval"
    " language sql as $$select interval '1 day'$$; create operator public.*"
    " (leftarg = bigint, rightarg = interval, function = public.times)",
    "public.uuid_hash_extended(public.key,bigint)": "create domain key as uuid;"
    " create function uuid_hash_extended(key, bigint) returns bigint language sql as 'select 7'",
    "public.=(character varying,character varying)": "create function same(varchar, varchar)"
    " returns boolean language sql as 'select true'; create operator public.="
    " (leftarg = varchar, rightarg = varchar, function = public.same)",
}
ONE = "c4ca4238-a0b9-2382-0dcc-509a6f75849b"
COMMANDS: dict[str, Callable[[Settings], object]] = {
    "run --all": run_all,
    "run --app-id": lambda settings: run_named(settings, [ONE]),
    "dry run": dry_run,
    "verify": verify,
    "explain": lambda settings: explain_named(settings, [ONE]),
}


@pytest.mark.parametrize(("name", "made"), SHADOWS.items(), ids=SHADOWS)
def test_what_would_be_taken_for_a_built_in_one(database: Database, name: str, made: str) -> None:
    database.execute(SOURCE)
    run_all(database.settings())
    before = stored(database)
    assert before == reference(database) != {}
    database.execute(made)
    said = [one for one in problems(database.settings()) if "built-in" in one]
    assert len(said) == 1
    assert name in said[0]
    for command in COMMANDS.values():
        with pytest.raises(SchemaError) as refused:
            command(database.settings())
        assert said[0] in str(refused.value)
    assert stored(database) == before


@pytest.mark.parametrize(
    "made",
    [
        "create extension citext; create extension intarray",
        "create function justify_hours(interval) returns interval language sql as 'select $1'",
        "create function engagement(uuid[]) returns integer language sql as 'select 1'",
    ],
    ids=["extensions", "the very signature of a built-in one", "another name"],
)
def test_what_would_not(database: Database, made: str) -> None:
    database.execute(SOURCE + made)
    assert not problems(database.settings())
    run_all(database.settings())
    assert stored(database) == reference(database) != {}


def test_every_function_that_a_statement_calls_is_looked_for(database: Database) -> None:
    built_in = {name for (name,) in database.execute("select distinct proname from pg_proc")}
    for file in (ROOT / "schema" / "sql").glob("*.sql"):
        text = re.sub(r"--.*", "", file.read_text(encoding="utf-8").lower())
        called = set(re.findall(r"(\w+) ?\(", text)) & built_in
        assert called <= set(FUNCTIONS), file.name
