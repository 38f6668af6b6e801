"""How the figures of a report are put into words, on the terminal and on the page alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, cast

from cli.output import printable, text_of

if TYPE_CHECKING:
    from pipeline.answers.followups import Followup, Followups
    from pipeline.answers.overview import Overview
    from pipeline.answers.report_rows import (
        ClickSequence,
        MonthOfClicks,
        Response,
        ResponseTime,
        RunOfLedger,
        Totals,
    )
    from pipeline.answers.score_change import ScoreChange

Asked = Literal["open", "status", "every"]  # which applications were asked for
WITHIN, SINCE = "14d", "24h"  # how far a report looks back for whom to follow up, for changes
LONGEST_NAME = 60  # characters of a company's name, or of a job's title
READING_NAMES = {"all": "all clicks", "human": "human clicks"}
MACHINE, ASIDE = ("trap", "declared", "network", "sweep"), ("own", "repeat")
ALIKE = (
    "Link functions that differ only in case or white space count as different ones. To make them "
    "one, write into the definition (clickstats definition):"
)
NO_STATUS = (
    "Cannot be said: job_applications has no column application_status, or this role may not "
    "read it."
)
NO_LEDGER = "Cannot be said: there is no ledger (clickstats_runs), or this role may not read it."
FOREIGN = "values that no run writes; clickstats run --all replaces them"
OTHER_DEFINITION = "By the definition of the last published run, as it stored them."
NO_RUNS = "The ledger has no clickstats run --all yet."


def counted(number: int, noun: str) -> str:
    """2,000 rows; 1 row."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def ago(span: timedelta) -> str:
    """2 h ago; 3 d ago; in 5 min."""
    seconds = abs(span) // timedelta(seconds=1)
    if seconds < 3_600:
        passed = f"{seconds // 60} min"
    elif seconds < 48 * 3_600:
        passed = f"{seconds // 3_600} h"
    else:
        passed = f"{seconds // 86_400} d"
    return f"{passed} ago" if span > -timedelta(minutes=1) else f"in {passed}"


def known_by(one: Followup | ScoreChange) -> str:
    """Acme · Engineer: company and job, as far as they are known."""
    names = [name for name in (one["company"], one["job_title"]) if name]
    return " · ".join(printable(cut(name)) for name in names) or "–"


def cut(text: str) -> str:
    """A long text's beginning."""
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def moved(score: int, change: int) -> str:
    """70 (+30): a score, and how it has changed."""
    return f"{score} ({change:+})" if change else f"{score}"


def why(one: ScoreChange) -> str:
    """Which rules began to fire, and which ceased."""
    said = [f"+ {', '.join(one['began'])}"] * bool(one["began"])
    said += [f"- {', '.join(one['ceased'])}"] * bool(one["ceased"])
    return "; ".join(said) or "the same rules, other points"


def nobody(found: Followups, within: str, asked_for: Asked = "open") -> Iterator[str]:
    """Why there is nobody to follow up, of the open applications or of others that were asked
    for."""
    what = {"open": "open application", "status": "application of this status"}
    yield f"Nobody: no {what.get(asked_for, 'application')} has a human click within {within}."
    if found.newest_human_click:
        passed = ago(found.now - found.newest_human_click)
        yield f"The newest human click was {passed} ({minute(found.newest_human_click)})."
        others = ", closed applications with --all-statuses" * (asked_for == "open")
        yield f"See further back with --within{others}."
    elif found.published:
        yield "No application has a human click at all."
    else:
        yield "Nothing is computed yet: clickstats run --all."
    closed = sum(each["applications"] for each in found.statuses if each["meaning"] == "closed")
    if asked_for == "status":
        yield "--show-statuses says which statuses there are."
    elif closed and asked_for == "open":
        yield f"{counted(closed, 'application')} closed; --show-statuses says by which status."


def no_change(since: str) -> str:
    """That no score has moved."""
    return f"No score has changed within {since}; look further back with --since."


