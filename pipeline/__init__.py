"""From raw clicks to rows, and answers from what is stored."""

import os

__version__ = "0.1.0"

# for Polars, before it is there: docs/decisions/0062-engines.md
os.environ.setdefault("POLARS_ENGINE_AFFINITY", "in-memory")
