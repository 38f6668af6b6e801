"""The report's page as people have it: whom to follow up, what changed, how fresh; on a phone, by
keyboard, on paper."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.report_html import report_page
from pipeline.answers.changes import changes
from pipeline.answers.followups import followups
from pipeline.answers.overview import SINCE, WITHIN, overview
from pipeline.run import run_all
from tests.browser import CHROMIUM
from tests.databases import Database
from tests.driver import CHROMEDRIVER, Window, window

in_a_window = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER), reason="Chromium or ChromeDriver is not installed"
)
TAB, ENTER = "\ue004", "\ue007"
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
WORLD = """
create table companies (id integer primary key, name text);
insert into companies values (1, 'Acme'), (2, '<script>alert(1)</script>'), (3, %(long)s);
alter table jobs add column job_title text, add column company_id integer;
insert into jobs (id, job_title, company_id)
select md5('job' || number)::uuid, 'Engineer ' || number, number
from generate_series(1, 3) as number;
insert into job_applications (id, job_id, created_at, application_status)
select md5(number::text)::uuid, md5('job' || 1 + number %% 3)::uuid,
    clock_timestamp() at time zone 'UTC' - '10 days'::interval, 'applied'
from generate_series(1, 12) as number;
insert into link_tracking (tracking_id, application_id, link_function)
select number::text, md5(number::text)::uuid, case number when 12 then %(long)s else 'Resume' end
from generate_series(1, 12) as number;
insert into link_clicks (tracking_id, clicked_at)
select number::text, clock_timestamp() at time zone 'UTC' - number * '1 day'::interval
from generate_series(1, 9) as number;
"""
CLICK = """
insert into link_clicks (tracking_id, clicked_at)
values (%s, clock_timestamp() at time zone 'UTC' - %s::interval)
"""
IN_ORDER = """
return [...document.querySelectorAll("section")].map((each) => each.id)
"""
SORTED = """
const heading = document.activeElement.closest("th");
const column = heading.cellIndex;
const rows = [...heading.closest("table").tBodies[0].rows];
return [heading.getAttribute("aria-sort"), rows.map((row) => row.cells[column].textContent)];
"""
CARDS = """
return [...document.querySelectorAll("#whom-to-follow-up tbody tr")].map((card) => {
  const box = card.getBoundingClientRect();
  return [getComputedStyle(card).display, box.left >= 0, box.right <= innerWidth];
});
"""
WIDEST = "return document.scrollingElement.scrollWidth"


@pytest.fixture
def clicked(database: Database) -> Database:
    """Twelve applications; two have changed since the first run, one has news since the second."""
    database.execute(WORLD, {"long": LONG[:50]})
    run_all(database.settings())
    for link in ("3", "12"):
        database.execute(CLICK, (link, "1 hour"))
    run_all(database.settings())
    database.execute(CLICK, ("4", "0"))
    return database


@pytest.fixture
def page(clicked: Database, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(report_page(clicked.settings()), encoding="utf-8")
    return path


@pytest.fixture
def phone(page: Path) -> Iterator[Window]:
    with window(page, 390) as opened:
        yield opened


@pytest.fixture
def desktop(page: Path) -> Iterator[Window]:
    with window(page, 1280) as opened:
        yield opened


def test_it_says_what_the_commands_say(clicked: Database) -> None:
    seen = overview(clicked.settings())
    alone = followups(clicked.settings(), WITHIN, 30)
    assert seen.followups.followups == alone.followups
    assert (seen.followups.count, len(alone.followups)) == (10, 10)
    assert seen.changes.changes == changes(clicked.settings(), SINCE, 30).changes
    assert seen.changes.count == 2
    assert seen.outdated == 1


def test_nobody_and_nothing_say_why(database: Database) -> None:
    page = report_page(database.settings())
    assert "Nobody: no open application has a human click within 14d." in page
    assert "Nothing is computed yet: clickstats run --all." in page
    assert "No score has changed within 24h" in page


@in_a_window
def test_the_order_of_the_sections(desktop: Window) -> None:
    names = desktop.ask(IN_ORDER)
    assert names == [
        "whom-to-follow-up",
        "what-changed",
        "how-fresh-it-all-is",
        "how-the-scores-are-spread",
        "what-the-scores-are-made-of",
        "when-the-clicks-come",
        "what-is-clicked",
        "do-the-scores-predict",
        "machine-clicks-over-time",
        "how-the-runs-went",
    ]
    links = "return [...document.querySelectorAll('nav a')].map((each) => each.hash.slice(1))"
    assert desktop.ask(links) == names
    fresh = desktop.ask("return document.getElementById('how-fresh-it-all-is').innerText")
    assert "1 application has a click dated after it." in fresh


@in_a_window
def test_on_a_phone_nothing_is_wider_than_the_screen(phone: Window) -> None:
    assert phone.ask(WIDEST) <= 390
    assert phone.ask(CARDS) == [["grid", True, True]] * 10
    phone.ask("for (const each of document.querySelectorAll('details')) each.open = true")
    assert phone.ask(WIDEST) <= 390


@in_a_window
def test_tables_are_sorted_by_keyboard(desktop: Window) -> None:
    desktop.ask("document.querySelector('#whom-to-follow-up th button').focus()")
    desktop.press(ENTER)
    order, names = desktop.ask(SORTED)
    assert (order, names) == ("ascending", sorted(names))
    desktop.press(ENTER)
    assert desktop.ask(SORTED) == ["descending", names[::-1]]
    desktop.press(TAB, TAB, TAB, ENTER)  # over status and reason to the last click
    order, times = desktop.ask(SORTED)
    assert (order, times[0]) == ("ascending", "9 d ago on Resume")
    assert times[-1].startswith("1 h ago on Donau")
    desktop.press(TAB, TAB, ENTER)  # over the id to a number: the highest first
    order, scores = desktop.ask(SORTED)
    points = [int(score.split()[0]) for score in scores]
    assert (order, points) == ("descending", sorted(points, reverse=True))
    marked = "return document.querySelectorAll('#whom-to-follow-up th[aria-sort]').length"
    assert desktop.ask(marked) == 1


@in_a_window
def test_on_paper_the_contents_and_what_can_only_be_clicked_are_gone(
    page: Path, desktop: Window
) -> None:
    desktop.post("goog/cdp/execute", cmd="Emulation.setEmulatedMedia", params={"media": "print"})
    for gone in ("nav", "summary"):
        shown = f"return getComputedStyle(document.querySelector('{gone}')).display"
        assert desktop.ask(shown) == "none"
    tall = "return Math.max(...[...document.querySelectorAll('figure:not(:has(.people))')].map("
    assert desktop.ask(f"{tall}(each) => each.offsetHeight))") < 400  # a page has about 1,000


def test_names_are_text(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; · Engineer 2" in text
