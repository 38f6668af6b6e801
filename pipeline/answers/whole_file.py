"""A file that is there whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.errors import ConfigurationError


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name only when all of it has been written."""
    path = _target(path)
    partial = _partial(path)
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def refuse_unwritable(path: Path) -> None:
    """Raise `ConfigurationError` now, and not after hours of work, where no file can be written."""
    partial = _partial(_target(path))
    try:
        partial.touch()
        partial.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path}: {error.strerror or error}; nothing was done"
        ) from error


def _partial(path: Path) -> Path:
    # processes of two containers, or of two machines, may have one number
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")


def _target(path: Path) -> Path:
    """The file itself, where the path is a symbolic link."""
    try:
        is_other = path.exists() and not path.is_file()
        target = path.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise ConfigurationError(f"cannot write {path}: {error}") from error
    if is_other:
        raise ConfigurationError(
            f"{path} is there and is no regular file; expected the name of a file"
        )
    return target
