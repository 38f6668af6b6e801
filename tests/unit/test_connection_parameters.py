"""URLs of databases in all their forms, as libpq's parameters."""

import traceback

import psycopg2
import pytest

from pipeline.database.attempts import may_pass
from pipeline.database.connection import connect
from pipeline.database.url import connection_parameters
from pipeline.errors import ClickstatsError, ConfigurationError
from pipeline.settings import Settings

SECRET = "s3cr3t"
ODD = "p@ss:w/o?r#d%20 [&='é\"+\\"
QUOTED = "p%40ss%3Aw%2Fo%3Fr%23d%2520%20%5B%26%3D%27%C3%A9%22%2B%5C"
DB = {"user": "me", "password": "secret", "host": "db", "port": "5433", "dbname": "jobs"}

FORMS = [
    ("postgresql://me:secret@db:5433/jobs", DB),
    ("postgres://me:secret@db:5433/jobs", DB),
    ("postgresql+psycopg2://me:secret@db:5433/jobs", DB),
    ("host=db port=5433 dbname=jobs user=me password=secret", DB),
    ("postgresql:///?host=db&port=5433&dbname=jobs&user=me&password=secret", DB),
    # nothing but the name: the rest is libpq's to find
    ("postgresql:///jobs", {"dbname": "jobs"}),
    ("postgresql+psycopg2:///jobs", {"dbname": "jobs"}),
    # special characters
    (f"postgresql://m%40e:{QUOTED}@db/j%2Fobs",
     {"user": "m@e", "password": ODD, "host": "db", "dbname": "j/obs"}),
    (f"postgresql+psycopg2://m%40e:{QUOTED}@db/jobs",
     {"user": "m@e", "password": ODD, "host": "db", "dbname": "jobs"}),
    (r"host=db password='it\'s a \\'", {"host": "db", "password": "it's a \\"}),
    # a unix socket
    ("postgresql:///jobs?host=/var/run/x", {"host": "/var/run/x", "dbname": "jobs"}),
    ("postgresql://%2Fvar%2Frun%2Fx/jobs", {"host": "/var/run/x", "dbname": "jobs"}),
    ("postgresql+psycopg2:///jobs?host=/var/run/x", {"host": "/var/run/x", "dbname": "jobs"}),
    # several hosts, as libpq writes them and as SQLAlchemy does
    ("postgresql://me@a:1,b:2/jobs?target_session_attrs=read-write",
     {"user": "me", "host": "a,b", "port": "1,2", "dbname": "jobs",
      "target_session_attrs": "read-write"}),
    ("postgresql+psycopg2://me@/jobs?host=a:1&host=b:2",
     {"user": "me", "host": "a,b", "port": "1,2", "dbname": "jobs"}),
    ("postgresql://me@/jobs?host=a:1&host=b:2",
     {"user": "me", "host": "a,b", "port": "1,2", "dbname": "jobs"}),
    ("postgresql://me@[::1]:5433/jobs",
     {"user": "me", "host": "::1", "port": "5433", "dbname": "jobs"}),
    # TLS and whatever else libpq knows
    ("postgresql://db/jobs?sslmode=verify-full&sslrootcert=%2Fx%2Fca.pem&connect_timeout=3",
     {"host": "db", "dbname": "jobs", "sslmode": "verify-full", "sslrootcert": "/x/ca.pem",
      "connect_timeout": "3"}),
    ("postgresql+psycopg2://db/jobs?sslmode=verify-full&options=-c%20work_mem%3D1GB",
     {"host": "db", "dbname": "jobs", "sslmode": "verify-full", "options": "-c work_mem=1GB"}),
]  # fmt: skip


@pytest.mark.parametrize(("url", "parameters"), FORMS, ids=[url for url, _ in FORMS])
def test_every_form_of_a_url(url: str, parameters: dict[str, str]) -> None:
    found = connection_parameters(url)
    assert {name: str(value) for name, value in found.items() if value is not None} == parameters


