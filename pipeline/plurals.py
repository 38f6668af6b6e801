"""Singular and plural."""


def counted(count: int, one: str, several: str) -> str:
    """1 click lies in the future; 2,000 clicks lie in the future."""
    return f"{count:,} {one if count == 1 else several}"
