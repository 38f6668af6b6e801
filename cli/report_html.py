"""A report as one page that needs nothing else: charts, their numbers, the library that draws."""

from __future__ import annotations

import gzip
import hashlib
from base64 import b64encode
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment

from cli.chart_parts import CONFIG
from cli.chart_script import chart_script
from cli.report_sections import sections
from cli.wording import ago, minute
from pipeline.answers.overview import Overview, overview
from pipeline.settings import Settings


def report_page(
    settings: Settings, interview: Sequence[str] = (), offer: Sequence[str] = ()
) -> str:
    """The report on what the database holds now, as HTML."""
    return page(overview(settings, interview, offer))


def page(seen: Overview) -> str:
    """The report as HTML."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_file("report.html.jinja"))
    shown = list(sections(seen))
    specs = [figure.spec for section in shown for figure in section.figures if figure.spec]
    drawing, unpacking, sorting = chart_script(), _file("unpack.js"), _file("sort.js")
    scripts = gzip.decompress(drawing), unpacking.encode(), sorting.encode()
    return template.render(
        taken_at=minute(seen.taken_at),
        timezone=seen.timezone,
        tiles=_tiles(seen),
        sections=shown,
        charts={"specs": specs, "config": CONFIG},
        packed=b64encode(drawing).decode(),
        unpacking=unpacking,
        sorting=sorting,
        scripts=list(map(_hash, scripts)),
    )


def _file(name: str) -> str:
    return files("cli").joinpath(name).read_text(encoding="utf-8")


def _hash(script: bytes) -> str:
    """As the page's Content-Security-Policy names a script that may run."""
    return b64encode(hashlib.sha256(script).digest()).decode()


def _tiles(seen: Overview) -> list[tuple[str, str]]:
    published_at = seen.definition["published_at"]
    return [
        ("to follow up", f"{seen.followups.count:,}"),
        ("changed in 24 h", f"{seen.changes.count:,}"),
        ("published", ago(seen.taken_at - published_at) if published_at else "never"),
        ("with newer clicks", "–" if seen.outdated is None else f"{seen.outdated:,}"),
        ("applications", f"{seen.totals['applications']:,}"),
        ("human clicks", f"{seen.readings['human']['clicks']:,}"),
        ("machine clicks", f"{seen.totals['machine_clicks']:,}"),
    ]
