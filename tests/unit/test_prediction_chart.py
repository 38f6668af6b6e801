"""The chart of whether the scores predict: every band has its place, and a band of few applications
does not stand out."""

from typing import Any

from cli.prediction_chart import outcomes
from pipeline.answers.figures import BANDS, share
from pipeline.answers.report_rows import OutcomeShare


def drawn(counts: dict[int, tuple[int, int]]) -> Any:
    """The chart of these bands, each with its successes and its applications; the other bands are
    empty."""
    rows: list[OutcomeShare] = [
        {
            "score": "intent_score",
            "outcome": "offer",
            "band": band,
            **share(*counts.get(band, (0, 0))),
        }
        for band in BANDS
    ]
    return outcomes(rows, "intent score")


def highest(chart: Any) -> float:
    [limit] = {layer["encoding"]["y"]["scale"]["domain"][1] for layer in chart["layer"]}
    return float(limit)


def test_bands_of_few_are_pale_and_do_not_stretch_the_axis() -> None:
    chart = drawn({0: (1, 10), 50: (9, 9)})
    opacities = {row["band"]: row["opacity"] for row in chart["data"]["values"]}
    assert opacities[0] == 1
    assert opacities[50] < 0.5
    assert highest(chart) == share(1, 10)["high"]


def test_where_all_are_few_the_axis_is_whole() -> None:
    assert highest(drawn({0: (1, 9)})) == 1


def test_empty_bands_keep_their_place() -> None:
    chart = drawn({0: (1, 10), 90: (5, 10)})
    assert len(chart["data"]["values"]) == 2
    assert [tick.split("|")[0] for tick in chart["encoding"]["x"]["scale"]["domain"]] == [
        f"{band}" for band in BANDS
    ]
