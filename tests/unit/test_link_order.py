"""The order of links, also where application, function and row number need more than 64 bits, and
where there are so many that the streaming engine sorts them."""

import polars as pl
import pytest

from pipeline.scoring import attribution
from pipeline.scoring.attribution import in_link_order

HEIGHT, LAST = 2**16 + 1, 2**32 - 1


@pytest.mark.parametrize("many", [HEIGHT + 1, HEIGHT], ids=["in memory", "streaming"])
@pytest.mark.parametrize("functions", [3, 2**16])
def test_by_application_and_function(
    functions: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribution, "MANY", many)
    names = pl.Series([f"function {number:05}" for number in range(functions)])
    number = pl.int_range(HEIGHT, dtype=pl.UInt32)
    links = pl.select(
        link_function=pl.lit(names).gather(number * 7 % functions).cast(pl.Enum(names)),
        link_key=number.cast(pl.Int128) - 1,
        application=LAST - number * 40_503 % 1_000,
    )
    assert ((LAST + 1) * functions * HEIGHT > 2**64) == (functions > 3)
    expected = links.sort("application", "link_function", maintain_order=True)
    assert in_link_order(links).equals(expected)


def test_no_links() -> None:
    schema = pl.Schema(
        {"link_function": pl.Enum([]), "link_key": pl.Int128(), "application": pl.UInt32()}
    )
    assert in_link_order(schema.to_frame()).is_empty()
