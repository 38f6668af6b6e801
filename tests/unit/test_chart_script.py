"""The cache of the charts' JavaScript: it is used only as it was written, and never in the way."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from stat import S_IMODE

import pytest

from cli.chart_script import chart_script

SCRIPT = "draw('é')"
PACKED = gzip.compress(SCRIPT.encode(), mtime=0)


@pytest.fixture
def times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each bundling; there is no cache yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new/cache"))
    return []


@pytest.fixture
def script(times: list[int]) -> Callable[[], str]:
    """The script, by a bundler that is quick."""

    def bundle(source: str) -> str:
        assert "vegaEmbed" in source
        times.append(1)
        return SCRIPT

    return lambda: gzip.decompress(chart_script(bundle)).decode()


@pytest.fixture
def kept(script: Callable[[], str], tmp_path: Path) -> Path:
    """The file of a first bundling."""
    assert script() == SCRIPT
    [kept] = (tmp_path / "new/cache/clickstats").iterdir()
    return kept


def test_it_is_bundled_once(kept: Path, script: Callable[[], str], times: list[int]) -> None:
    assert script() == SCRIPT
    assert len(times) == 1
    assert gzip.decompress(kept.read_bytes()) == SCRIPT.encode()
    assert S_IMODE(kept.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "change",
    [b"", PACKED[:-1], PACKED + PACKED, gzip.compress(b"alert(1)")],
    ids=["empty", "cut", "twice", "another"],
)
def test_one_that_has_changed_is_not_used(
    kept: Path, script: Callable[[], str], times: list[int], change: bytes
) -> None:
    kept.write_bytes(change)
    assert script() == script() == SCRIPT
    assert len(times) == 2
    assert [file.read_bytes() for file in kept.parent.iterdir()] == [PACKED]


def test_nor_is_one_of_another_version(
    kept: Path, script: Callable[[], str], times: list[int]
) -> None:
    start, _, content = kept.stem.split("-")
    kept.rename(kept.with_name(f"{start}-{'0' * len(content)}-{content}.gz"))
    assert script() == SCRIPT
    assert len(times) == 2


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_nor_is_anything_where_others_may_write(
    kept: Path, script: Callable[[], str], times: list[int], mode: int
) -> None:
    kept.parent.chmod(mode)
    assert script() == SCRIPT
    assert len(times) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_nor_is_anything_of_somebody_else(
    kept: Path, script: Callable[[], str], times: list[int]
) -> None:
    os.chown(kept.parent, 65534, 65534)
    assert script() == SCRIPT
    assert len(times) == 2


@pytest.mark.parametrize("folder", ["/dev/null", "/proc"])
def test_without_a_folder_there_is_no_cache_and_no_word(
    script: Callable[[], str], monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", folder)
    assert script() == SCRIPT


def test_a_file_that_cannot_be_written_is_no_failure(kept: Path, script: Callable[[], str]) -> None:
    kept.unlink()
    kept.mkdir()
    assert script() == SCRIPT


def test_a_relative_folder_is_none(
    script: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the XDG specification says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert script() == SCRIPT
    assert not (tmp_path / "here").exists()
    assert len(list((tmp_path / "home/.cache/clickstats").iterdir())) == 1
