"""The rows of applications and links, as they are read, in the order that the computation needs.

Owns what is wrong with rows, as `pipeline.source_shape` does with tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pipeline.definition import Definition
from pipeline.errors import SchemaError
from pipeline.plurals import counted
from pipeline.scoring.attribution import in_link_order, index, key, numbered
from pipeline.source_shape import duplicate_id_problems
from schema.columns import link_functions

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def in_key_order(applications: pl.DataFrame, connection: Connection) -> pl.DataFrame:
    """The applications by their ids; raise `SchemaError` unless each id is there once."""
    # by two columns, since then Polars sorts them as bytes: twice as fast as one of strings
    applications = applications.sort("application_id", "application_key_1")
    ids = applications["application_id"]
    refuse_null_ids(ids.null_count())
    if (ids == ids.shift()).any():
        raise SchemaError("; ".join(duplicate_id_problems(connection)))
    return applications


def index_of(applications: pl.DataFrame) -> pl.Series:
    """The `scoring.attribution.index` of the applications."""
    parts = (pl.col(name) for name in ("application_key_1", "application_key_2"))
    return index(applications.select(key(*parts)).to_series())


def of_applications(links: pl.DataFrame, applications: pl.Series) -> pl.DataFrame:
    """The links of the applications with this index, as `scoring.attribution.numbered` gives
    them."""
    # millions of links need no text each
    small = links.with_columns(pl.col("link_function").cast(pl.Categorical))
    return numbered(small, applications)


def spelled(links: pl.DataFrame, definition: Definition) -> pl.DataFrame:
    """The links as `scoring.attribution.in_link_order` gives them, with the definition's spelling
    of their functions. Takes the columns out of `links`."""
    spelling = pl.col("link_function").cast(pl.String).replace(definition.spellings)
    names = links.select("link_function").unique().with_columns(name=spelling)
    functions = link_functions(names["name"])
    # the type once more: Polars forgets it where there are no links
    named = links.drop_in_place("link_function").replace_strict(*names, return_dtype=functions)
    links.insert_column(0, named.cast(functions))
    return in_link_order(links)


def refuse_null_ids(count: int) -> None:
    """Raise `SchemaError` when applications have no id."""
    if count:
        raise SchemaError(
            f"job_applications has {counted(count, 'row', 'rows')} whose id is null; expected an "
            "id in each row; mend the table or view"
        )


def refuse_null_functions(count: int) -> None:
    """Raise `SchemaError` when links of applications have no function."""
    if count:
        raise SchemaError(
            f"link_tracking has {counted(count, 'link', 'links')} of applications whose "
            "link_function is null; expected a text in each row; mend the table or view"
        )


def refuse_duplicate_links(found: bool) -> None:
    """Raise `SchemaError` when links of applications have the same key."""
    if found:
        raise SchemaError(
            "link_tracking has a tracking_id more than once; expected a primary key; remove the "
            "duplicates"
        )
