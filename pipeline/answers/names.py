"""What people know an application by: the job's title, the company, the status; each where it is
there and may be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schema.sql import statement

if TYPE_CHECKING:
    from pipeline.database.connection import Connection

ALIKE = ({"smallint", "integer", "bigint"}, {"text", "character varying"})  # types


@dataclass(frozen=True)
class Names:
    """`in_front` of a statement it stands for applications, named_jobs and named_companies, with
    nulls for what is `missing`."""

    in_front: str
    missing: list[str]


def names(connection: Connection) -> Names:
    """Ask the server which columns there are."""
    with connection.cursor() as cursor:
        cursor.execute(statement("name_columns"))
        there = {f"{table}.{column}": said for table, column, *said in cursor.fetchall()}
    status, title = "job_applications.application_status", "jobs.job_title"
    has_company = {"jobs.company_id", "companies.id", "companies.name"} <= there.keys()

    def or_null(column: str, is_there: bool) -> str:
        return column if is_there else "NULL::text"

    # statuses that the column's own collation takes for equal may mean different things
    of_applications = or_null('application_status::text COLLATE "C"', status in there)
    of_jobs = or_null("job_title::text", title in there)
    # of columns of other types the server may not find any two equal
    types = {there[name][1] for name in ("jobs.company_id", "companies.id") if has_company}
    as_text = "" if len(types) < 2 or any(types <= alike for alike in ALIKE) else "::text"
    company = or_null(f"company_id{as_text}", has_company)
    selected = {
        "applications": (
            f"id, job_id, {of_applications} AS application_status FROM job_applications"
        ),
        "named_jobs": f"id, {of_jobs} AS job_title, {company} AS company_id FROM jobs",
        "named_companies": "NULL::text AS id, NULL::text AS name WHERE false",
    }
    if has_company:
        is_unique, _ = there["companies.id"]
        selected["named_companies"] = (
            f"id{as_text} AS id, name::text AS name FROM companies"
            if is_unique and not as_text
            # one with several names has the first one: no application is to be named twice
            else f'id{as_text} AS id, min(name::text COLLATE "C") AS name FROM companies GROUP BY 1'
        )
    stand_ins = ", ".join(
        f"{name} AS NOT MATERIALIZED (SELECT {what})" for name, what in selected.items()
    )
    missing = [
        what
        for what, is_there in (
            ("companies (companies.name through jobs.company_id)", has_company),
            ("titles (jobs.job_title)", title in there),
            ("statuses (job_applications.application_status)", status in there),
        )
        if not is_there
    ]
    return Names(f"WITH {stand_ins}\n", missing)
