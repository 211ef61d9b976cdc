"""Live run logs: one listening connection per process, shared by any number of readers."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Engine

from orchestrator.adapters.run_log import CHANNEL, OUTAGE, SQL, own_connection

READERS: Final = 4
"""Connections shared by all streams of a process, in addition to the listening one."""
_READ_CHUNKS: Final = 200
_FEED_LENGTH: Final = 512
_ASK_AFTER_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.5

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogLines:
    """Consecutive lines of a log; `first_line` is the number of the first, counted from 1."""

    first_line: int
    lines: tuple[str, ...]

    @property
    def last_line(self) -> int:
        """Number of the last line; a reader passes it to continue after it."""
        return self.first_line + len(self.lines) - 1

    def after(self, line: int) -> "LogLines":
        """Return the lines after number `line`."""
        earlier = max(0, line - self.first_line + 1)
        return LogLines(self.first_line + earlier, self.lines[earlier:])


class _Signal(Enum):
    READ = "the table has more lines"
    ENDED = "the run has ended"
    CLOSED = "this process is stopping"


_News = LogLines | _Signal


class RunLogHub:
    """Distributes notifications of new lines to the readers of this process; a context manager.

    `is_finished` returns whether a run has ended; it is called in a thread.
    """

    def __init__(self, engine: Engine, is_finished: Callable[[str], bool]) -> None:
        self._engine = engine
        self._is_finished = is_finished
        self._feeds: dict[str, set[_Feed]] = {}
        self._guard = threading.Lock()
        self._readers = CapacityLimiter(READERS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen_forever, name="run log hub", daemon=True)

    def start(self) -> None:
        """Start listening."""
        self._thread.start()

    @property
    def is_stopping(self) -> bool:
        """True once subscriptions end although their runs continue."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End every subscription without waiting."""
        self._stopping.set()
        self._send(self._all_feeds(), _Signal.CLOSED)

    def close(self) -> None:
        """End every subscription and the listening thread."""
        self.stop()
        self._thread.join(5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self.close()

    async def subscribe(self, run_id: str, after_line: int = 0) -> AsyncIterator[LogLines]:
        """Yield the lines after number `after_line`, each once and in order, until the run ends or `stop`.

        A reader that reconnects passes its last line. During a database outage readers wait.
        """
        last_line = after_line
        with self._feed(run_id) as feed:
            news: _News = _Signal.ENDED if await self._has_ended(run_id) else _Signal.READ
            while news is not _Signal.CLOSED:
                if isinstance(news, LogLines) and news.first_line <= last_line + 1:
                    batch = [news]
                else:
                    # Lines were missed. The table has every line that was announced.
                    batch = await self._read(run_id, last_line)
                for lines in batch:
                    if lines.last_line > last_line:
                        yield lines.after(last_line)
                        last_line = lines.last_line
                if len(batch) == _READ_CHUNKS:
                    continue
                if news is _Signal.ENDED:
                    return
                news = await self._next(feed, run_id)

    async def _next(self, feed: "_Feed", run_id: str) -> _News:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                return await asyncio.wait_for(feed.get(), _ASK_AFTER_SECONDS)
            # The notification of the end may have been lost with a connection or a process.
            if await self._has_ended(run_id):
                return _Signal.ENDED
        return _Signal.CLOSED

    async def _has_ended(self, run_id: str) -> bool:
        try:
            return await self._in_thread(self._is_finished, run_id)
        except OUTAGE:
            return False

    async def _read(self, run_id: str, after_line: int) -> list[LogLines]:
        while True:
            try:
                return await self._in_thread(self._read_table, run_id, after_line)
            except OUTAGE:
                if self._stopping.is_set():
                    return []
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _in_thread(self, query: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Query the database in a thread of the streams' own limit, separate from ordinary API calls."""
        return await to_thread.run_sync(query, *arguments, abandon_on_cancel=True, limiter=self._readers)

    def _read_table(self, run_id: str, after_line: int) -> list[LogLines]:
        values = {"run": run_id, "line": after_line + 1, "limit": _READ_CHUNKS}
        with self._engine.connect() as connection:
            rows = connection.exec_driver_sql(SQL["chunks_from"], values).all()
        return [LogLines(first, tuple(text.split("\n"))) for first, text in rows]

    def _listen_forever(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except OUTAGE:
                logger.warning("The log hub has lost the database connection; retrying")
                self._stopping.wait(_PAUSE_SECONDS)

    def _listen(self) -> None:
        with own_connection(self._engine) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            # Lines that were announced before LISTEN are in the table.
            self._send(self._all_feeds(), _Signal.READ)
            while not self._stopping.is_set():
                for notification in connection.notifies(timeout=0.5):
                    self._dispatch(json.loads(notification.payload))

    def _dispatch(self, payload: dict[str, str | int | bool]) -> None:
        news: _News = _Signal.READ
        if payload.get("done"):
            news = _Signal.ENDED
        elif "text" in payload:
            news = LogLines(int(payload["first"]), tuple(str(payload["text"]).split("\n")))
        with self._guard:
            feeds = list(self._feeds.get(str(payload["run"]), ()))
        self._send(feeds, news)

    def _all_feeds(self) -> list["_Feed"]:
        with self._guard:
            return [feed for feeds in self._feeds.values() for feed in feeds]

    def _send(self, feeds: list["_Feed"], news: _News) -> None:
        for feed in feeds:
            feed.put(news)

    @contextmanager
    def _feed(self, run_id: str) -> Iterator["_Feed"]:
        feed = _Feed()
        with self._guard:
            self._feeds.setdefault(run_id, set()).add(feed)
        try:
            yield feed
        finally:
            with self._guard:
                self._feeds[run_id].discard(feed)
                if not self._feeds[run_id]:
                    del self._feeds[run_id]


class _Feed:
    """Queue from the listening thread to one reader; when it is full, the reader reads the table instead."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[_News] = asyncio.Queue()

    async def get(self) -> _News:
        return await self._queue.get()

    def put(self, news: _News) -> None:
        # The reader's loop may have ended before its subscription.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._put, news)

    def _put(self, news: _News) -> None:
        if self._queue.qsize() >= _FEED_LENGTH:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(_Signal.READ)
        self._queue.put_nowait(news)
