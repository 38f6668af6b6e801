"""What a refused or failed request is answered: one form of JSON, after RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.responses import Response

from cli.output import SCHEMA_VERSION, as_json
from pipeline.errors import (
    AmbiguousId,
    AuditFailed,
    ClickstatsError,
    ConfigurationError,
    FrozenApplications,
    Locked,
    NoConnection,
    Refused,
    SchemaError,
    UnknownApplication,
)

MEDIA_TYPE = "application/problem+json"
RETRY = {"Retry-After": "1"}  # seconds
# what clients are told when it is not their fault; the log has what the database said
REASONS: dict[type[ClickstatsError], str] = {
    NoConnection: "the database cannot be reached, or was lost on the way",
    Locked: "another run is under way",
    Refused: "the database refused or cancelled the work",
    SchemaError: "a table, column or privilege that clickstats needs is missing",
    AuditFailed: "an audit failed",
    ConfigurationError: "the server computes by another definition than the published one",
}


class Problem(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        candidates: Sequence[str] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers, self.candidates = headers or {}, candidates

    def response(self, request_id: str) -> Response:
        """The answer. `candidates` are ids that begin as the one that was asked for."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "status": self.status,
            "title": HTTPStatus(self.status).phrase,
            "detail": self.detail,
            "request_id": request_id,
        } | ({"candidates": list(self.candidates)} if self.candidates else {})
        return Response(as_json(content), self.status, self.headers, MEDIA_TYPE)


def problem_of(error: ClickstatsError) -> Problem:
    """What an error of the pipeline means to a client."""
    match error:
        case AmbiguousId():
            said = str(error).replace("; nothing was done", "")
            return Problem(422, said, candidates=error.candidates)
        case FrozenApplications():
            return Problem(422, f"frozen, by frozen_after_days: {error.application_ids[0]}")
        case UnknownApplication():
            return Problem(404, str(error))
    reason = next((REASONS[kind] for kind in type(error).__mro__ if kind in REASONS), "it failed")
    return Problem(503, f"{reason}; nothing was written; the log says more", RETRY)
