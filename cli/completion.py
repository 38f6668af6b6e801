"""Completion in the shell: of a shell that is named, and of the names that a command takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from pipeline.errors import ConfigurationError

OPTIONS = ("--install-completion", "--show-completion")  # Typer's, which look at the shell in use


def completed_for(arguments: Sequence[str]) -> bool:
    """Print or install the completion for the shell that is named behind the option; False where
    something else is asked."""
    if len(arguments) != 2 or arguments[0] not in OPTIONS or arguments[1].startswith("-"):
        return False

    from typer.completion import (  # type: ignore[attr-defined]
        Shells,
        get_completion_script,
        install,
    )

    option, shell = arguments
    if shell not in (known := [each.value for each in Shells]):
        raise ConfigurationError(f"no completion for {shell!r}; expected one of {', '.join(known)}")
    if option == "--show-completion":
        variable = "_CLICKSTATS_COMPLETE"
        print(get_completion_script(prog_name="clickstats", complete_var=variable, shell=shell))
    else:
        _, path = install(shell=shell, prog_name="clickstats")
        print(f"completion for {shell} installed in {path}; open another shell", file=sys.stderr)
    return True


def described(incomplete: str) -> Iterator[str]:
    """The names of metrics, rules and classes that begin so; a space would end the word."""
    from pipeline.answers.dictionary import names

    known = (each.replace(" ", "-") for each in names())
    return (name for name in known if name.startswith(incomplete))
