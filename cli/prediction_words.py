"""What is said of whether the scores predict, on the terminal and on the page alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.output import printable
from cli.wording import NO_STATUS, brief, counted, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.answers.prediction import Prediction, Verdict

MOST_STATUSES = 20
NAME_IT = (
    "Where one of them means something, name it under [statuses] of the definition, which "
    "`clickstats definition` prints: as response, interview, offer or closed."
)
MEANINGS = {"nothing": "nothing known", "closed": "closed, no outcome"}


def sentences(found: Prediction) -> Iterator[tuple[str, str]]:
    """All of it as sentences; the first part of each is emphasized."""
    if found.statuses is None:
        yield "", NO_STATUS
        return
    yield from (verdict(found, row) for row in found.verdicts)
    yield "", who_takes_part(found)
    yield "", what_words_mean(found)
    if unknown := unknown_statuses(found):
        yield "", unknown


def verdict(found: Prediction, row: Verdict) -> tuple[str, str]:
    """What a score says about an outcome, and the figures that say so."""
    score, outcome = row["score"].removesuffix("_score"), row["outcome"]
    subject = f"{score.capitalize()} and {outcome}s"
    with_outcome, without = row["with_outcome"], row["without"]
    counts = f"{with_outcome:,} of {counted(with_outcome + without, 'application')} " + (
        "has" if with_outcome == 1 else "have"
    )
    match row["verdict"]:
        case "not computable":
            article = "a" if outcome == "response" else "an"
            nobody = "No application" if not with_outcome else "Every application"
            return (
                f"{subject}: not computable.",
                f"{nobody} that takes part has {article} {outcome}.",
            )
        case "too few":
            return (
                f"{subject}: too few to say.",
                f"{counts} one; 10 with and 10 without it do.",
            )
    figures = (
        f"AUC {row['auc']:.2f}, 95% interval {row['low']:.2f} to {row['high']:.2f}; {counts} one."
    )
    if row["verdict"] == "no difference found":
        return f"{subject}: no difference found.", figures
    which = "high" if row["verdict"] == "higher" else "low"
    return f"{subject}: a {which} score {found.words} {outcome}s.", figures


def who_takes_part(found: Prediction) -> str:
    """How many applications take part, and why others do not."""
    landmark = brief(found.landmark)
    left_out = "; ".join(
        f"{row['applications']:,} {REASONS[row['reason']].format(landmark, brief(found.mature))}"
        for row in found.left_out
    )
    return (
        f"{found.taking_part:,} of {counted(found.applications, 'application')} "
        f"{'takes' if found.taking_part == 1 else 'take'} part, each with the score that it had "
        f"{landmark} after it was made, of human clicks."
        + (f" Left out: {left_out}." if left_out else "")
    )


REASONS = {
    "no created_at": "without a created_at",
    "frozen": "frozen, whose clicks may be gone",
    "too recent": "too recent, less than {1} beyond the {0}",
    "response before the landmark": "with a response within the {0}",
    "outcome without a time": "with an outcome and no first_response_received_at",
}


def what_words_mean(found: Prediction) -> str:
    """Why it says "predicts", or only "goes with", and what AUC is."""
    match found.because:
        case "no response times":
            reason = (
                'It says "goes with", not "predicts": without first_response_received_at, which '
                "job_applications lacks or this role may not read, a response may have come "
                "before the clicks."
            )
        case "outcomes without a time":
            reason = (
                f'It says "goes with", not "predicts": {found.outcomes_without_time:,} of '
                f"{counted(found.outcomes, 'outcome')} "
                f"{'has' if found.outcomes_without_time == 1 else 'have'} no time, and may have "
                "come before the clicks."
            )
        case _:
            reason = 'It says "predicts" since every response came after the clicks that count.'
    return (
        f"{reason} AUC is the chance that an application with the outcome has the higher score: "
        "0.5 is a coin's. Of twenty scores that say nothing, one looks as if it did."
    )


def unknown_statuses(found: Prediction) -> str:
    """The statuses that match nothing, and how to name them."""
    names = [
        printable(row["status"])
        for row in found.statuses or ()
        if row["read_as"] == "nothing" and row["status"] is not None
    ]
    if not names:
        return ""
    more = f" and {len(names) - MOST_STATUSES:,} more" if names[MOST_STATUSES:] else ""
    return f"Statuses that match nothing: {', '.join(names[:MOST_STATUSES])}{more}. {NAME_IT}"


def rate(part: float | None) -> str:
    """A share without decimals, for narrow tables."""
    return "–" if part is None else f"{part:.0%}"


def interval(low: float | None, high: float | None) -> str:
    """23.7% to 31.0%."""
    return f"{percent(low)} to {percent(high)}"
