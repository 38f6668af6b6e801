"""Completion in the shell: for the shell that is named, and of names."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.answers.dictionary import entries, names
from tests.commands import as_process, clickstats, inherited

SCRIPTS = {
    "bash": "complete -o default -F _clickstats_completion clickstats",
    "zsh": "#compdef clickstats",
    "fish": "complete --command clickstats",
    "powershell": "Register-ArgumentCompleter",
    "pwsh": "Register-ArgumentCompleter",
}
ASKING = """
eval "$(clickstats --show-completion bash)"
COMP_WORDS=(clickstats describe {typed}) COMP_CWORD=2
_clickstats_completion clickstats
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_is_that_of_the_shell_that_is_named(shell: str) -> None:
    answer = clickstats("--show-completion", shell)
    assert answer.code == 0
    assert SCRIPTS[shell] in answer.text


def test_another_shell_is_a_mistake() -> None:
    for option in ("--show-completion", "--install-completion"):
        answer = clickstats(option, "tcsh")
        assert (answer.code, answer.text) == (2, "")
        assert answer.errors == (
            "clickstats: no completion for 'tcsh'; expected one of bash, zsh, fish, powershell, "
            "pwsh\n"
        )


def test_installed_for_the_shell_that_is_named(tmp_path: Path) -> None:
    answer = as_process("--install-completion", "zsh", HOME=str(tmp_path))
    assert answer.code == 0, answer.errors
    [script] = (tmp_path / ".zfunc").iterdir()
    assert str(script) in answer.errors
    assert SCRIPTS["zsh"] in script.read_text()


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("hours_to", {"hours_to_first_click"}),
        ("intent_score", {"intent_score", "intent_score_all", "intent_score_human"}),
        ("quick", {"quick-response"}),
        ("Calendly", {"Calendly-clicked"}),
        ("swee", {"sweep"}),
    ],
)
def test_names_of_metrics_rules_and_classes_complete(typed: str, expected: set[str]) -> None:
    done = subprocess.run(
        ["bash", "-c", ASKING.format(typed=typed)],
        env=inherited() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == expected


def test_each_name_that_is_offered_is_known() -> None:
    for name in names():
        assert entries(name.replace(" ", "-"))
