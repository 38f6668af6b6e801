"""The endpoints: each parses, calls one function of the pipeline, and renders."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import timedelta
from functools import cache
from html import unescape
from importlib.resources import files
from typing import TypeVar
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.output import SCHEMA_VERSION, as_json
from cli.report_html import report_page
from cli.run import calculated
from cli.serve.fresh import Fresh
from cli.serve.problems import Problem, problem_of
from pipeline.answers.changes import changes
from pipeline.answers.explain import explain_stored
from pipeline.answers.followups import followups
from pipeline.answers.prometheus import metrics_text
from pipeline.answers.status import duration, reachable, status
from pipeline.calculations import Calculations
from pipeline.errors import ClickstatsError, ConfigurationError
from pipeline.settings import Settings, application_ids
from pipeline.short_ids import whole_ids

Answer = TypeVar("Answer")

READERS = 4  # who read the database at once; the calculations are beside them
LOOKS = 3  # page, metrics and health, each of which is made once at a time
PAGE_AGE, METRICS_AGE, HEALTH_AGE = 60.0, 5.0, 1.0  # seconds
MOST_ROWS = 10_000
DURATION = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?[smhd]")
STATUS = re.compile(r"[^*]{0,50}(\*[^*]{0,50}){0,3}", re.DOTALL)
MOST_STATUSES = 10
TRUTH = {"true": True, "false": False}
META_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]*)"')
NUMBER = re.compile("[1-9][0-9]{0,4}")
WHOLE_ID = 36
PAGE_TIMEOUT = 300  # seconds
UNROUTED = {
    404: "there is nothing at this path; see /openapi.json",
    405: "this path has no such method",
}
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Service:
    """What the endpoints call, and the threads in which it waits for the database."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._calculations = Calculations(settings)
        self._readers = ThreadPoolExecutor(READERS, "reader")
        self._looks = ThreadPoolExecutor(LOOKS, "look")
        self._page = Fresh(PAGE_AGE, self._looking(lambda: report_page(self._patient())))
        self._metrics = Fresh(METRICS_AGE, self._looking(lambda: metrics_text(status(self._own()))))
        self._health = Fresh(HEALTH_AGE, self._looking(lambda: reachable(self._own())))

    def application(self) -> Starlette:
        """The endpoints as an ASGI application."""
        application = Starlette(
            routes=[
                Route("/api/analytics/calculate/{id}", self.calculate, methods=["POST"]),
                Route("/api/analytics/applications/{id}", self.explain),
                Route("/api/analytics/followups", self.followups),
                Route("/api/analytics/changes", self.changes),
                Route("/", self.page),
                Route("/healthz", self.health),
                Route("/metrics", self.metrics),
                Route("/openapi.json", self.openapi),
            ],
            exception_handlers={
                Problem: _answered,
                ClickstatsError: _answered,
                HTTPException: _answered,
            },
        )
        application.router.redirect_slashes = False  # to the Host that the client names
        return application

    async def calculate(self, request: Request) -> Response:
        """Compute an application now, and write it."""
        _known(request)
        application_id = await self._application_id(request)
        done = await asyncio.wrap_future(self._calculations.ask(application_id))
        request.state.run_id = done.run_id
        return _json([calculated(done.row)])

    async def explain(self, request: Request) -> Response:
        """What is stored of an application, and why it has its scores."""
        _known(request, "private")
        private = _truth(request, "private", default=True)
        application_id = await self._application_id(request)
        explanation, stored = await self._read(
            request, lambda settings: explain_stored(settings, application_id, private=private)
        )
        return _json(
            {
                "schema_version": SCHEMA_VERSION,
                "stored_row": stored,
                "explanation": asdict(explanation),
            }
        )

    async def followups(self, request: Request) -> Response:
        """Whom to follow up."""
        _known(request, "within", "limit", "status", "all_statuses")
        within = _duration(request, "within", "14d")
        limit = _number(request, "limit", 20)
        statuses = request.query_params.getlist("status")
        if len(statuses) > MOST_STATUSES or not all(map(STATUS.fullmatch, statuses)):
            raise Problem(
                422, "status: expected at most 10 texts of 50 characters, with at most three *"
            )
        every = _truth(request, "all_statuses", default=False)
        found = await self._read(
            request,
            lambda settings: followups(settings, within, limit, statuses, all_statuses=every),
        )
        return _json({"schema_version": SCHEMA_VERSION, **asdict(found)})

    async def changes(self, request: Request) -> Response:
        """How scores moved."""
        _known(request, "since", "limit")
        since = _duration(request, "since", "24h")
        limit = _number(request, "limit", 50)
        found = await self._read(request, lambda settings: changes(settings, since, limit))
        return _json({"schema_version": SCHEMA_VERSION, **asdict(found)})

    async def page(self, request: Request) -> Response:
        """The report as a page."""
        _known(request)
        text = await self._page.value()
        return Response(text, headers=_page_headers(text), media_type="text/html")

    async def health(self, request: Request) -> Response:
        """Whether the database answers."""
        _known(request)
        await self._health.value()
        return _json({"schema_version": SCHEMA_VERSION, "state": "ok"})

    async def metrics(self, request: Request) -> Response:
        """The state of the job for Prometheus."""
        _known(request)
        return Response(await self._metrics.value(), media_type=PROMETHEUS)

    async def openapi(self, request: Request) -> Response:
        """What there is to ask, as OpenAPI."""
        _known(request)
        return Response(_openapi(), media_type="application/json")

    def close(self, seconds: float) -> bool:
        """End the threads; whether the calculations ended within so many seconds."""
        for threads in (self._readers, self._looks):
            threads.shutdown(wait=False, cancel_futures=True)
        return self._calculations.close(seconds)

    def _own(self, run_id: str | None = None) -> Settings:
        """The settings under an id of their own, by which the server knows the work."""
        return replace(self._settings, run_id=run_id or str(uuid4()))

    def _patient(self) -> Settings:
        """The same for work that may take longer than a request, over a connection of its own."""
        return replace(self._own(), statement_timeout=PAGE_TIMEOUT, pool=None)

    def _looking(self, work: Callable[[], Answer]) -> Callable[[], Awaitable[Answer]]:
        async def done() -> Answer:
            return await asyncio.get_running_loop().run_in_executor(self._looks, work)

        return done

    async def _read(self, request: Request, work: Callable[[Settings], Answer]) -> Answer:
        settings = self._own(request.state.request_id)
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, settings)

    async def _application_id(self, request: Request) -> str:
        """The id in the path; a beginning stands for the one id that begins so."""
        try:
            [asked] = application_ids([request.path_params["id"]])
        except ConfigurationError as error:
            raise Problem(422, str(error).replace("; nothing was done", "")) from None
        if len(asked) == WHOLE_ID:
            return asked
        [whole], _ = await self._read(request, lambda settings: whole_ids(settings, [asked]))
        return whole


