"""A page in headless Chromium as a person has it: a window of some width, keys, questions asked."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from pipeline.demo.embedded import free_port
from tests.browser import CHROMIUM
from tests.waiting import wait_until

CHROMEDRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


@dataclass(frozen=True)
class Window:
    """A session of ChromeDriver: https://www.w3.org/TR/webdriver2/."""

    port: int
    session: str

    def ask(self, script: str) -> Any:
        """What a script, run in the page, returns."""
        return self.post("execute/sync", script=script, args=[])

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as characters of the WebDriver standard."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.post("actions", actions=[{"type": "key", "id": "keys", "actions": actions}])

    def post(self, command: str, **body: object) -> Any:
        """Send a command to the session."""
        return _send(self.port, "POST", f"/session/{self.session}/{command}", **body)


@contextmanager
def window(page: Path, width: int, height: int = 844) -> Iterator[Window]:
    """The page in a window of exactly this width, as a phone has it, when its charts are drawn."""
    assert CHROMEDRIVER
    assert CHROMIUM
    port = free_port()
    driver = subprocess.Popen(
        [CHROMEDRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _is_ready(port))
        screen = {"width": width, "height": height, "pixelRatio": 1, "mobile": width < 600}
        options = {
            "binary": CHROMIUM,
            "args": [*FLAGS, f"--user-data-dir={page.with_name('window-profile')}"],
            "mobileEmulation": {"deviceMetrics": screen},
        }
        capabilities = {"alwaysMatch": {"goog:chromeOptions": options}}
        made = _send(port, "POST", "/session", capabilities=capabilities)
        opened = Window(port, made["sessionId"])
        opened.post("url", url=page.as_uri())
        wait_until(lambda: opened.ask("return document.documentElement.dataset.drawn"))
        yield opened
        _send(port, "DELETE", f"/session/{opened.session}")
    finally:
        driver.terminate()
        driver.wait()


def _is_ready(port: int) -> bool:
    try:
        return bool(_send(port, "GET", "/status")["ready"])
    except OSError:
        return False


def _send(port: int, method: str, path: str, **body: object) -> Any:
    with closing(HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.request(method, path, json.dumps(body) if method == "POST" else None)
        return json.load(connection.getresponse())["value"]
