"""A report as one page that needs nothing else: charts, their numbers, the library that draws."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib.resources import files

from jinja2 import Environment

from cli.chart_parts import CONFIG
from cli.chart_script import chart_script
from cli.report_sections import sections
from cli.wording import brief, freshness, minute, share
from pipeline.answers.overview import Overview


def page(seen: Overview) -> str:
    """The report as HTML."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(
        files("cli").joinpath("report.html.jinja").read_text(encoding="utf-8")
    )
    shown = list(sections(seen))
    specs = [figure.spec for section in shown for figure in section.figures if figure.spec]
    script = chart_script()
    return template.render(
        taken_at=minute(seen.taken_at),
        timezone=seen.timezone,
        freshness=freshness(seen.totals),
        tiles=_tiles(seen),
        sections=shown,
        charts={"specs": specs, "config": CONFIG},
        script=script,
        script_hash=b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _tiles(seen: Overview) -> list[tuple[str, str]]:
    totals, medians = seen.totals, {row["score"]: row["median"] for row in seen.scores}
    return [
        ("applications", f"{totals['applications']:,}"),
        ("with clicks", share(totals["with_clicks"], totals["stored"])),
        ("clicks", f"{totals['clicks']:,}"),
        ("median engagement score", _points(medians["engagement_score"])),
        ("median intent score", _points(medians["intent_score"])),
        ("median time to first click", brief(seen.response["median"])),
    ]


def _points(points: float | None) -> str:
    return "–" if points is None else f"{points:g}"
