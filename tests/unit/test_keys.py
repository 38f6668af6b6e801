"""Keys of 74 and 76 bits: every bit of them counts, and none gets into the mark and the time beside
it."""

from datetime import datetime

import polars as pl

from pipeline.scoring.attribution import attributed, numbered, unpacked
from schema.columns import APPLICATIONS, CLICKS, LINKS
from tests.oracle import microseconds

EPOCH, LATEST = datetime(1970, 1, 1), datetime(2099, 12, 31, 23, 59, 59, 999999)
UNUSABLE = 2**52 - 1
LINK = 0x8000_0000_0000_0000 << 10 | 0x3FF
APPLICATION = 0x7FFF_FFFF_FFFF_FFFF_800


def clicked_at(link: int, application: int) -> list[datetime | None]:
    """The times of the clicks on LINK that APPLICATION gets when its link has these keys."""
    applications = [("an id", bigint(APPLICATION >> 12), APPLICATION % 2**12, None, None)]
    keys_2 = link % 2**10 * 2**12 + application % 2**12
    links = [(bigint(link >> 10), bigint(application >> 12), keys_2, "GitHub")]
    clicks = [
        (bigint(LINK >> 10), bigint(LINK % 2**10 * 2**54 + mark * 2**52 + time))
        for mark, time in enumerate((0, microseconds(LATEST - EPOCH), UNUSABLE), start=1)
    ]
    found = (
        attributed(
            unpacked(pl.LazyFrame(clicks, CLICKS, orient="row")),
            numbered(
                pl.LazyFrame(links, LINKS, orient="row"),
                pl.LazyFrame(applications, APPLICATIONS, orient="row"),
            ).with_row_index("link"),
        )
        .sort("mark")
        .collect()
    )
    assert found["mark"].to_list() == [1, 2, 3][: found.height]
    return found["clicked_at"].to_list()


def bigint(bits: int) -> int:
    """64 bits with a sign, as PostgreSQL's."""
    return int.from_bytes(bits.to_bytes(8), signed=True)


def test_the_same_keys() -> None:
    assert clicked_at(LINK, APPLICATION) == [EPOCH, LATEST, None]


def test_keys_that_differ_in_one_bit() -> None:
    for bit in range(74):
        assert clicked_at(LINK ^ 1 << bit, APPLICATION) == []
    for bit in range(76):
        assert clicked_at(LINK, APPLICATION ^ 1 << bit) == []
