"""A report as one page that needs nothing else: charts, their numbers, the library that draws."""

from __future__ import annotations

import gzip
import hashlib
from base64 import b64encode
from importlib.resources import files

from jinja2 import Environment

from cli.chart_parts import CONFIG
from cli.chart_script import chart_script
from cli.report_sections import sections
from cli.wording import brief, definition_in_force, freshness, minute, points, share
from pipeline.answers.overview import Overview


def page(seen: Overview) -> str:
    """The report as HTML."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_file("report.html.jinja"))
    shown = list(sections(seen))
    specs = [figure.spec for section in shown for figure in section.figures if figure.spec]
    script, unpacking = chart_script().encode(), _file("unpack.js")
    return template.render(
        taken_at=minute(seen.taken_at),
        timezone=seen.timezone,
        freshness=freshness(seen.totals),
        definition=definition_in_force(seen),
        tiles=_tiles(seen),
        sections=shown,
        charts={"specs": specs, "config": CONFIG},
        packed=b64encode(gzip.compress(script, mtime=0)).decode(),
        unpacking=unpacking,
        scripts=[_hash(script), _hash(unpacking.encode())],
    )


def _file(name: str) -> str:
    return files("cli").joinpath(name).read_text(encoding="utf-8")


def _hash(script: bytes) -> str:
    """As the page's Content-Security-Policy names a script that may run."""
    return b64encode(hashlib.sha256(script).digest()).decode()


def _tiles(seen: Overview) -> list[tuple[str, str]]:
    totals, human = seen.totals, seen.readings["human"]
    medians = {row["score"]: row["median"] for row in human["scores"]}
    return [
        ("applications", f"{totals['applications']:,}"),
        ("with human clicks", share(human["with_clicks"], totals["stored"])),
        ("human clicks", f"{human['clicks']:,}"),
        ("machine clicks", f"{totals['machine_clicks']:,}"),
        ("engagement, median", points(medians["engagement_score"])),
        ("intent, median", points(medians["intent_score"])),
        ("first click, median", brief(human["response"]["median"])),
    ]
