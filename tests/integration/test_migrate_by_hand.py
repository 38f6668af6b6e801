"""`migrate` over a table made by hand: adopted, or what differs is listed and nothing changed."""

import pytest

from pipeline.errors import SchemaError
from pipeline.migrate import migrate, problems
from pipeline.run import run_all
from tests.commands import clickstats
from tests.databases import Database
from tests.drawings import world_drawn
from tests.engines import reference, stored
from tests.integration.test_migrate import catalog, ours


def test_a_table_made_by_hand_is_adopted_with_its_rows(
    by_hand: Database, database: Database
) -> None:
    by_hand.load(
        world_drawn(
            """
            jobs: J

            application | job | created at
            A           | J   | 2024-03-04 09:00

            link | application | link function
            a    | A           | LinkedIn

            link | clicked at
            a    | 2024-03-04 10:00
            """
        ).world
    )
    by_hand.execute(
        "insert into link_click_analytics (application_id, total_click_events)"
        " select id, 99 from job_applications"
    )
    kept = by_hand.execute("select id, created_at from link_click_analytics")
    migrate(by_hand.settings())
    assert catalog(by_hand) == catalog(database)
    run_all(by_hand.settings())
    assert by_hand.execute("select id, created_at from link_click_analytics") == kept
    assert stored(by_hand) == reference(by_hand)


def test_missing_indexes_and_the_comment_are_added(by_hand: Database, database: Database) -> None:
    by_hand.execute(
        """
        drop index idx_analytics_application, idx_analytics_job, idx_analytics_engagement_score,
            idx_analytics_intent_score, idx_analytics_calculated_at,
            idx_analytics_unique_application;
        comment on table link_click_analytics is null
        """
    )
    assert sum("index" in problem for problem in problems(by_hand.settings())) == 6
    migrate(by_hand.settings())
    assert catalog(by_hand) == catalog(database)


def test_an_index_that_was_dropped_later_is_added_again(
    database: Database, by_hand: Database
) -> None:
    database.execute("drop index idx_analytics_job")
    [problem] = problems(database.settings())
    assert "run `clickstats migrate`" in problem
    migrate(database.settings())
    assert problems(database.settings()) == []
    assert catalog(database) == catalog(by_hand)


def test_a_further_index_is_no_difference(by_hand: Database) -> None:
    by_hand.execute("create index mine on link_click_analytics (job_id, intent_score)")
    migrate(by_hand.settings())
    assert problems(by_hand.settings()) == []


DIFFERENCES = {
    "a column's type": ("alter column total_click_events type bigint", "total_click_events"),
    "a column's precision": ("alter column engagement_velocity type numeric(10, 2)", "velocity"),
    "a time zone": ("alter column calculated_at type timestamptz", "calculated_at"),
    "an array's type": ("alter column click_sequence type varchar(50)[]", "click_sequence"),
    "a missing default": ("alter column intent_score drop default", "intent_score"),
    "another default": ("alter column total_click_events set default 1", "total_click_events"),
    "no default id": ("alter column id drop default", "gen_random_uuid"),
    "a further not null": ("alter column job_id set not null", "job_id"),
    "a missing column": ("drop column peak_click_hour", "peak_click_hour"),
    "a further column": ("add column mine text", "mine"),
    "a missing check": ("drop constraint valid_peak_hour", "valid_peak_hour"),
    "another check": (
        "drop constraint valid_intent_score,"
        " add constraint valid_intent_score check (intent_score between 0 and 10)",
        "valid_intent_score",
    ),
    "a further check": ("add check (total_click_events < 100)", "total_click_events < 100"),
    "a missing foreign key": (
        "drop constraint link_click_analytics_application_id_fkey",
        "application_id",
    ),
    "another foreign key": (
        "drop constraint link_click_analytics_job_id_fkey,"
        " add foreign key (job_id) references jobs (id) on delete cascade",
        "cascade",
    ),
    "a missing primary key": ("drop constraint link_click_analytics_pkey", "primary key"),
}
INDEX_DIFFERENCES = {
    "an index of another column": ("idx_analytics_job", "(id)"),
    "an index in another direction": ("idx_analytics_intent_score", "(intent_score)"),
    "an index of a part": ("idx_analytics_job", "(job_id) where job_id is not null"),
    "an index that is not unique": ("idx_analytics_unique_application", "(application_id)"),
}


@pytest.mark.parametrize(("change", "found"), DIFFERENCES.values(), ids=DIFFERENCES.keys())
def test_what_differs_is_listed_and_nothing_is_changed(
    by_hand: Database, change: str, found: str
) -> None:
    by_hand.execute(f"alter table link_click_analytics {change}")
    refuses(by_hand, found)


@pytest.mark.parametrize(
    ("index", "definition"), INDEX_DIFFERENCES.values(), ids=INDEX_DIFFERENCES.keys()
)
def test_an_index_that_differs_is_listed_and_nothing_is_changed(
    by_hand: Database, index: str, definition: str
) -> None:
    by_hand.execute(
        f"drop index {index}; create index {index} on link_click_analytics {definition}"
    )
    refuses(by_hand, index)


def test_a_further_unique_index_is_listed_and_nothing_is_changed(by_hand: Database) -> None:
    """With it, two applications for the same job would make the run fail."""
    by_hand.execute("create unique index mine on link_click_analytics (job_id)")
    refuses(by_hand, "mine")


def refuses(database: Database, found: str) -> None:
    before = catalog(database)
    with pytest.raises(SchemaError, match="link_click_analytics") as error:
        migrate(database.settings())
    assert found.lower() in str(error.value).lower()
    assert "\n" not in str(error.value)
    assert catalog(database) == before
    assert ours(database) == ["link_click_analytics"]
    assert any(found.lower() in problem.lower() for problem in problems(database.settings()))


def test_all_differences_are_listed(by_hand: Database) -> None:
    by_hand.execute(
        "alter table link_click_analytics drop column peak_click_hour, add column mine text,"
        " alter column intent_score drop default"
    )
    answer = clickstats("migrate", database=by_hand)
    assert (answer.code, answer.text) == (5, "")
    assert answer.errors.count("\n") == 1
    for found in ("peak_click_hour", "mine", "intent_score"):
        assert found in answer.errors


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("update clickstats_migrations set version_num = '9999'", "revision 9999"),
        ("insert into clickstats_migrations values ('9999')", "has 2 rows"),
        ("delete from clickstats_migrations", '"clickstats_runs" already exists'),
    ],
)
def test_revisions_that_nobody_knows(database: Database, damage: str, found: str) -> None:
    """A newer version of clickstats may have left them, for instance."""
    database.execute(damage)
    with pytest.raises(SchemaError, match=found):
        migrate(database.settings())
    assert any("revision" in one or found in one for one in problems(database.settings()))
