"""`clickstats capture`: triggers on the source that say what `run --changed` has to compute."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from cli.options import ConnectTimeout, DatabaseUrl, Format, OutputFormat, Schema
from cli.output import SCHEMA_VERSION, print_json, printable
from cli.wording import counted
from pipeline.settings import Settings


class Action(StrEnum):
    """What to do about change capture."""

    on = "on"
    off = "off"
    status = "status"


def capture(
    action: Annotated[Action, typer.Argument(help="Start it, end it, or say how it stands.")],
    output: OutputFormat = Format.text,
    database_url: DatabaseUrl = "",
    schema: Schema = "public",
    connect_timeout: ConnectTimeout = None,
) -> None:
    """Let triggers note which applications change, for `run --changed` and `follow`.

    Needs the role that owns jobs, job_applications, link_tracking and link_clicks.
    """
    settings = Settings(database_url, schema, connect_timeout=connect_timeout)

    from pipeline.capture import state, turn_off, turn_on

    done = {Action.on: turn_on, Action.off: turn_off}.get(action)
    was_done = done(settings) if done else False
    found = state(settings)
    if output is Format.json:
        print_json({"schema_version": SCHEMA_VERSION, **asdict(found)})
        return
    already = "" if was_done or action is Action.status else "already "
    print(f"Change capture is {already}{'on' if found.is_on else 'off'}.")
    print(*map(printable, found.problems), sep="\n", end="\n" * bool(found.problems))
    if found.since:
        print(
            f"{counted(found.changes, 'change')} to be computed by `clickstats run --changed`, "
            f"the oldest since {found.since:%Y-%m-%d %H:%M:%S} UTC."
        )
    elif found.is_on:
        print("No change waits.")