async def _answered(request: Request, error: Exception) -> Response:
    """The answer to a request that is refused, or fails for a reason that is no bug."""
    match error:
        case ClickstatsError():
            problem = problem_of(error)
        case HTTPException():
            problem = Problem(error.status_code, UNROUTED[error.status_code], error.headers)
        case Problem():
            problem = error
        case _:
            raise error
    request.state.error = str(error)
    return problem.response(request.state.request_id)


def _json(content: object) -> Response:
    return Response(as_json(content), media_type="application/json")


def _known(request: Request, *names: str) -> None:
    """Refuse a parameter that the endpoint does not know: it would be silently without effect."""
    if unknown := sorted(set(request.query_params) - set(names)):
        raise Problem(
            422,
            f"unknown parameter {unknown[0][:50]!r}; expected "
            + (f"one of {', '.join(names)}" if names else "none"),
        )
    for name in set(names) - {"status"}:
        if len(request.query_params.getlist(name)) > 1:
            raise Problem(422, f"{name} is given more than once")


def _duration(request: Request, name: str, default: str) -> timedelta:
    text = request.query_params.get(name, default)
    if not DURATION.fullmatch(text):
        raise Problem(422, f"{name}: expected a number and s, m, h or d, such as 26h")
    return duration(text)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not NUMBER.fullmatch(text) or int(text) > MOST_ROWS:
        raise Problem(422, f"{name}: expected a whole number from 1 to {MOST_ROWS}")
    return int(text)


def _truth(request: Request, name: str, *, default: bool) -> bool:
    text = request.query_params.get(name, str(default).lower())
    if text not in TRUTH:
        raise Problem(422, f"{name}: expected true or false")
    return TRUTH[text]


def _page_headers(text: str) -> dict[str, str]:
    """The page's own policy, and what can only be said in a header."""
    found = META_POLICY.search(text)
    policy = unescape(found[1]) if found else "default-src 'none'"
    return {"Content-Security-Policy": f"{policy}; frame-ancestors 'none'"}


@cache
def _openapi() -> bytes:
    return files("cli.serve").joinpath("openapi.json").read_bytes()
