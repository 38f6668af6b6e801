"""What each endpoint answers: the same as the command line prints."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from schema.columns import ANALYTICS
from tests.cli.test_json_schemas import check
from tests.commands import clickstats
from tests.databases import Database
from tests.drawings import named
from tests.serving import Reply, Served, serving

KEEN, EARLY, SILENT = (str(named(name)) for name in ("keen", "early", "silent"))
CALCULATE, APPLICATION = "/api/analytics/calculate/", "/api/analytics/applications/"
UNKNOWN = "00000000-0000-0000-0000-000000000000"


def checked(name: str, reply: Reply) -> Any:
    """The JSON of an answer that is what docs/schemas says."""
    assert reply.headers["content-type"] == "application/json"
    assert reply.status == 200, reply.body
    return check(name, reply.body.decode())


def refused(reply: Reply, status: int) -> Any:
    """The JSON of an answer that is an error: always of the same form."""
    assert reply.status == status, reply.body
    assert reply.headers["content-type"] == "application/problem+json"
    problem = check("problem", reply.body.decode())
    assert problem["status"] == status
    assert problem["request_id"] == reply.headers["x-request-id"]
    return problem


def printed(database: Database, *arguments: str) -> Any:
    answer = clickstats(*arguments, "--format", "json", database=database)
    assert answer.code == 0, answer.errors
    return json.loads(answer.text)


@pytest.mark.parametrize("application_id", [KEEN, EARLY, SILENT])
def test_calculate_is_run_app_id(served: Served, shared: Database, application_id: str) -> None:
    rows = checked("run-app-id", served.ask("POST", CALCULATE + application_id))
    assert rows == printed(shared, "run", "--app-id", application_id)
    [row] = rows
    assert row["application_id"] == application_id


def test_both_readings(served: Served) -> None:
    """Three links at one moment are a sweep: without it there is another score."""
    [row] = served.ask("POST", CALCULATE + KEEN).json
    readings = row["readings"]
    assert (readings["human_clicks"], readings["machine_clicks"]) == (2, 3)
    assert readings["intent_score_all"] == row["intent_score"]
    assert readings["intent_score_human"] < readings["intent_score_all"]


def test_calculate_writes(filled: Database) -> None:
    """A click that came since the last run is in the row at once; the runs share a row of the
    ledger."""
    with serving(filled) as served:
        assert served.ask("POST", CALCULATE + SILENT).json[0]["total_click_events"] == 0
        filled.execute("insert into link_tracking values ('s1', %s, 'Calendly')", [SILENT])
        filled.execute("insert into link_clicks (tracking_id, clicked_at) values ('s1', now())")
        [row] = served.ask("POST", CALCULATE + SILENT).json
    assert (row["total_click_events"], row["click_sequence"]) == (1, ["Calendly"])
    stored = filled.execute(
        "select total_click_events from link_click_analytics where application_id = %s", [SILENT]
    )
    assert stored == [(1,)]
    assert filled.execute(
        "select outcome, options ->> 'rounds', updated from clickstats_runs where command = 'serve'"
    ) == [("published", "2", 2)]


def test_an_application_is_its_row_and_its_explanation(served: Served, shared: Database) -> None:
    found = checked("application", served.ask("GET", f"{APPLICATION}{KEEN}?private=false"))
    [explained] = printed(shared, "explain", KEEN)
    assert {"schema_version": 1, **found["explanation"]} == explained
    assert found["stored_row"].keys() == {*ANALYTICS, "calculated_at", "created_at", "updated_at"}
    for name in ANALYTICS:
        assert found["stored_row"][name] == explained.get(name, explained["metrics"].get(name))


def test_where_clicks_come_from_is_left_out_unless_asked_for(served: Served) -> None:
    clicks = served.ask("GET", APPLICATION + KEEN).json["explanation"]["clicks"]
    assert clicks
    assert all(click.keys().isdisjoint({"user_agent", "ip_address"}) for click in clicks)


def test_an_application_without_a_row(filled: Database) -> None:
    filled.execute("delete from link_click_analytics where application_id = %s", [EARLY])
    with serving(filled) as served:
        found = checked("application", served.ask("GET", APPLICATION + EARLY))
    assert found["stored_row"] is None
    assert found["explanation"]["stored"]["state"] == "missing"


def without_now(found: Any) -> Any:
    return {name: found[name] for name in found if name not in ("now", "since")}


@pytest.mark.parametrize(
    ("path", "schema", "arguments"),
    [
        ("followups", "followups", ["followups"]),
        (
            "followups?within=99999d&limit=1&status=app*&status=NONE",
            "followups",
            ["followups", "--within=99999d", "--limit=1", "--status=app*", "--status=NONE"],
        ),
        (
            "followups?within=99999d&all_statuses=true",
            "followups",
            ["followups", "--within=99999d", "--all-statuses"],
        ),
        ("changes", "changes", ["changes"]),
        ("changes?since=9999.5d&limit=3", "changes", ["changes", "--since=9999.5d", "--limit=3"]),
    ],
)
def test_lists_are_those_of_the_commands(
    served: Served, shared: Database, path: str, schema: str, arguments: list[str]
) -> None:
    found = checked(schema, served.ask("GET", f"/api/analytics/{path}"))
    assert without_now(found) == without_now(printed(shared, *arguments))


def test_health(served: Served) -> None:
    assert checked("health", served.ask("GET", "/healthz"))["state"] == "ok"


def test_metrics_are_those_of_the_file(served: Served, shared: Database, tmp_path: Path) -> None:
    reply = served.ask("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    file = tmp_path / "clickstats.prom"
    clickstats("status", "--metrics-file", str(file), database=shared)
    names = [
        set(re.findall(r"^clickstats_\w+", text, re.M))
        for text in (reply.body.decode(), file.read_text())
    ]
    assert names[0] == names[1] != set()


def test_openapi(served: Served) -> None:
    reply = served.ask("GET", "/openapi.json")
    assert reply.status == 200
    assert reply.json["openapi"].startswith("3.1")
    assert len(reply.json["paths"]) == 8


def test_the_page_is_made_at_most_once_a_minute(filled: Database) -> None:
    with serving(filled, "--timeout", "120") as served:
        first = served.ask("GET", "/")
        assert (first.status, first.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b"<title>clickstats report" in first.body
        filled.execute("delete from job_applications")
        assert served.ask("GET", "/").body == first.body
        policy = first.headers["content-security-policy"]
        assert "script-src 'sha256-" in policy
        assert "default-src 'none'" in policy
        assert policy.endswith("frame-ancestors 'none'")


@pytest.mark.parametrize("form", [KEEN[:8], KEEN[:11], KEEN.replace("-", "")[:12], KEEN.upper()])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_beginning_stands_for_the_id(served: Served, method: str, form: str) -> None:
    path = CALCULATE if method == "POST" else APPLICATION
    found = served.ask(method, path + form)
    assert found.status == 200
    assert KEEN in found.body.decode()


def test_a_beginning_of_several(filled: Database) -> None:
    ids = [f"abcdef01-0000-0000-0000-00000000000{n}" for n in range(7)]
    for each in ids:
        filled.execute("insert into job_applications (id) values (%s)", [each])
    with serving(filled) as served:
        for method, path in (("POST", CALCULATE), ("GET", APPLICATION)):
            problem = refused(served.ask(method, path + "ABCDEF01"), 422)
            assert problem["candidates"] == ids[:5]
            assert "several applications" in problem["detail"]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_ids_that_are_none(served: Served, method: str) -> None:
    path = CALCULATE if method == "POST" else APPLICATION
    assert UNKNOWN in refused(served.ask(method, path + UNKNOWN), 404)["detail"]
    assert "12345678" in refused(served.ask(method, path + "12345678"), 404)["detail"]
    for malformed in ("1234567", "nobody", "%00", "..", "x" * 200, "%F0%9F%98%80", "'; drop--"):
        problem = refused(served.ask(method, path + malformed.replace(" ", "%20")), 422)
        assert "is not an application id" in problem["detail"]


def test_frozen_applications_are_refused_alone(filled: Database, tmp_path: Path) -> None:
    file = tmp_path / "clickstats.toml"
    file.write_text("[applications]\nfrozen_after_days = 30\n")
    filled.execute("insert into job_applications (id, created_at) values (%s, now())", [UNKNOWN])
    assert clickstats("run", "--all", "--definition", str(file), database=filled).code == 0
    with serving(filled) as served:
        assert "frozen" in refused(served.ask("POST", CALCULATE + KEEN), 422)["detail"]
        assert served.ask("POST", CALCULATE + UNKNOWN).status == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("followups?limit=0", "limit"),
        ("followups?limit=10001", "limit"),
        ("followups?limit=1.5", "limit"),
        ("followups?limit=%EF%BC%91", "limit"),
        ("followups?limit=1&limit=2", "more than once"),
        ("followups?within=soon", "within"),
        ("followups?within=%201d", "within"),
        ("followups?all_statuses=yes", "all_statuses"),
        ("followups?status=" + "*" * 20, "status"),
        ("followups?api_key=secret", "unknown parameter 'api_key'"),
        ("changes?since=-1d", "since"),
        ("changes?within=1d", "unknown parameter 'within'; expected one of since, limit"),
        ("applications/" + KEEN + "?private=1", "private"),
    ],
)
def test_parameters_that_are_none(served: Served, path: str, said: str) -> None:
    assert said in refused(served.ask("GET", f"/api/analytics/{path}"), 422)["detail"]


@pytest.mark.parametrize(
    "path",
    [
        *("/nothing", "//", "/api", "/api/analytics/followups/", "/api//analytics/changes"),
        *("/../etc/passwd", "/api/analytics/applications/../changes", "/%2e%2e/%2e%2e/etc/passwd"),
        *("/healthz%00", "/healthz/", "/api/analytics/applications/", "/docs", "/a" * 4_000),
        f"/api/analytics/applications/{KEEN}/", f"/api/analytics/applications/{KEEN}%2Fx",
    ],
)  # fmt: skip
def test_paths_where_there_is_nothing(served: Served, path: str) -> None:
    refused(served.ask("GET", path), 404)


def test_methods_that_paths_lack(served: Served) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND"):
        reply = served.ask(method, CALCULATE + KEEN)
        assert reply.headers["allow"] == "POST"
        assert reply.status == 405 if method == "HEAD" else refused(reply, 405)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        refused(served.ask(method, "/healthz"), 405)


def test_head_is_get_without_a_body(served: Served) -> None:
    for path in ("/healthz", "/metrics", f"{APPLICATION}{KEEN}", "/api/analytics/changes"):
        reply = served.ask("HEAD", path)
        assert (reply.status, reply.body) == (200, b"")
        assert int(reply.headers["content-length"]) > 0
