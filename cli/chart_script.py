"""The JavaScript that draws a page's charts: bundled and compressed once, then kept in the user's
cache folder."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from pipeline.answers.whole_file import whole_file
from pipeline.errors import ConfigurationError


def bundled(source: str) -> str:
    """The script with the libraries that it needs: two seconds of work."""
    import vl_convert  # 88 MB: only when the cache lacks the script

    script: str = vl_convert.javascript_bundle(source)
    return script


def chart_script(bundle: Callable[[str], str] = bundled) -> bytes:
    """report.js, bundled and compressed; from the cache, unless that cannot be used."""
    source = files("cli").joinpath("report.js").read_text(encoding="utf-8")
    made_of = _hash(f"{version('vl-convert-python')}\n{source}".encode())
    folder = _cache_folder()
    if folder and (kept := _kept(folder, made_of)):
        return kept
    packed = gzip.compress(bundle(source).encode(), mtime=0)
    if folder:
        path = folder / f"charts-{made_of}-{_hash(packed)}.gz"
        with suppress(ConfigurationError), whole_file(path) as file:
            file.write(packed)
    return packed


def _cache_folder() -> Path | None:
    """The folder, made if it is missing. None when others may write there, too: the pages run what
    lies in it."""
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        folder = (chosen if chosen.is_absolute() else Path.home() / ".cache") / "clickstats"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except (OSError, RuntimeError):  # no home
        return None
    return folder if state.st_uid == os.geteuid() and not state.st_mode & 0o022 else None


def _kept(folder: Path, made_of: str) -> bytes | None:
    """What was written. A file that has changed since is removed."""
    for file in folder.glob(f"charts-{made_of}-*.gz"):
        with suppress(OSError):
            packed = file.read_bytes()
            if file.stem.endswith(_hash(packed)):
                return packed
            file.unlink()
    return None


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()[:32]