@pytest.mark.parametrize(
    "url",
    [
        SECRET,
        f"me:{SECRET}@localhost/jobs",
        f"mysql://me:{SECRET}@localhost/jobs",
        f"postgresql+asyncpg://me:{SECRET}@localhost/jobs",
        f"postgresql://me:p@{SECRET}@localhost/jobs",
        f"postgresql://me:p/{SECRET}@localhost/jobs",
        f"postgresql://me:p%zz{SECRET}@localhost/jobs",
        f"postgresql://me:p@[{SECRET}/jobs",
        f"postgresql://me@localhost/jobs?{SECRET}",
        f"postgresql://me@localhost/jobs?{SECRET}=1",
        f"postgresql+psycopg2://me:p@localhost:{SECRET}/jobs",
        f"postgresql+psycopg2://me:p@{SECRET}@localhost/jobs",
        f"host=localhost password=p {SECRET}",
        f"host=localhost password='{SECRET}",
    ],
)
def test_nothing_of_a_url_that_cannot_be_read_is_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="percent-encoded") as error:
        connection_parameters(url)
    assert SECRET not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}",
        f"postgresql://me:{SECRET}/jobs",
        f"postgresql://me@localhost:{SECRET}/jobs",
        f"postgresql+psycopg2://me:{SECRET}/jobs",
        f"postgresql://me:?{SECRET}@nowhere.invalid/jobs",
        f"postgresql://me:#{SECRET}@nowhere.invalid/jobs",
        f"postgresql://me: {SECRET}@nowhere.invalid/jobs",
        f"postgresql://me::{SECRET}@nowhere.invalid/jobs",
        f"postgresql://nowhere.invalid/jobs?password={SECRET}",
        f"postgresql://nowhere.invalid/jobs?password={SECRET}&sslmode=perhaps",
        f"host=nowhere.invalid password='a {SECRET}'",
    ],
)
def test_nor_is_a_password_when_connecting_fails(url: str) -> None:
    with pytest.raises(ClickstatsError) as error:
        connect(Settings(url, connect_timeout=2, connect_pause=0))
    assert SECRET not in "".join(traceback.format_exception(error.value))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db/jobs?connect_timeout=abc",
        "postgresql://db/jobs?connect_timeout=1e3",
        "postgresql+psycopg2://db/jobs?connect_timeout=abc",
        "postgresql://db/jobs?foo=bar",
        "postgresql+psycopg2://db/jobs?foo=bar",
        "postgresql://db/jobs?replication=true",
        "host=db replication=database",
        "postgresql://127.0.0.1:1/jobs?sslmode=perhaps",
        "postgresql://127.0.0.1:1/jobs?target_session_attrs=fast",
        "postgresql://127.0.0.1:1/jobs?keepalives_idle=often",
    ],
)
def test_parameters_that_make_no_sense(url: str) -> None:
    """Wrong configuration, whatever the server is like."""
    with pytest.raises(ConfigurationError, match="database URL"):
        connect(Settings(url, connect_timeout=2))


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ('connection to server at "127.0.0.1", port 1 failed: Connection refused', True),
        ('connection to server at "10.0.0.1", port 5432 failed: timeout expired', True),
        ("connection failed: server closed the connection unexpectedly", True),
        ('could not translate host name "db" to address: Temporary failure', True),
        ('connection to server on socket "/x/.s.PGSQL.5432" failed: No such file', True),
        ("failed: FATAL:  the database system is starting up", True),
        ("failed: FATAL:  the database system is not yet accepting connections", True),
        ("failed: FATAL:  sorry, too many clients already", True),
        ("failed: FATAL:  remaining connection slots are reserved", True),
        ('failed: FATAL:  password authentication failed for user "me"', False),
        ('failed: FATAL:  database "nowhere" does not exist', False),
        ('failed: FATAL:  no pg_hba.conf entry for host "10.0.0.1"', False),
        ("failed: SSL error: certificate verify failed", False),
        ('failed: server certificate for "db" does not match host name "other"', False),
        ("failed: server does not support SSL, but SSL was required", False),
    ],
)
def test_what_may_pass_is_tried_again(said: str, passes: bool) -> None:
    assert may_pass(psycopg2.OperationalError(said)) == passes
    assert not may_pass(psycopg2.ProgrammingError(said))
