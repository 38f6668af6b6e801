"""Files that are there whole or not at all."""

from pathlib import Path

from pipeline.answers.whole_file import refuse_unwritable, whole_file


def test_two_writers_of_one_file(tmp_path: Path) -> None:
    """In two containers both may be process 1. Whoever ends last has written all of it."""
    path = tmp_path / "rows.csv"
    with whole_file(path) as one:
        one.write(b"one\n" * 3)
        one.flush()
        with whole_file(path) as other:
            other.write(b"other\n")
        assert path.read_bytes() == b"other\n"
        refuse_unwritable(path)
        one.write(b"one\n")
    assert path.read_bytes() == b"one\n" * 4
    assert list(tmp_path.iterdir()) == [path]