def not_shown(missing: Sequence[str]) -> str:
    """Which names there are none of."""
    return f"Not shown, since missing or not readable: {'; '.join(missing)}."


def texts(row: Mapping[str, object], *columns: str) -> Iterator[str]:
    """Some columns of a row for people."""
    return (text_of(row[column]) for column in columns)


def band(lowest: int) -> str:
    """What a band of scores is called: 0–9 … 90–100."""
    return f"{lowest}–{100 if lowest == 90 else lowest + 9}"


def percent(part: float | None) -> str:
    """23.7%."""
    return "–" if part is None else f"{part:.1%}"


def share(part: float, whole: float) -> str:
    """A part as a percentage of the whole; a dash of nothing."""
    return percent(part / whole if whole else None)


def brief(span: timedelta | None) -> str:
    """A span in its two largest units: 3 h 12 min."""
    if span is None:
        return "–"
    seconds = round(span.total_seconds())
    units = (
        (seconds // 86_400, "d"),
        (seconds // 3_600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    )
    largest = next((at for at, (number, _) in enumerate(units) if number), len(units) - 1)
    return (
        " ".join(f"{number} {unit}" for number, unit in units[largest : largest + 2] if number)
        or "0 s"
    )


def points(average: float | None) -> str:
    """An average of scores: 52.1; 70."""
    return "–" if average is None else f"{round(average, 1):g}"


def minute(instant: datetime | None) -> str:
    """2024-03-04 12:30 UTC."""
    return "never" if instant is None else f"{instant:%Y-%m-%d %H:%M} UTC"


def ended(run: RunOfLedger) -> str:
    """The state of a run: published; running; died; failed, exit 6."""
    failed = run["outcome"] == "failed"
    return f"failed, exit {run['exit_code']}" if failed else printable(run["outcome"])


def run_figures(run: RunOfLedger) -> tuple[str, ...]:
    """How long a run took, and how many applications, clicks and written rows it had."""
    return (
        "–" if run["seconds"] is None else f"{run['seconds']:,.1f}",
        *texts(run, "applications", "clicks_read", "written"),
    )


def freshness(totals: Totals) -> str:
    """How old the rows are, and which are missing."""
    if not totals["stored"] and not totals["rows_left_out"]:
        return "There are no rows yet: clickstats run --all computes them."
    oldest, newest = minute(totals["oldest_calculated_at"]), minute(totals["newest_calculated_at"])
    parts = [
        f"Rows calculated {oldest}{f' to {newest}' if newest != oldest else ''}; values last "
        f"changed {minute(totals['newest_updated_at'])}."
    ]
    if totals["missing"]:
        parts.append(
            f"Without a row yet: {counted(totals['missing'], 'application')}; clickstats run --all "
            "computes them."
        )
    if totals["without_readings"]:
        parts.append(
            f"From before clicks had classes: {counted(totals['without_readings'], 'row')}, whose "
            "clicks all pass for human; clickstats run --all classifies them."
        )
    if totals["rows_without_application"]:
        left_out = counted(totals["rows_without_application"], "row")
        parts.append(f"Left out: {left_out} without an application.")
    if totals["rows_left_out"]:
        parts.append(f"Left out: {counted(totals['rows_left_out'], 'row')} with {FOREIGN}.")
    return " ".join(parts)


def definition_in_force(seen: Overview) -> str:
    """Which definition is in force, and since when."""
    found = seen.definition
    counts = f"{READING_NAMES[found['count']]} count"
    published_at = found["published_at"]
    if not published_at:
        return f"Definition {found['fingerprint']}: {counts}. No run --all was published yet."
    changes = "; ".join(map(printable, found["changes"]))
    if found["is_other"]:
        parts = [
            f"Another definition ({found['fingerprint']}: {counts}) than that of the last "
            f"published run; shown is what a run with it would give. What differs: {changes}."
        ]
    else:
        parts = [f"Definition {found['fingerprint']} of the last published run: {counts}."]
        if changes:
            parts.append(f"But since then: {changes}.")
    return " ".join(parts)


def how_fresh(seen: Overview) -> Iterator[tuple[str, str]]:
    """How old the numbers are, and what they do not know yet; the first part of each sentence is
    emphasized."""
    published_at = seen.definition["published_at"]
    if published_at:
        passed = ago(seen.taken_at - published_at)
        yield f"Last published {passed},", f"snapshot {minute(published_at)}."
        if seen.outdated:
            news = f"{having(seen.outdated)} a click dated after it."
            yield (
                news,
                "Scores computed since know it, the others after the next clickstats run --all.",
            )
        else:
            yield "", "No application has a click dated after it."
    newest = seen.runs[0] if seen.runs else None
    if newest and newest["outcome"] in {"failed", "died"}:
        yield f"The newest run --all {ended(newest)}", f"({minute(newest['started_at'])})."
    yield "", freshness(seen.totals)
    yield "", definition_in_force(seen)


def having(applications: int) -> str:
    """1 application has; 2 applications have."""
    return f"{counted(applications, 'application')} {'has' if applications == 1 else 'have'}"


def by_class(months: Sequence[MonthOfClicks]) -> str:
    """How many clicks are of each class, in all months."""
    counts: Counter[str] = Counter()
    for row in months:
        counts.update({name: row[name] for name in (*MACHINE, *ASIDE, "human")})  # type: ignore[literal-required]
    machine = sum(counts[name] for name in MACHINE)
    named = ", ".join(f"{name} {counts[name]:,}" for name in MACHINE)
    total = counts.total()
    return (
        f"Of {counted(total, 'used click')} of the source {machine:,} "
        f"{'is a machine click' if machine == 1 else 'are machine clicks'} "
        f"({share(machine, total)}: {named}), {counts['own']:,} the applicant's own and "
        f"{counted(counts['repeat'], 'repeat')}."
    )


def newest_months(seen: Overview, number: int) -> list[MonthOfClicks]:
    """The newest months of clicks, and those without a click between them; clicks in a future month
    are left out."""
    this_month = f"{seen.taken_at + timedelta(days=1):%Y-%m}"  # somewhere on earth
    months = [row for row in seen.clicks_by_month if row["month"] <= this_month]
    if not months:
        return []
    found = {row["month"]: row for row in months}
    year, month = map(int, months[-1]["month"].split("-"))
    last = 12 * year + month - 1
    names = [f"{at // 12:04}-{at % 12 + 1:02}" for at in range(last - number + 1, last + 1)]
    nothing = dict.fromkeys((*MACHINE, *ASIDE, "human"), 0)
    return [
        found.get(name) or cast("MonthOfClicks", {"month": name, **nothing})
        for name in names
        if name >= months[0]["month"]
    ]


def response(times: Response) -> str:
    """The quartiles of the time to the first click, and who has none."""
    if not times["after"]:
        return "No application was clicked after it was made."
    return (
        f"Half of the first clicks come within {brief(times['median'])}, a quarter within "
        f"{brief(times['lower_quartile'])}, three quarters within "
        f"{brief(times['upper_quartile'])} of the application "
        f"({counted(times['after'], 'application')}; {times['before']:,} before it, "
        f"{times['at_the_same_moment']:,} at the same moment, {times['none']:,} never or without a "
        "time)."
    )


def between(row: ResponseTime) -> str:
    """What a bin of response times holds."""
    if not row["at_least"]:
        return f"under {brief(row['below'])}"
    if row["below"] is None:
        return f"{brief(row['at_least'])} or more"
    return f"{brief(row['at_least'])} to {brief(row['below'])}"


def sequence(row: ClickSequence, separator: str = " → ") -> str:
    """The functions of a click sequence; of a long one the beginning."""
    shown = separator.join(function or '""' for function in row["click_sequence"])
    left_out = row["clicks"] - len(row["click_sequence"])
    return f"{shown}{separator}… {left_out:,} more" if left_out > 0 else shown
