"""Over TLS to a server whose certificate a private authority has signed.

The server refuses every connection that is not encrypted, so that a run that succeeds made none.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from pipeline.database.connection import session
from pipeline.database.transport import connectorx_url
from pipeline.demo.embedded import SYSTEM_VERSIONS, Server, server
from pipeline.errors import NoConnection
from pipeline.migrate import migrate
from pipeline.run import run_all, run_named
from pipeline.run_steps import Step
from tests.commands import clickstats
from tests.databases import SOURCE_TABLES, Database
from tests.engines import reference, stored
from tests.holds import at
from tests.security.test_isolation import SOURCE
from tests.waiting import wait_until

ONLY_ENCRYPTED = "hostssl all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n"
NAMED = "00000000-0000-0000-0000-000000000001"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities, `ours` and `theirs`, with a certificate for localhost of each."""
    folder = tmp_path_factory.mktemp("certificates")
    if not shutil.which("openssl"):
        pytest.skip("the program openssl is not installed")
    (folder / "names").write_text("subjectAltName=DNS:localhost")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    for authority in ("ours", "theirs"):
        for command in (
            f"req -x509 {key} -days 2 -subj /CN={authority} -keyout {authority}.key"
            f" -out {authority}.crt",
            f"req -new {key} -subj /CN=localhost -keyout server-{authority}.key -out request",
            f"x509 -req -in request -CA {authority}.crt -CAkey {authority}.key -CAcreateserial"
            f" -days 2 -extfile names -out server-{authority}.crt",
        ):
            subprocess.run(
                ["openssl", *command.split()], cwd=folder, check=True, capture_output=True
            )
    return folder


@pytest.fixture(scope="module")
def encrypted(certificates: Path) -> Iterator[Server]:
    """A system's server: the embedded one has no OpenSSL."""
    folders = sorted(SYSTEM_VERSIONS.glob("[1-9][0-9]/bin"), reverse=True)
    if not folders:
        pytest.skip(f"no server with OpenSSL in {SYSTEM_VERSIONS}")
    with pytest.MonkeyPatch.context() as patches:
        patches.setenv("CLICKSTATS_PG_BIN", str(folders[0]))
        patches.setattr("pipeline.demo.embedded.IN_A_HURRY", {"fsync": "off"})
        with server() as running:
            data = running.base / "data"
            for name in ("tls.crt", "tls.key", "tls.hba"):
                (data / name).write_text(ONLY_ENCRYPTED)
                (data / name).chmod(0o600)
                os.chown(data / name, data.stat().st_uid, data.stat().st_gid)
            show_certificate(running, certificates, "ours")
            with closing(psycopg2.connect(running.url())) as admin, admin.cursor() as cursor:
                admin.autocommit = True
                for setting in (
                    "ssl_cert_file = 'tls.crt'",
                    "ssl_key_file = 'tls.key'",
                    "ssl = on",
                    f"hba_file = '{data}/tls.hba'",
                ):
                    cursor.execute(f"alter system set {setting}")
            running.crash()
            running.start()
            yield running


def show_certificate(running: Server, certificates: Path, authority: str) -> None:
    """To whoever connects from the next reload on."""
    for end in ("crt", "key"):
        certificate = (certificates / f"server-{authority}.{end}").read_text()
        (running.base / f"data/tls.{end}").write_text(certificate)


def reload(running: Server, url: str) -> None:
    """Until new connections see it."""
    with closing(psycopg2.connect(running.socket_url())) as admin, admin.cursor() as cursor:
        cursor.execute("select pg_reload_conf()")
    wait_until(lambda: refuses(url))


