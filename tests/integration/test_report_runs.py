"""How the runs went, as the report tells it, equals an SQL query over the ledger."""

import pytest

from pipeline.answers.overview import Overview, overview
from pipeline.errors import AuditFailed
from pipeline.run import Options, run_all, run_named
from tests.databases import Database
from tests.drawings import named, world_drawn

WORLD = world_drawn(
    """
    jobs: J

    application | job | created at
    A           | J   | 2024-03-04 09:00
    B           | J   | 2024-03-04 09:00

    link | application | link function
    a    | A           | LinkedIn

    link | clicked at
    a    | 2024-03-04 12:30
    """
).world


def report(database: Database) -> Overview:
    return overview(database.settings())


def history(database: Database) -> None:
    """Runs that were published, that failed and that died, and one of another command."""
    database.load(WORLD)
    run_all(database.settings())
    database.execute("delete from link_clicks")
    with pytest.raises(AuditFailed):
        run_all(database.settings())
    run_all(database.settings(), Options(max_shrink=100))
    run_named(database.settings(), [str(named("A"))])
    for state in ("died", "running"):
        database.execute(
            "insert into clickstats_runs (id, started_at, command, options, version, rules,"
            " timezone, host, pid, outcome) values (gen_random_uuid(), clock_timestamp(),"
            " 'run --all', '{}', '', '', 'UTC', '', 1, %s)",
            [state],
        )


def test_runs(database: Database) -> None:
    history(database)
    found = report(database).runs
    assert found
    assert [row["outcome"] for row in found] == [
        "running",
        "died",
        "published",
        "failed",
        "published",
    ]
    assert [tuple(row.values()) for row in found] == database.execute(
        "select id, started_at, outcome, exit_code,"
        " case outcome when 'published' then (seconds ->> 'total')::float"
        " else extract(epoch from finished_at - started_at)::float end,"
        " applications, clicks_read, inserted + updated, error"
        " from clickstats_runs where command = 'run --all' order by started_at desc"
    )
    _, died, last, failed, first = found
    assert (died["seconds"], last["error"]) == (None, None)
    assert (failed["exit_code"], failed["written"]) == (6, 0)
    assert (first["applications"], first["clicks_read"], first["written"]) == (2, 1, 2)


EARLIER_RUNS = """
insert into clickstats_runs
    (id, started_at, finished_at, command, options, version, rules, timezone, outcome, host, pid,
        applications, clicks_read)
    select gen_random_uuid(), started_at + n * interval '1 ms', finished_at + n * interval '1 ms',
        command, options, version, rules, timezone, outcome, host, pid, applications, clicks_read
    from clickstats_runs, generate_series(1, 30) as n
"""


def test_seconds_have_all_their_digits(database: Database) -> None:
    """Whatever the role's or the database's default is."""
    history(database)
    before = report(database).runs
    database.execute(f"alter database {database.name} set extra_float_digits = -15")
    assert report(database).runs == before


def test_only_the_newest_runs(database: Database) -> None:
    run_all(database.settings())
    database.execute(EARLIER_RUNS)
    run_all(database.settings())
    counted = database.execute("select id from clickstats_runs order by started_at desc limit 30")
    assert [(row["id"],) for row in report(database).runs or []] == counted


@pytest.mark.parametrize(
    "statement",
    [
        "drop table clickstats_runs",
        "alter table clickstats_runs drop column error",
        "revoke all on clickstats_runs from {role}",
    ],
)
def test_without_a_ledger(database: Database, role: str, statement: str) -> None:
    history(database)
    database.execute(f"grant select on all tables in schema public to {role}")
    database.execute(statement.format(role=role))
    seen = report(database.seen_by(role, role))
    assert seen.runs is None
    assert seen.totals["stored"] == 2
    assert seen.prediction
