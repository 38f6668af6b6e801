"""The dictionary has an entry for every column and rule, finds them, and is what docs/ holds."""

from pathlib import Path

import pytest

from pipeline.answers import dictionary_page
from pipeline.answers.dictionary import CLICK_CLASSES, METRICS, READINGS, RULES, entries
from pipeline.definition import COMMENTS
from pipeline.errors import ConfigurationError
from pipeline.scoring.scores import SCORES
from schema.columns import CLASSES, MACHINE, OPTIONAL, STORED
from schema.tables import link_click_analytics, link_click_readings, source

DOCS = Path(__file__).parents[2] / "docs"


def test_every_column_has_an_entry() -> None:
    assert [metric.name for metric in METRICS] == list(STORED)
    columns = [column.name for column in link_click_analytics.columns]
    assert ["id", *(metric.name for metric in METRICS)] == columns
    readings = [column.name for column in link_click_readings.columns]
    assert ["application_id", *(reading.name for reading in READINGS)] == readings


def test_every_class_has_an_entry() -> None:
    assert [each.name for each in CLICK_CLASSES] == CLASSES.categories.to_list()
    machine = [each.name for each in CLICK_CLASSES if each.counts_in == "machine_clicks"]
    assert machine == list(MACHINE)
    assert {key for each in CLICK_CLASSES for key in each.settings} <= set(COMMENTS)


def test_sources_exist() -> None:
    columns = {str(column) for table in source.sorted_tables for column in table.columns}
    columns |= {f"link_clicks.{name}" for name in OPTIONAL}
    assert {name for each in (*METRICS, *READINGS) for name in each.sources} <= columns


def test_every_rule_has_an_entry_and_is_decided_by_metrics() -> None:
    assert [(rule.score, rule.rule) for rule in RULES] == [
        (score, rule.name) for score, rules in SCORES.items() for rule in rules
    ]
    assert {name for rule in RULES for name in rule.metrics} <= set(STORED)


@pytest.mark.parametrize(
    ("score", "rule", "condition", "points"),
    [
        ("engagement_score", "any engagement", "at least one click", "10"),
        ("engagement_score", "repeat clicks", "beyond the first", "5 each, at most 15"),
        ("engagement_score", "quick response", "less than 4 hours after", "30"),
        ("engagement_score", "several link types", "beyond the first", "10 each"),
        ("intent_score", "quick response", "less than 8 hours after", "30"),
        ("intent_score", "moderate velocity", "more than 1 click a day", "15"),
    ],
)
def test_rules_in_words(score: str, rule: str, condition: str, points: str) -> None:
    [found] = [each for each in RULES if (each.score, each.rule) == (score, rule)]
    assert condition in found.condition
    assert found.in_words() == points


@pytest.mark.parametrize("name", ["peak_click_hour", "Peak-Click Hour", " PEAK_CLICK_HOUR"])
def test_a_metric_is_found(name: str) -> None:
    found = entries(name)
    assert [metric.name for metric in found.metrics] == ["peak_click_hour"]
    assert [*found.rules, *found.readings, *found.classes] == []


def test_a_rule_is_found_in_both_scores() -> None:
    found = entries("Quick_Response")
    assert not found.metrics
    assert [rule.score for rule in found.rules] == ["engagement_score", "intent_score"]


def test_a_score_comes_with_its_rules() -> None:
    found = entries("intent_score")
    assert [metric.name for metric in found.metrics] == ["intent_score"]
    assert [rule.rule for rule in found.rules] == [rule.name for rule in SCORES["intent_score"]]


def test_a_class_and_a_reading_are_found() -> None:
    assert [each.name for each in entries("Sweep").classes] == ["sweep"]
    assert [each.name for each in entries("intent score human").readings] == ["intent_score_human"]


def test_a_column_of_both_tables_is_found_once() -> None:
    found = entries("calculated_at")
    assert (len(found.metrics), len(found.readings)) == (1, 0)


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'peak_click_hour'"):
        entries("peak_clck_hour")
    with pytest.raises(ConfigurationError, match="'xyzzy'; `clickstats describe`"):
        entries("xyzzy")


def test_docs_metrics_is_written_from_the_dictionary() -> None:
    found = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert found == dictionary_page.markdown(), "run `make docs`"
