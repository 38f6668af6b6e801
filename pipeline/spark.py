"""Computes for `run --all` on a Spark cluster, and is all that knows of Spark.

The driver keeps the run's lock, snapshot and transaction. Executors read the source's tables in
their parts, through that snapshot. Spark brings together what belongs to a range of application
ids; each range is computed, and held against its stored rows, by the functions that do it on one
machine (`pipeline.tasks`). Only the rows that differ come back, range by range.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from io import BytesIO
from socket import create_connection
from tempfile import TemporaryFile
from typing import Any

import polars as pl
from py4j.java_gateway import JavaGateway
from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext, StorageLevel
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipeline.database.exported import exported
from pipeline.database.waiting import Begun, in_time, started_threads
from pipeline.errors import ConfigurationError, NoConnection, Refused
from pipeline.extract import Source
from pipeline.partitions import ids_of, partitioned, range_bounds
from pipeline.run_report import Advance, RunReport
from pipeline.settings import Settings
from pipeline.slices import AnyComputation, Work
from pipeline.source_rows import refuse_duplicate_links, refuse_null_functions, refuse_null_ids
from pipeline.source_shape import beyond_snapshot
from pipeline.spark_failures import meaning
from pipeline.target import Target
from pipeline.tasks import (
    APPLICATION_KEY,
    RESULT,
    SENT,
    Computing,
    Differing,
    Found,
    Greeting,
    Reading,
    Task,
    frames_of,
    this_program,
)
from schema.columns import CLASSES, INSTANT

log = logging.getLogger("clickstats")

LINK_KEY = ["link_key_1", "link_key_2"]
COLUMNS = ["part", *dict.fromkeys(name for columns in SENT.values() for name in columns)]
# seconds: for the master, for a worker, and for an end
CONNECT_TIMEOUT, PATIENCE, AT_ONCE, FOR_EVER = 15, 120, 1.5, 1e9
PANDAS_3 = "PySpark does not yet fully support pandas"


@contextmanager
def spark(settings: Settings) -> Iterator[partial[Distributed]]:
    """What computes on the cluster: over the session of Spark that this process has, or one that
    begins and ends with the run."""
    found = SparkSession.getActiveSession()
    with spark_errors():
        session = found or started(settings)
    try:
        with spark_errors():
            meet(session)
        yield partial(distributed, session, settings)
    except BaseException:
        with suppress(Py4JError):  # where Java has ended, it has ended its jobs
            in_time(session.sparkContext.cancelAllJobs, AT_ONCE)
        raise
    finally:
        if not found:
            ended(session)


def meet(session: SparkSession) -> None:
    """See that there is a worker who has what is needed, before anything is locked."""

    def one_task() -> bool:
        warnings.filterwarnings("ignore", PANDAS_3, FutureWarning)
        greeting = Greeting(this_program())
        return bool(session.range(1).mapInArrow(greeting, ddl(RESULT)).collect())

    if in_time(one_task, PATIENCE) is None:
        raise Refused(
            f"the cluster gave no worker within {PATIENCE} s; nothing was done; are there workers "
            "with free cores and memory, and can they reach this machine?"
        )


def ended(session: SparkSession) -> None:
    """End the session, if need be with the Java process."""

    def end() -> bool:
        session.stop()
        return True

    if not in_time(end, AT_ONCE):
        with java().proc as process:  # which is waited for, and its pipes closed
            process.kill()
        java.cache_clear()
        SparkContext._gateway = SparkContext._jvm = None


def reach(master: str, seconds: int) -> None:
    """Raise `NoConnection` unless one of the masters answers: Spark would wait for minutes."""
    for host, port in re.findall(r"([^/,]+):(\d+)", master):
        with suppress(OSError), create_connection((host.strip("[]"), int(port)), seconds):
            return
    raise NoConnection(
        f"cannot connect to {master}; nothing was done; check --engine and that the master is "
        "running"
    )


def started(settings: Settings) -> SparkSession:
    """A session of Spark. What the user has configured for Spark is left as it is."""
    engine = str(settings.engine)
    if engine.startswith("spark://"):
        reach(engine, settings.connect_timeout or CONNECT_TIMEOUT)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    warnings.filterwarnings("ignore", PANDAS_3, FutureWarning)
    gateway = java()
    conf = SparkConf(_jvm=gateway.jvm).setMaster(engine).setAppName(settings.application_name)
    wanted = {
        "spark.log.level": "WARN" if log.isEnabledFor(logging.DEBUG) else "OFF",
        "spark.ui.showConsoleProgress": "false",
        "spark.executorEnv.POLARS_MAX_THREADS": "1",  # a task has one core
    }
    if engine.startswith("local"):
        local = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        wanted |= local | {"spark.ui.enabled": "false"}
    for name, value in wanted.items():
        conf.setIfMissing(name, value)
    SparkContext(conf=conf, gateway=gateway)
    return SparkSession.builder.getOrCreate()


@cache
def java() -> JavaGateway:
    """The Java process of the driver, which ends with ours; what it says goes nowhere."""
    with TemporaryFile() as said:
        try:
            return launch_gateway(popen_kwargs={"stdout": said, "stderr": said})
        except PySparkException:
            said.seek(0)
            lines = said.read().decode(errors="replace").split("\n")
            raise ConfigurationError(
                f"Spark cannot be started: {' '.join(lines).strip()}; it needs Java 17 or newer"
            ) from None


def distributed(
    session: SparkSession,
    settings: Settings,
    source: Source,
    target: Target,
    report: RunReport,
    _: Advance,
) -> Distributed:
    """Have the cluster read everything and bring together what belongs together; the counts go
    into the report."""
    if reasons := beyond_snapshot(source.snapshot.connection):
        raise ConfigurationError(
            f"{'; '.join(reasons)}: only one connection reads it in one state; run without --engine"
        )
    source.check()
    at = exported(source.snapshot, settings)
    if at.host.startswith(("/", "@")) and not str(settings.engine).startswith("local"):
        raise ConfigurationError(
            f"the database URL leads to a socket of this machine, {at.host}, which executors "
            "cannot reach; expected a host's name or address"
        )
    task = Task(this_program(), at)
    texts, _as_arrays = source.parts("clicks")
    partitions = max(len(texts), session.sparkContext.defaultParallelism)
    session.conf.set("spark.sql.shuffle.partitions", partitions)
    # what grows with the source is never sent whole to each executor, through the driver
    session.conf.set("spark.sql.autoBroadcastJoinThreshold", -1)
    session.catalog.clearCache()
    with spark_errors():
        bounds = range_bounds(source)
        applications = kept(parts_read(session, source, task, "applications", bounds))
        of_ranges = numbers(applications.groupBy("range").agg(F.count("*").alias("applications")))
        report.applications = int(of_ranges["applications"].sum())
        refuse_null_ids(int(of_ranges.filter(pl.col("range").is_null())["applications"].sum()))
        links = kept(
            # as schema/sql/links.sql packs them
            parts_read(session, source, task, "links")
            .withColumn("link_key_2", F.shiftright("keys_2", 10))
            .withColumn("application_key_2", F.col("keys_2").bitwiseAND(2**10 - 1))
            .join(applications.select(*APPLICATION_KEY, "range"), APPLICATION_KEY)
        )
        keys = kept(
            links.groupBy(LINK_KEY).agg(
                F.first("range").alias("range"),
                F.count("*").alias("links"),
                F.count("link_function").alias("functions"),
            )
        )
        found = numbers(
            keys.agg(
                *(F.sum(name).alias(name) for name in ("links", "functions")),
                F.count("*").alias("keys"),
            )
        )
        all_links, functions, different = (int(found[name].sum()) for name in found.columns)
        refuse_null_functions(all_links - functions)
        refuse_duplicate_links(all_links > different)
        source.look_at_agents()
        clicks = kept(
            # as schema/sql/clicks.sql packs them
            parts_read(session, source, task, "clicks")
            .withColumn("link_key_2", F.shiftrightunsigned("packed", 54))
            .join(keys.select(*LINK_KEY, "range"), LINK_KEY, "left")
        )
        of_clicks = numbers(counted(clicks, source.snapshot.taken_at))
        used = of_clicks.drop_nulls("range")
        report.clicks_read = int(of_clicks["read"].sum())
        report.clicks_unusable = report.clicks_read - int(of_clicks["usable"].sum())
        report.clicks_in_future = int(of_clicks["in_future"].sum())
        report.clicks_used = int(used["usable"].sum())
        report.clicks_unattributed = (
            report.clicks_read - report.clicks_used - report.clicks_unusable
        )
        parts = partitioned(
            of_ranges.join(used, on="range", how="left"),
            settings.sizes,
            session.sparkContext.defaultParallelism,
        )
        ids = ids_of(parts, bounds)
        part_of = F.broadcast(session.createDataFrame(parts.rows(), "range int, part int"))
        rows = session.range(len(ids)).select(F.col("id").cast("int").alias("part"))
        for table in (applications, links, clicks):
            placed = table.join(part_of, "range").drop("range")
            rows = rows.unionByName(placed, allowMissingColumns=True)
    return Distributed(
        target=target,
        report=report,
        definition=source.definition,
        rows=rows.select(*COLUMNS).repartitionById(len(ids), "part"),
        computing=lambda work, named: Computing(
            at=task.at,
            made_by=task.made_by,
            work=work,
            ids=ids,
            definition=source.definition,
            columns=source.columns,
            target_is_empty=target.is_empty,
            named=named,
            run=(report.run_id, report.snapshot_at, report.timezone, report.fingerprint),
        ),
        between=pl.concat([used["first"], used["last"]]).cast(INSTANT),
    )


def parts_read(
    session: SparkSession,
    source: Source,
    task: Task,
    table: str,
    bounds: pl.Series | None = None,
) -> DataFrame:
    """The rows of a table, each part of which is read by a task; with `bounds` their `range`."""
    texts, as_arrays = source.parts(table)
    reading = Reading(task.made_by, task.at, table, texts, as_arrays, bounds)
    numbers = session.range(0, len(texts), 1, len(texts))
    return numbers.mapInArrow(reading, ddl(reading.columns))


def counted(clicks: DataFrame, taken_at: datetime) -> DataFrame:
    """How many clicks there are for each range, of what kind, and the first and the last of them;
    those of no application have no range."""
    time = F.col("packed").bitwiseAND(2**52 - 1)
    at = F.when(time < 2**52 - 1, time)
    now = (taken_at - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    return clicks.groupBy("range").agg(
        F.count("*").alias("read"),
        F.count(at).alias("usable"),
        F.count_if(at > now).alias("in_future"),
        F.min(at).alias("first"),
        F.max(at).alias("last"),
    )


def kept(rows: DataFrame) -> DataFrame:
    """The rows, which are used more than once, on the disks of the executors."""
    return rows.persist(StorageLevel.DISK_ONLY)


def numbers(rows: DataFrame) -> pl.DataFrame:
    """A few rows of whole numbers."""
    schema = dict.fromkeys(rows.columns, pl.Int64)
    return pl.DataFrame([tuple(row) for row in awaited(rows.collect)], schema, orient="row")


def awaited(work: Callable[[], Any]) -> Any:
    """The result of work that waits for Spark, by another thread: Py4J would have the one that a
    signal has interrupted wait for the end of the job."""
    return in_time(work, FOR_EVER, waiter())


@cache
def waiter() -> Begun:
    """The thread that waits: memory that one has let go the allocator keeps for the next one alone,
    so that a new thread for each frame took 11 MB each."""
    return started_threads()


def ddl(columns: Mapping[str, str]) -> str:
    """Columns as Spark declares them."""
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


@dataclass(kw_only=True)
class Distributed(AnyComputation):
    """What is computed on a cluster: `rows` of all tables, those of a range in one partition."""

    rows: DataFrame
    computing: Callable[[Work, pl.Series | None], Computing]
    between: pl.Series  # the first and the last used click
    results: dict[Work, DataFrame] = field(default_factory=dict)

    @property
    def instants(self) -> pl.Series:
        return self.between

    def rows_that_differ(self, advance: Advance, *, every: bool) -> Generator[pl.DataFrame]:
        done = 0
        for rows in self.frames(Differing(every)):
            yield rows
            done += rows.height
            advance(done, self.height)

    def frames(self, work: Work) -> Generator[pl.DataFrame]:
        """The frames, partition by partition, as soon as all are there. `work` is a value: what it
        has given once is not computed again."""
        with spark_errors():
            if work not in self.results:
                self.results[work] = kept(
                    self.rows.mapInArrow(self.computing(work, self.named), ddl(RESULT))
                )
            result = self.results[work]
            with self.report.timed("compute"):
                found = awaited(result.where("found IS NOT NULL").select("found").collect)
            self.learn([Found.read(row.found) for row in found])
            frames = result.where("frame IS NOT NULL").select("frame").rdd
            for partition in range(frames.getNumPartitions()):
                # by a job for each: toLocalIterator keeps in Java's memory all that it has given
                job = partial(frames.context.runJob, frames, frames_of, [partition])
                for frame in awaited(job):
                    yield pl.read_ipc_stream(BytesIO(frame))

    def learn(self, of_partitions: Sequence[Found]) -> None:
        """Add up what the partitions have shown; their phases share the time that all took."""
        self.begin()
        report = self.report
        classes = Counter[str]()
        seconds = Counter(dict.fromkeys(("compute", "compare", "audit"), 0.0))
        for found in of_partitions:
            for name, count in found.counts.items():
                setattr(report, name, (getattr(report, name) or 0) + count)
            seconds.update(found.seconds)
            classes.update(found.classes)
            self.odd.update(found.odd)
            self.decided.update(found.decided)
            self.first_clicks.update(found.first_clicks)
            self.orphans += found.orphans
            self.readings += found.readings
        self.height = sum(found.height for found in of_partitions)
        report.clicks_by_class = {name: classes[name] for name in CLASSES.categories}
        share = report.seconds["compute"] / (sum(seconds.values()) or 1)
        report.seconds |= {phase: spent * share for phase, spent in seconds.items()}


@contextmanager
def spark_errors() -> Iterator[None]:
    """Say what a failure of Spark means to the user; let what is a bug through."""
    try:
        yield
    except (PySparkException, Py4JError, ConnectionError, EOFError) as error:
        if means := meaning(str(error)):
            log.debug("Spark's error", exc_info=error)
            raise means from error
        raise
