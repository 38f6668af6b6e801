"""Puts a world of the oracle into the source tables of a database."""

from collections.abc import Iterable
from typing import Any

from psycopg2.extensions import connection
from psycopg2.extras import execute_values

from tests.oracle import World


def load(source: connection, world: World) -> None:
    """Replaces all rows of the four source tables; the transaction is the caller's."""
    with source.cursor() as cursor:
        cursor.execute(
            "delete from link_clicks; delete from link_tracking;"
            "delete from job_applications; delete from jobs;"
        )

        def insert(into: str, rows: Iterable[tuple[Any, ...]]) -> None:
            execute_values(cursor, f"insert into {into} values %s", list(rows), page_size=10_000)

        insert("jobs (id)", [(str(job),) for job in world.jobs])
        insert(
            "job_applications (id, job_id, created_at)",
            [(str(a.id), a.job_id and str(a.job_id), a.created_at) for a in world.applications],
        )
        insert(
            "link_tracking (tracking_id, application_id, link_function)",
            [
                (
                    link.tracking_id,
                    link.application_id and str(link.application_id),
                    link.link_function,
                )
                for link in world.links
            ],
        )
        insert(
            "link_clicks (tracking_id, clicked_at, user_agent, ip_address)",
            [
                (click.tracking_id, click.clicked_at, click.user_agent, click.ip_address)
                for click in world.clicks
            ],
        )