def refuses(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return True
    return False


@pytest.fixture
def database(encrypted: Server) -> Database:
    """As the server's own socket sees it."""
    local = Database(encrypted.socket_url(), "postgres")
    local.execute("drop schema public cascade; create schema public")
    local.execute(SOURCE_TABLES + SOURCE)
    migrate(local.settings())
    return local


Url = Callable[..., str]


@pytest.fixture
def url(encrypted: Server, certificates: Path) -> Url:
    """Over TCP, checking as the parameters say."""

    def url(sslmode: str, *, host: str = "localhost", authority: str | None = "ours") -> str:
        plain = encrypted.url().replace("127.0.0.1", host)
        trusted = f"&sslrootcert={certificates}/{authority}.crt" if authority else ""
        return f"{plain}?sslmode={sslmode}{trusted}"

    return url


def by_connectorx(database: Database) -> bool:
    """Whether ConnectorX reads the tables."""
    with session(database.settings(), snapshot=True) as connection:
        return connectorx_url(connection) is not None


@pytest.mark.parametrize("sslmode", ["verify-full", "verify-ca", "require"])
def test_the_authority_is_known(database: Database, url: Url, sslmode: str) -> None:
    """What ConnectorX does not check is read through psycopg2."""
    safe = Database(url(sslmode), "postgres")
    assert run_all(safe.settings()).inserted == 9
    run_named(safe.settings(), [NAMED])
    assert stored(safe) == reference(safe)
    assert not by_connectorx(safe)
    for command in (["run", "--all"], ["migrate"], ["verify"], ["status"]):
        assert clickstats(*command, database=safe).code == 0


@pytest.mark.parametrize("sslmode", ["require", "prefer", "allow"])
def test_encrypted_but_not_checked(database: Database, url: Url, sslmode: str) -> None:
    """ConnectorX reads, over TLS like the others."""
    safe = Database(url(sslmode, host="127.0.0.1", authority=None), "postgres")
    assert run_all(safe.settings()).inserted == 9
    assert stored(safe) == reference(safe)
    assert by_connectorx(safe)


WRONG = {
    "authority": ({"sslmode": "verify-full", "authority": "theirs"}, "certificate verify failed"),
    "authority, its name unchecked": (
        {"sslmode": "verify-ca", "authority": "theirs"},
        "certificate verify failed",
    ),
    "authority, required": (
        {"sslmode": "require", "authority": "theirs"},
        "certificate verify failed",
    ),
    "host name": ({"sslmode": "verify-full", "host": "127.0.0.1"}, "does not match host name"),
    "unencrypted": ({"sslmode": "disable"}, "no encryption"),
}


@pytest.mark.parametrize(("asked", "says"), WRONG.values(), ids=WRONG)
def test_the_wrong_server_is_refused(
    database: Database, url: Url, asked: dict[str, str], says: str
) -> None:
    wrong = Database(url(**asked), "postgres")
    for work in (
        lambda: run_all(wrong.settings()),
        lambda: run_named(wrong.settings(), [NAMED]),
        lambda: migrate(wrong.settings()),
    ):
        with pytest.raises(NoConnection, match=says):
            work()
    assert not database.execute("select 1 from clickstats_runs")


def test_the_environment_asks_for_it(
    database: Database, encrypted: Server, certificates: Path
) -> None:
    """As libpq's variables do; ConnectorX knows nothing of them."""
    asked = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": f"{certificates}/ours.crt"}
    for host, code in (("localhost", 0), ("127.0.0.1", 3)):
        plain = encrypted.url().replace("127.0.0.1", host)
        answer = clickstats("run", "--all", database=plain, **asked)
        assert answer.code == code, answer.errors
        assert "Traceback" not in answer.errors


@pytest.mark.parametrize("sslmode", ["verify-full", "verify-ca", "require"])
@pytest.mark.parametrize("step", ["lock", "gate"])
def test_every_connection_is_checked(
    database: Database,
    encrypted: Server,
    certificates: Path,
    url: Url,
    sslmode: str,
    step: Step,
) -> None:
    """Somebody else answers in the server's place once the run is under way."""
    safe = Database(url(sslmode), "postgres")

    def replaced() -> None:
        show_certificate(encrypted, certificates, "theirs")
        reload(encrypted, safe.url)

    try:
        with pytest.raises(NoConnection, match="certificate verify failed"):
            run_all(safe.settings(), before=at(step, replaced))
    finally:
        show_certificate(encrypted, certificates, "ours")
        reload(encrypted, url(sslmode, authority="theirs"))
    assert not stored(database)
