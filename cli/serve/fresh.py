"""A value that is made anew when somebody asks and it is too old, once for all who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Fresh(Generic[Value]):
    """The value, and how it is made; one that could not be made is not kept."""

    def __init__(self, seconds: float, make: Callable[[], Awaitable[Value]]) -> None:
        self._seconds, self._make = seconds, make
        self._made_at = 0.0
        self._making: asyncio.Task[Value] | None = None

    async def value(self) -> Value:
        """The value, at most so many seconds old. Who stops waiting does not stop the others."""
        if self._making is None or self._is_stale(self._making):
            self._making = asyncio.create_task(self._made())
            self._making.add_done_callback(_seen)
        return await asyncio.shield(self._making)

    async def _made(self) -> Value:
        value = await self._make()
        self._made_at = monotonic()
        return value

    def _is_stale(self, made: asyncio.Task[Value]) -> bool:
        if not made.done():
            return False
        failed = made.cancelled() or made.exception() is not None
        return failed or monotonic() - self._made_at > self._seconds


def _seen(made: asyncio.Task[Value]) -> None:
    """Keep asyncio from complaining about an error that nobody waited for."""
    if not made.cancelled():
        made.exception()
