"""Keys of 74 bits: every bit of them counts, and none gets into the mark and the time beside
it."""

from datetime import datetime

import polars as pl

from pipeline.scoring.attribution import attributed, index, numbered
from pipeline.source_rows import index_of
from schema.columns import APPLICATIONS, CLICKS, LINKS
from tests.oracle import microseconds

EPOCH, LATEST = datetime(1970, 1, 1), datetime(2099, 12, 31, 23, 59, 59, 999999)
UNUSABLE = 2**52 - 1
LINK = 0x8000_0000_0000_0000 << 10 | 0x3FF
APPLICATION = 0x7FFF_FFFF_FFFF_FFFF << 10 | 0x200


def clicked_at(link: int, application: int) -> list[datetime | None]:
    """The times of the clicks on LINK that APPLICATION gets when its link has these keys."""
    applications = [("an id", bigint(APPLICATION >> 10), APPLICATION % 2**10, None, None)]
    keys_2 = link % 2**10 * 2**10 + application % 2**10
    links = [(bigint(link >> 10), bigint(application >> 10), keys_2, "GitHub")]
    clicks = [
        (bigint(LINK >> 10), bigint(LINK % 2**10 * 2**54 + mark * 2**52 + time))
        for mark, time in enumerate((0, microseconds(LATEST - EPOCH), UNUSABLE), start=1)
    ]
    of_applications = index_of(pl.DataFrame(applications, APPLICATIONS, orient="row"))
    of_links = numbered(pl.DataFrame(links, LINKS, orient="row"), of_applications)["link_key"]
    found = attributed(pl.DataFrame(clicks, CLICKS, orient="row"), index(of_links)).sort("mark")
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
        assert clicked_at(LINK, APPLICATION ^ 1 << bit) == []
