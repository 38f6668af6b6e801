"""A page in headless Chromium: what became of it, what it said and what it asked for."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # what the browser itself asks for stays here
    "--enable-logging=stderr",
    "--virtual-time-budget=10000",
    "--dump-dom",
)


@dataclass(frozen=True)
class Visit:
    """What a page was like once its scripts had run."""

    dom: str
    console: list[str]
    requests: list[str]  # URLs that the page asked for, answered or not


def visit(page: Path, width: int = 1280) -> Visit:
    """Open the file in a browser of its own."""
    assert CHROMIUM
    profile = page.with_name(f"{page.stem}-profile")
    log = page.with_name(f"{page.stem}-net.json")
    done = subprocess.run(
        [
            CHROMIUM,
            *OPTIONS,
            f"--user-data-dir={profile}",
            f"--log-net-log={log}",
            f"--window-size={width},2000",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return Visit(
        dom=done.stdout,
        console=re.findall(r"CONSOLE:\d+\] (.*)", done.stderr),
        requests=_requests(json.loads(log.read_text())),
    )


def _requests(log: dict[str, Any]) -> list[str]:
    start = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    return [
        event["params"]["url"]
        for event in log["events"]
        if event["type"] == start
        # the browser's own requests belong to no page
        and event["params"].get("network_isolation_key", "").startswith("file://")
    ]
