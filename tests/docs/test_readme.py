"""The README is a session: its commands are run over the demo's data, its outputs are theirs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.demo import sample
from tests.commands import inherited
from tests.databases import fresh
from tests.docs.pages import README, ROOT, fenced, text_of

NOT_RUN = ("git clone ", "cd ", "export ", "make test")
DEMO = "clickstats demo"  # what `make demo` runs
VARIES = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?": "TIME",
    r"Run [\da-f-]{36}": "Run UUID",
    r"TIME [\da-f]{8} ": "TIME UUID ",
    r"\d+\.\d\d s\b": "SECONDS",
    r"\d+ min ago": "MINUTES ago",
    r"PostgreSQL \d+\.\d+": "PostgreSQL VERSION",
    r"\s+": " ",  # a column is as wide as its values
    r"─+": "─",
}
CUT = "[…]"


def session() -> Iterator[tuple[str, str]]:
    """Each command of the README with the output that stands under it."""
    for language, block in fenced(README):
        if language == "console":
            for typed in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = typed.partition("\n")
                yield command, output


def masked(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, name in VARIES.items():
        text = re.sub(pattern, name, text)
    return text.strip()


def assert_printed(documented: str, printed: str) -> None:
    """Every line that the page shows was printed, in this order; only at a cut may there be
    more."""
    kept = [re.escape(masked(some)) for some in documented.split(CUT)]
    assert re.fullmatch(r"\s?.*?\s?".join(kept), masked(printed), re.DOTALL), printed


@pytest.mark.slow
def test_the_outputs_are_those_of_the_commands(server_url: str, tmp_path: Path) -> None:
    assert re.search(rf"^demo:.*\n\t.*{DEMO}$", text_of(ROOT / "Makefile"), re.MULTILINE)
    with fresh(server_url) as database:
        with closing(database.connect()) as connection:
            sample.load(connection, 2_000, 6_000)
        environment = inherited() | {
            "CLICKSTATS_DATABASE_URL": database.url,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",  # the order of log and result
        }
        for command, output in session():
            if command.startswith(NOT_RUN):
                continue
            done = subprocess.run(
                ["/bin/sh", "-c", DEMO if command == "make demo" else command],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                timeout=120,
                check=False,
            )
            assert_printed(output, done.stdout)


PRINTED = "a  1\nRun 57298a92-cd26-4161-82cc-a75859ce9370 took 0.10 s\nb\n"


def test_what_is_cut_and_what_varies_may_be_anything() -> None:
    assert_printed(
        f"{CUT}\nRun c608d368-ccd1-42cb-a78a-0d0db0974269 took 12.34 s\n{CUT}\n", PRINTED
    )
    assert_printed(f"a 1\n{CUT}\nb\n", PRINTED)


@pytest.mark.parametrize("wrong", ["a 1\nb\n", f"a 2\n{CUT}\n", f"{CUT}\nRun\n", "a 1\n", ""])
def test_the_rest_may_not(wrong: str) -> None:
    with pytest.raises(AssertionError):
        assert_printed(wrong, PRINTED)


def test_the_readme_is_short_and_counts_no_tests() -> None:
    assert len(text_of(README).splitlines()) <= 160
    assert not re.search(r"\d+ passed", text_of(README))
