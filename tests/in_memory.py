"""The pipeline without a database: a world goes in as the frames that its SQL statements give."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from ipaddress import ip_interface, ip_network
from uuid import UUID

import polars as pl

from pipeline.definition import Applications, Clicks, Time
from pipeline.definition import Definition as Defined
from pipeline.extract import Extracted
from pipeline.networks import in_both_forms
from pipeline.scoring.attribution import attributed, in_link_order, index, numbered
from pipeline.scoring.user_agents import declared
from pipeline.slices import scored
from pipeline.source_columns import SourceColumns
from pipeline.source_rows import index_of
from schema.columns import APPLICATIONS, CLICKS, LINKS, link_functions
from tests.oracle import Click, Definition, World, microseconds, usable


def defined(definition: Definition, frozen_after_days: int = 0) -> Defined:
    """The oracle's definition as the pipeline's."""
    return Defined(
        time=Time(definition.reporting, definition.clicks, definition.applications),
        clicks=Clicks(
            definition.count,  # type: ignore[arg-type]
            tuple(definition.machine_networks),
            tuple(definition.own_networks),
            tuple(definition.trap_functions),
            definition.sweep_links,
            definition.sweep_seconds,
            definition.repeat_seconds,
        ),
        functions={name: tuple(others) for name, others in definition.functions.items()},
        applications=Applications(frozen_after_days),
    )


def computed(world: World, definition: Definition) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What `pipeline.slices.scored` gives for the world; the clicks with their `tracking_id`."""
    extracted = in_frames(world, definition)
    rows, clicks = scored(extracted, defined(definition))
    ids = pl.Series([link.tracking_id for link in world.links], dtype=pl.String)
    of_links = extracted.links.select(
        tracking_id=pl.lit(ids).gather((pl.col("link_key") // 2**64).cast(pl.Int64))
        if len(ids)
        else pl.lit(None, pl.String),
    ).with_row_index("link")
    return rows, clicks.join(of_links, on="link", how="left")


def in_frames(world: World, definition: Definition) -> Extracted:
    """The world as `pipeline.extract.Source` reads it."""
    keys: dict[str | None, int] = {
        link.tracking_id: number for number, link in enumerate(world.links)
    }
    functions = link_functions(definition.spelled(link.link_function) for link in world.links)
    frame = partial(pl.DataFrame, orient="row")
    applications = frame(
        [
            (
                str(application.id),
                *key_of(application.id),
                str(application.job_id) if application.job_id in world.jobs else None,
                usable(application.created_at, definition.applications),
            )
            for application in world.applications
        ],
        schema=APPLICATIONS,
    )
    links = frame(
        [
            (
                keys[link.tracking_id],
                *key_of(link.application_id),
                definition.spelled(link.link_function),
            )
            for link in world.links
            if link.application_id
        ],
        schema=LINKS,
    ).with_columns(pl.col("link_function").cast(functions))
    programs = set(declared(pl.Series(_user_agents(world.clicks), dtype=pl.String)))
    clicks = frame(
        [
            (
                keys.get(click.tracking_id, -1),
                packed(
                    usable(click.clicked_at, definition.clicks), _mark(click, definition, programs)
                ),
            )
            for click in world.clicks
        ],
        schema=CLICKS,
    )
    in_their_order = in_link_order(numbered(links, index_of(applications)))
    return Extracted(
        applications.with_row_index("application"),
        in_their_order,
        attributed(clicks, index(in_their_order["link_key"])),
        0,
        0,
        0,
        SourceColumns({}),
    )


def key_of(application: UUID | None) -> tuple[int, int]:
    """Numbers of 64 (with a sign, as PostgreSQL's) and 10 bits: the rest of a key."""
    assert application
    number = int.from_bytes(application.bytes[:8], signed=True)
    return number, application.int % 2**10


def packed(clicked_at: datetime | None, mark: int = 0) -> int:
    """As schema/sql/clicks.sql packs it, with 10 bits of nothing above."""
    time = 2**52 - 1 if clicked_at is None else microseconds(clicked_at - datetime(1970, 1, 1))
    return mark * 2**52 + time


def _user_agents(clicks: Iterable[Click]) -> list[str]:
    return sorted(Counter(click.user_agent for click in clicks if click.user_agent is not None))


def _mark(click: Click, definition: Definition, programs: set[str]) -> int:
    if click.user_agent in programs:
        return 1
    sender = ip_interface(click.ip_address).network if click.ip_address else None
    for mark, networks in ((2, definition.machine_networks), (3, definition.own_networks)):
        for network in map(ip_network, in_both_forms(networks)):
            if sender and sender.version == network.version and sender.subnet_of(network):  # type: ignore[arg-type]
                return mark
    return 0
