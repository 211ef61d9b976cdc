"""Admission of calls: a fixed number at once, a fixed number in line; every further one gets 503."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import Semaphore

from orchestrator.core.errors import BusinessError


class Overloaded(BusinessError):
    """Too many calls at once; nothing was done. Try again in a few seconds."""

    status = 503
    zh = "系统繁忙，本次操作未执行，请稍后重试"
    retry_after = 2


class Admission:
    """The slots of one web process. A call holds one while it may hold a connection of the database.

    The pool has a connection for every slot, so a call that holds a thread never waits for a connection.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._slots = Semaphore(at_once, max_value=at_once)
        self._most_waiting = waiting

    @asynccontextmanager
    async def slot(self, *, admitted_before: bool = False) -> AsyncIterator[None]:
        """Wait for a slot, first come, first served, and hold it.

        A call that was `admitted_before` waits even if the line is full.

        Raises:
            Overloaded: the line is full.
        """
        if not admitted_before and self._is_full():
            raise Overloaded
        async with self._slots:
            yield

    def _is_full(self) -> bool:
        return self._slots.value == 0 and self._slots.statistics().tasks_waiting >= self._most_waiting
