"""The tables of rules and columns in the documents are those of the code."""

from typing import Any

import pytest
from sqlalchemy import Column, Table

from pipeline.answers.dictionary import RULES
from pipeline.scoring.scores import SCORES
from schema import tables
from schema.migrations import VERSION_TABLE
from schema.shape import DIALECT, expected_indexes
from tests.databases import Database
from tests.docs.pages import DOCS, ROOT, first_table, section

SCORING, SCHEMA = DOCS / "scoring.md", DOCS / "schema.md"


@pytest.mark.parametrize("score", SCORES)
def test_the_rules_are_those_of_the_code(score: str) -> None:
    documented = first_table(section(SCORING, f"## {score}"))
    assert documented == [
        [rule.rule, rule.condition, rule.in_words()] for rule in RULES if rule.score == score
    ]


def type_of(column: Column[Any]) -> str:
    name = column.type.compile(dialect=DIALECT).lower()
    return f"`{name.replace(' without time zone', '')}`"


def default_of(column: Column[Any]) -> str:
    text = str(getattr(column.server_default, "arg", "")).split("::")[0]
    return f"`{text}`" if text else ""


@pytest.mark.parametrize("table", tables.source.sorted_tables, ids=lambda table: table.name)
def test_the_source_tables_are_those_of_the_code(table: Table) -> None:
    documented = [row[:2] for row in first_table(section(SCHEMA, f"### {table.name}"))]
    assert documented == [[f"`{column.name}`", type_of(column)] for column in table.columns]


@pytest.mark.parametrize("table", tables.ours.sorted_tables, ids=lambda table: table.name)
def test_our_tables_are_those_of_the_code(table: Table) -> None:
    documented = [row[:3] for row in first_table(section(SCHEMA, f"### {table.name}"))]
    assert documented == [
        [f"`{column.name}`", type_of(column), default_of(column)] for column in table.columns
    ]
    for index in expected_indexes(table):
        assert f"`{index}`" in section(SCHEMA, f"### {table.name}")


def test_the_version_table_and_the_migrations_are_those_of_the_code(database: Database) -> None:
    documented = [row[:2] for row in first_table(section(SCHEMA, f"### {VERSION_TABLE}"))]
    found = database.execute(
        "select format('`%%s`', column_name), format('`varchar(%%s)`', character_maximum_length)"
        " from information_schema.columns where table_name = %s",
        (VERSION_TABLE,),
    )
    assert documented == [list(row) for row in found]
    files = {row[1].strip("`") for row in first_table(section(SCHEMA, "## Migrations"))}
    assert files == {file.name for file in (ROOT / "schema/migrations/versions").glob("*.sql")}
