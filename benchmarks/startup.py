"""What starting costs: Polars alone, which `clickstats run --app-id` cannot do without, and
`clickstats --help`, which does."""

import sys

from benchmarks.peer import CLICKSTATS, Peer

SITUATIONS = ("one application",)
PEERS = (
    Peer(
        "import polars",
        "`python -c 'import polars'`",
        lambda _: [sys.executable, "-c", "import polars"],
        situations=SITUATIONS,
        writes=False,
    ),
    Peer(
        "clickstats --help",
        "`clickstats --help`",
        lambda _: [CLICKSTATS, "--help"],
        situations=SITUATIONS,
        writes=False,
    ),
)
