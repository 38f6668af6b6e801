"""From raw clicks to rows, and answers from what is stored."""

__version__ = "0.1.0"
