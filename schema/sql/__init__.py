"""The long SQL statements, one readable file each.

A parameter is written `:'name'`, as psql writes a quoted variable, so that every file also runs in
psql after `\\set name value`. Values are bound by psycopg2, never pasted.
"""

import re
from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """The statement in `<name>.sql`, its parameters in psycopg2's form, `%(name)s`."""
    text = files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return re.sub(r":'(\w+)'", r"%(\1)s", text.replace("%", "%%"))


def read_all() -> None:
    """Read all statements, for a process that goes on for long: when clickstats is upgraded under
    it, those that it has not read yet would be of another version than its code."""
    for file in files(__name__).iterdir():
        if file.name.endswith(".sql"):
            statement(file.name.removesuffix(".sql"))


def over_plain_rows(name: str, front: str = "") -> str:
    """The statement in `<name>.sql`, in which the rows of `plain_rows.sql` stand for the table;
    `front` is what stands for others (`pipeline.source_columns.SourceColumns.in_front`)."""
    plain = f"link_click_analytics AS NOT MATERIALIZED (\n{statement('plain_rows')}\n)"
    return (
        f"{front.rstrip()}, {plain}\n{statement(name)}"
        if front
        else f"WITH {plain}\n{statement(name)}"
    )


# what statements call and write, in these files and in Python
FUNCTIONS = [
    "abbrev",
    "abs",
    "acldefault",
    "aclexplode",
    "array_agg",
    "array_lower",
    "array_ndims",
    "array_position",
    "array_remove",
    "array_to_string",
    "bit_or",
    "bool_or",
    "cardinality",
    "clock_timestamp",
    "concat_ws",
    "convert_from",
    "convert_to",
    "count",
    "current_setting",
    "date_part",
    "date_trunc",
    "extract",
    "format_type",
    "gen_random_uuid",
    "generate_series",
    "has_any_column_privilege",
    "has_column_privilege",
    "has_schema_privilege",
    "hash_record_extended",
    "hashtextextended",
    "jsonb_build_object",
    "jsonb_each_text",
    "jsonb_object_agg",
    "justify_hours",
    "lag",
    "lead",
    "make_interval",
    "max",
    "md5",
    "min",
    "mode",
    "numeric",
    "obj_description",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_cancel_backend",
    "pg_current_wal_insert_lsn",
    "pg_export_snapshot",
    "pg_get_constraintdef",
    "pg_get_expr",
    "pg_get_indexdef",
    "pg_get_userbyid",
    "pg_has_role",
    "pg_postmaster_start_time",
    "pg_relation_size",
    "pg_sleep",
    "pg_stat_get_xact_tuples_deleted",
    "pg_stat_get_xact_tuples_inserted",
    "pg_stat_get_xact_tuples_updated",
    "pg_typeof",
    "pg_wal_lsn_diff",
    "quote_ident",
    "random",
    "regexp_matches",
    "round",
    "row_number",
    "row_security_active",
    "set_config",
    "string_agg",
    "sum",
    "timezone",
    "to_json",
    "to_jsonb",
    "to_regclass",
    "unnest",
    "uuid_hash",
    "uuid_hash_extended",
]
OPERATORS = "= <> < <= > >= + - * / % & | << >> <<= || -> ->> ~~ ~~*".split()  # noqa: SIM905
