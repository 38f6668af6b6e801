"""How Spark brings the tables together, and its results back: what grows with the source goes to no
single place."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from pipeline.definition import from_document
from pipeline.run import run_all
from pipeline.run_report import RunReport
from pipeline.settings import Settings
from tests.databases import Database
from tests.faults.conftest import SOURCE

pytestmark = pytest.mark.slow

PARTITIONS, SIZE = 40, 4 * 2**20  # bytes of a frame


@pytest.fixture
def spark() -> ModuleType:
    if not shutil.which("java"):
        pytest.skip("Java is not installed")
    found: ModuleType = pytest.importorskip("pipeline.spark")
    return found


def test_no_table_of_the_source_is_sent_to_every_executor(
    database: Database, spark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would have to fit into the driver's memory, too: of 10⁷ clicks it did not."""
    plans: list[str] = []
    distributed = spark.Distributed

    def seen(**of_a_run: Any) -> Any:
        plans.append(of_a_run["rows"]._jdf.queryExecution().toString())
        return distributed(**of_a_run)

    monkeypatch.setattr(spark, "Distributed", seen)
    database.execute(SOURCE)
    run_all(database.settings(engine="local[2]"))
    joins = set(re.findall(r"(\w+)HashJoin \[(\w+?)(?:_1)?#|(SortMerge)Join \[(\w+?)_1#", plans[0]))
    assert joins == {
        ("Broadcast", "range", "", ""),
        ("", "", "SortMerge", "application_key"),
        ("", "", "SortMerge", "link_key"),
    }


def test_what_comes_back_does_not_stay_in_java(spark: ModuleType) -> None:
    """It would have to fit there: the rows of 10⁷ applications did not."""
    from pipeline.tasks import Differing, Found, packed, result

    def frames(batches: Iterable[Any]) -> Iterator[Any]:
        import msgspec

        for _ in batches:
            yield result(frame=packed(pl.DataFrame({"noise": [os.urandom(SIZE)]})))
            yield result(found=msgspec.msgpack.encode(Found({}, {}, {}, 0, 0, {}, {}, {}, 1)))

    with spark.spark(Settings("postgresql://none", engine="local[2]")) as compute:
        session = compute.args[0]

        def in_use() -> int:
            session._jvm.System.gc()
            java = session._jvm.Runtime.getRuntime()
            return int(java.totalMemory() - java.freeMemory())

        distributed = spark.Distributed(
            target=None,
            report=RunReport("", datetime(2026, 1, 1), "UTC", ""),
            definition=from_document({})[0],
            rows=session.range(0, PARTITIONS, 1, PARTITIONS),
            computing=lambda work, named: frames,
            between=pl.Series(),
        )
        used = [in_use() for _ in distributed.frames(Differing(every=True))]
    assert len(used) == PARTITIONS
    assert used[-1] - used[1] < 4 * SIZE
