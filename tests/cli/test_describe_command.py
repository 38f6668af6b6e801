"""`clickstats describe` as a user sees it; it needs no database."""

from tests.commands import clickstats


def test_everything() -> None:
    answer = clickstats("describe")
    assert answer.code == 0
    for name in ("time_to_first_click", "several link types", "last_human_click", "declared"):
        assert name in answer.text


def test_a_rule_of_both_scores() -> None:
    text = clickstats("describe", "quick-response").text
    assert "less than 4 hours" in text
    assert "less than 8 hours" in text


def test_a_class_of_clicks_and_what_decides() -> None:
    text = clickstats("describe", "sweep").text
    assert "sweep_links (3) or more different links" in " ".join(text.split())
    assert "clicks.sweep_links, clicks.sweep_seconds" in text


def test_an_unknown_name_is_exit_2_with_a_suggestion() -> None:
    answer = clickstats("describe", "quick respons")
    assert (answer.code, answer.output) == (2, b"")
    assert "did you mean 'quick response'" in answer.errors


def test_the_width_of_a_terminal_is_respected() -> None:
    text = clickstats("describe", COLUMNS="80", FORCE_COLOR="1", NO_COLOR="1", TTY_COMPATIBLE="1")
    assert "…" not in text.text
