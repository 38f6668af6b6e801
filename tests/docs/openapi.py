"""cli/serve/openapi.json: what can be asked over HTTP, with the schemas of docs/schemas.

`python -m tests.docs.openapi` writes it anew; a test holds it against the schemas. Which requests
are right and which are refused is tested against the server itself (tests/http/test_openapi.py).
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "cli/serve/openapi.json"
SCHEMAS = ROOT / "docs/schemas"
IDENTIFIER: dict[str, Any] = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "an application's id, or eight or more characters of its beginning",
    "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{1,4}){0,6}$"},
    "example": "123e4567-e89b-12d3-a456-426614174000",
}
REASONS = {
    400: "no HTTP, or, where no key is set, a Host or Origin other than this machine",
    401: "no key, or a wrong one",
    404: "no such application, or no such path",
    405: "the path has no such method",
    413: "a body of more than 16 KiB",
    422: "a malformed id or parameter, a beginning that several applications have, or an "
    "application that is frozen",
    429: "more requests a second than the server allows this key",
    500: "a bug",
    503: "too many requests at once, no database, another run under way, or not done in time",
}
LATER = {"Retry-After": {"schema": {"type": "integer", "minimum": 0}, "description": "seconds"}}


def document() -> dict[str, Any]:
    """The whole."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "clickstats",
            "version": version("clickstats"),
            "description": "Metrics and scores of job applications, from tracked link clicks.",
        },
        "paths": {
            "/api/analytics/calculate/{id}": {
                "post": _operation(
                    "calculate",
                    "Compute an application now, from the clicks of this moment, and write its row",
                    "run-app-id",
                    [IDENTIFIER],
                )
            },
            "/api/analytics/applications/{id}": {
                "get": _operation(
                    "application",
                    "What is stored of an application, and why it has its scores",
                    "application",
                    [IDENTIFIER, PRIVATE],
                )
            },
            "/api/analytics/followups": {
                "get": _operation("followups", "Whom to follow up first", "followups", FOLLOWUPS)
            },
            "/api/analytics/changes": {
                "get": _operation("changes", "How scores moved, newest first", "changes", CHANGES)
            },
            "/": {"get": _operation("report", "The report as a page", "text/html")},
            "/metrics": {
                "get": _operation("metrics", "The state of the job for Prometheus", "text/plain")
            },
            "/healthz": {
                "get": _operation("health", "Whether the database answers", "health", is_open=True)
            },
            "/openapi.json": {
                "get": _operation("openapi", "This document", "application/json", is_open=True)
            },
        },
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
            "schemas": {
                name.replace("-", "_"): _schema(name)
                for name in (
                    "application", "changes", "followups", "health", "problem", "run-app-id",
                )
            },
        },
    }  # fmt: skip


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


DURATION = {"type": "string", "pattern": "^[0-9]{1,5}(\\.[0-9]{1,3})?[smhd]$"}
ROWS = {"type": "integer", "minimum": 1, "maximum": 10_000}
STATUS = {"type": "string", "pattern": "^[^*]{0,50}(\\*[^*]{0,50}){0,3}$"}
PRIVATE = _parameter(
    "private",
    {"type": "boolean", "default": True},
    "false: with the user agent and the address of each click",
)
FOLLOWUPS = [
    _parameter("within", DURATION | {"default": "14d"}, "how long ago the last human click may be"),
    _parameter("limit", ROWS | {"default": 20}, "at most so many applications"),
    _parameter(
        "status",
        {"type": "array", "items": STATUS, "maxItems": 10},
        "only applications of this application_status, in any case, * for any text",
    ),
    _parameter(
        "all_statuses",
        {"type": "boolean", "default": False},
        "closed applications, too; of no effect beside status",
    ),
]
CHANGES = [
    _parameter("since", DURATION | {"default": "24h"}, "how far to look back"),
    _parameter("limit", ROWS | {"default": 50}, "at most so many changes"),
]


def _operation(
    name: str,
    summary: str,
    content: str,
    parameters: list[dict[str, Any]] | None = None,
    *,
    is_open: bool = False,
) -> dict[str, Any]:
    """One method of one path. `content` is a schema of docs/schemas, or a media type."""
    media = (
        {content: {"schema": {"type": "object" if content.endswith("json") else "string"}}}
        if "/" in content
        else {"application/json": {"schema": {"$ref": _reference(content)}}}
    )
    refused = {400, 413, 422, 500, 503}
    refused |= set() if is_open else {401, 429}
    refused |= {404} if IDENTIFIER in (parameters or []) else set()
    return {
        "operationId": name,
        "summary": summary,
        "security": [] if is_open else [{"key": []}],
        "parameters": parameters or [],
        "responses": {
            "200": {"description": "done", "content": media},
            **{str(status): _refusal(status) for status in sorted(refused)},
        },
    }


def _refusal(status: int) -> dict[str, Any]:
    return {
        "description": REASONS[status],
        "content": {"application/problem+json": {"schema": {"$ref": _reference("problem")}}},
        **({"headers": LATER} if status in (429, 503) else {}),
    }


def _reference(schema: str) -> str:
    return f"#/components/schemas/{schema.replace('-', '_')}"


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    del found["$schema"]
    return found


def text() -> str:
    """The document as it is stored."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
