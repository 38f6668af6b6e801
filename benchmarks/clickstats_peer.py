"""clickstats as its users run it: the installed command, from start to exit."""

from benchmarks.peer import CLICKSTATS, WRITER, Peer


def command(application: str | None) -> list[str]:
    """`clickstats run --all` or `clickstats run --app-id`."""
    which = ["--app-id", application] if application else ["--all"]
    return [CLICKSTATS, "run", *which]


PEERS = (
    Peer("clickstats", "`clickstats run`, as the owner of the target", command),
    Peer(
        "clickstats, least privilege",
        "the same as a role that may only read the source and read and write clickstats' tables",
        command,
        login=WRITER,
        situations=("first load",),
    ),
)
