"""Keys of 76 bits: every bit of them counts, and none gets into the time beside it."""

from datetime import datetime

import polars as pl

from pipeline.scoring.attribution import attributed, numbered, unpacked
from schema.columns import APPLICATIONS, CLICKS, LINKS
from tests.oracle import microseconds

EPOCH, LATEST = datetime(1970, 1, 1), datetime(2099, 12, 31, 23, 59, 59, 999999)
UNUSABLE = 2**52 - 1
LINK = 0x8000_0000_0000_0000_FFF
APPLICATION = 0x7FFF_FFFF_FFFF_FFFF_800


def clicked_at(link: int, application: int) -> list[datetime | None]:
    """The times of the clicks on LINK that APPLICATION gets when its link has these keys."""
    applications = [("an id", bigint(APPLICATION >> 12), APPLICATION % 2**12, None, None)]
    keys_2 = link % 2**12 * 2**12 + application % 2**12
    links = [(bigint(link >> 12), bigint(application >> 12), keys_2, "GitHub")]
    clicks = [
        (bigint(LINK >> 12), bigint(LINK % 2**12 * 2**52 + time))
        for time in (0, microseconds(LATEST - EPOCH), UNUSABLE)
    ]
    found = attributed(
        unpacked(pl.LazyFrame(clicks, CLICKS, orient="row")),
        numbered(
            pl.LazyFrame(links, LINKS, orient="row"),
            pl.LazyFrame(applications, APPLICATIONS, orient="row"),
        ),
    )
    return found.collect()["clicked_at"].to_list()


def bigint(bits: int) -> int:
    """64 bits with a sign, as PostgreSQL's."""
    return int.from_bytes(bits.to_bytes(8), signed=True)


def test_the_same_keys() -> None:
    assert clicked_at(LINK, APPLICATION) == [EPOCH, LATEST, None]


def test_keys_that_differ_in_one_bit() -> None:
    for bit in range(76):
        assert clicked_at(LINK ^ 1 << bit, APPLICATION) == []
        assert clicked_at(LINK, APPLICATION ^ 1 << bit) == []
