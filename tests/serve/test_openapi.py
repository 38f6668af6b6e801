"""The OpenAPI document: it holds the schemas of docs/schemas."""

import json
from typing import Any

from tests.docs.openapi import DOCUMENT, SCHEMAS, text


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == text(), "run python -m tests.docs.openapi"


def test_an_application_is_made_of_what_commands_print() -> None:
    """Its row is that of `run --app-id`, its explanation that of `explain`."""
    application, row, explained = (
        json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("application", "run-app-id", "explain")
    )
    stored = application["properties"]["stored_row"]["properties"]
    for name, schema in row["items"]["properties"].items():
        assert name in {"schema_version", "readings"} or stored[name] == schema
    explanation = application["properties"]["explanation"]["properties"]
    assert {**explanation, "schema_version": stored_version(explained)} == (
        explained["items"]["properties"]
    )


def stored_version(explained: dict[str, Any]) -> Any:
    return explained["items"]["properties"]["schema_version"]
