"""The report's page in a real browser."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cli.report_html import page
from pipeline.answers.overview import overview
from pipeline.run import run_all
from tests.browser import CHROMIUM, Visit, visit
from tests.databases import Database
from tests.drawings import named
from tests.oracle import Application, Click, Link, World
from tests.strategies import HOSTILE

in_a_browser = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
SCRIPT = "<script>alert(1)</script>"
NASTY = [SCRIPT, "</script><script>alert(2)</script>", "<!--", "]]>", "{{ 7 * 7 }}", "&amp;"]
CHARTS = 17


def written(database: Database, path: Path) -> Path:
    """The page of the report over this database."""
    seen = overview(database.settings(timezone="Europe/Berlin"))
    path.write_text(page(seen), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def sample_page(sampled: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(sampled, tmp_path_factory.mktemp("sample") / "report.html")


@pytest.fixture
def nasty_page(database: Database, tmp_path: Path) -> Path:
    """Link functions, and an application_status, that try to be more than text."""
    functions = dict(enumerate([*NASTY, *HOSTILE]))
    applied = datetime(2024, 3, 4, 9)
    database.load(
        World(
            jobs=frozenset(),
            applications=tuple(Application(named(str(at)), None, applied) for at in functions),
            links=tuple(Link(str(at), named(str(at)), name) for at, name in functions.items()),
            clicks=tuple(
                Click(str(at), applied + timedelta(hours=at + 1))
                for at in functions
                for _ in range(max(1, 20 - at))
            ),
        )
    )
    database.execute("update job_applications set application_status = %s", [SCRIPT])
    run_all(database.settings())
    return written(database, tmp_path / "report.html")


class Found(HTMLParser):
    """The elements of a page, and its texts outside of scripts."""

    def __init__(self, dom: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.texts: list[str] = []
        self.feed(dom)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        if self.elements[-1:] != ["script"]:
            self.texts.append(data)


def charts(visited: Visit) -> Iterator[str]:
    """The DOM of each chart."""
    _, *rest = visited.dom.split('<div class="chart')
    return (part.partition("<details>")[0] for part in rest)


@in_a_browser
def test_what_a_test_would_notice(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<script>console.error('oh'); fetch('http://localhost:9/').catch(() => 0)</script>"
    )
    visited = visit(bad)
    assert visited.console == [f'"oh", source: {bad.as_uri()} (1)']
    assert visited.requests == ["http://localhost:9/"]


@in_a_browser
@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
def test_every_chart_is_drawn_without_a_word_or_a_request(sample_page: Path, width: int) -> None:
    visited = visit(sample_page, width)
    assert visited.console == []
    assert visited.requests == []
    drawn = list(charts(visited))
    assert len(drawn) == CHARTS
    for chart in drawn:
        assert 'role="graphics-symbol"' in chart
        assert 'aria-label="' in chart
    assert f'data-drawn="{CHARTS}"' in visited.dom


@in_a_browser
def test_names_in_the_data_are_text(nasty_page: Path) -> None:
    visited = visit(nasty_page)
    assert visited.console == []
    found = Found(visited.dom)
    assert (
        found.elements.count("script") == 5
    )  # the data, what draws them, packed and unpacked, who unpacks, who sorts
    assert set(NASTY) <= set(found.texts)
    assert any(
        text.startswith("<script>") for chart in charts(visited) for text in Found(chart).texts
    )
    assert f'data-drawn="{CHARTS}"' in visited.dom


@in_a_browser
def test_an_empty_table_is_a_page_too(database: Database, tmp_path: Path) -> None:
    visited = visit(written(database, tmp_path / "report.html"))
    assert visited.console == visited.requests == []
    assert "There are no rows yet" in visited.dom


@in_a_browser
def test_rows_without_clicks_or_statuses(database: Database, tmp_path: Path) -> None:
    database.execute("alter table job_applications drop column application_status")
    database.execute("insert into job_applications (id) values (%s)", [str(named("A"))])
    run_all(database.settings())
    visited = visit(written(database, tmp_path / "report.html"))
    assert visited.console == visited.requests == []
    assert "Nothing to show yet" in visited.dom
    assert "no column application_status" in visited.dom


def test_the_page_needs_no_other_file(sample_page: Path) -> None:
    text = sample_page.read_text(encoding="utf-8")
    markup, _, _ = text.partition('<script type="application/json"')
    assert "default-src 'none'" in markup
    for word in ("src=", "url(", "@import"):
        assert word not in markup
    assert markup.count("href=") == markup.count('href="#')
    assert len(text.encode()) < 700_000


def test_behind_every_chart_is_a_table(sample_page: Path) -> None:
    text, _, _ = sample_page.read_text(encoding="utf-8").partition("<script")
    assert text.count('<div class="chart" role="img" aria-label="') == CHARTS
    assert text.count("<summary>The numbers</summary>") == CHARTS
    # both readings; for each score the rates where a rule had fired
    assert text.count("<table") == CHARTS + 3
