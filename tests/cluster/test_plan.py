"""How Spark brings the tables together: what grows with the source goes to no single place."""

import re
import shutil
from typing import Any

import pytest

from pipeline.run import run_all
from tests.databases import Database
from tests.faults.conftest import SOURCE

pytestmark = pytest.mark.slow


def test_no_table_of_the_source_is_sent_to_every_executor(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would have to fit into the driver's memory, too: of 10⁷ clicks it did not."""
    if not shutil.which("java"):
        pytest.skip("Java is not installed")
    spark = pytest.importorskip("pipeline.spark")
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
