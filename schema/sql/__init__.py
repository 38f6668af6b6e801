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


def over_plain_rows(name: str) -> str:
    """The statement in `<name>.sql`, in which the rows of `plain_rows.sql` stand for the table."""
    plain = f"link_click_analytics AS NOT MATERIALIZED (\n{statement('plain_rows')}\n)"
    return f"WITH {plain}\n{statement(name)}"


OPERATORS = "= <> < <= > >= + - * / % & | << >> || ->> ~~ ~~*".split()  # noqa: SIM905


@cache
def functions() -> list[str]:
    """The names of all functions that our statements call; some words that are none are among
    them."""
    called: set[str] = set()
    for file in files(__name__).iterdir():
        if file.name.endswith(".sql"):
            called.update(re.findall(r"(\w+) ?\(", file.read_text(encoding="utf-8").lower()))
    return sorted(called)
