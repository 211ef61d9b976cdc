"""The log of a run: written by a worker, followed live by any number of readers in any web process.

Lines are stored in the table `run_log_chunks`, in batches when they arrive fast, together with a notification
that carries their text. A reader (`run_log_hub`) takes past lines from the table and new ones from
notifications; line numbers, counted from 1, show it which lines it has missed.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
import sqlalchemy.exc
from sqlalchemy import Engine

from orchestrator.core.sql_blocks import load_driver_sql

CHANNEL: Final = "run_log"
OUTAGE: Final = (psycopg.OperationalError, psycopg.InterfaceError, sqlalchemy.exc.OperationalError)

_LONGEST_LINE: Final = 64 * 1024
_CHUNK_LINES: Final = 5_000
_CHUNK_CHARACTERS: Final = 512 * 1024
_BUFFER_CHARACTERS: Final = 32 * 1024 * 1024
_NOTIFY_BYTES: Final = 7_500
_PAUSE_SECONDS: Final = 0.5
_PACE_SECONDS: Final = 0.01
"""Lines that arrive within this time after a batch are stored together. The first line never waits."""

SQL: Final = load_driver_sql(Path(__file__).with_suffix(".sql"))

Connection = psycopg.Connection[tuple[Any, ...]]

logger = logging.getLogger(__name__)


def announce_end(engine: Engine, run_id: str) -> None:
    """Notify the readers that the run has ended; call it after the final status is committed.

    Without the notification readers notice the end by polling, seconds later.
    """
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_notify(%s, %s)", (CHANNEL, json.dumps({"run": run_id, "done": True}))
        )


def own_connection(engine: Engine) -> Connection:
    """Take a connection out of the pool permanently, for a session with settings of its own."""
    raw = engine.raw_connection()
    connection: Any = raw.driver_connection
    raw.detach()
    connection.autocommit = True
    return connection  # type: ignore[no-any-return]


class RunLogWriter:
    """Writes the log of one run and continues the numbering of an earlier writer.

    `append` may be called from any thread, never blocks and never raises. During a database outage up to 32
    million characters are buffered; the log states how many lines did not fit.
    """

    def __init__(self, engine: Engine, run_id: str) -> None:
        self._engine = engine
        self._run_id = run_id
        self._waiting: deque[str] = deque()
        self._characters = 0
        self._dropped = 0
        self._changed = threading.Condition()
        self._closing = False
        self._next_at = 0.0
        self._position: tuple[int, int] | None = None
        self._tried: int | None = None
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._work, name=f"log of {run_id}", daemon=True)
        self._thread.start()

    def append(self, line: str) -> None:
        """Add one line, or several when the text has line ends."""
        clean = line.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
        with self._changed:
            for part in clean.split("\n"):
                self._add(part[:_LONGEST_LINE])
            self._changed.notify()

    def close(self, timeout_seconds: float = 90) -> bool:
        """Write the remaining lines. Returns False if the database was unreachable for `timeout_seconds`."""
        with self._changed:
            self._note_dropped_lines()
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _add(self, line: str) -> None:
        if self._characters + len(line) > _BUFFER_CHARACTERS:
            self._dropped += 1
            return
        self._note_dropped_lines()
        self._waiting.append(line)
        self._characters += len(line)

    def _note_dropped_lines(self) -> None:
        if self._dropped:
            note = f"[{self._dropped} lines dropped: the log could not be stored]"
            self._dropped = 0
            self._waiting.append(note)
            self._characters += len(note)

    def _work(self) -> None:
        while (lines := self._next_group()) is not None:
            self._store_with_retries(lines)
        self._close_connection()

    def _close_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._position = None

    def _next_group(self) -> Sequence[str] | None:
        with self._changed:
            while not self._waiting:
                if self._closing:
                    return None
                self._changed.wait()
            while not self._closing and (early := self._next_at - time.monotonic()) > 0:
                self._changed.wait(early)
            self._next_at = time.monotonic() + _PACE_SECONDS
            group: list[str] = []
            size = 0
            while self._waiting and len(group) < _CHUNK_LINES and size < _CHUNK_CHARACTERS:
                group.append(self._waiting.popleft())
                size += len(group[-1])
            self._characters -= size
            return group

    def _store_with_retries(self, lines: Sequence[str]) -> None:
        text = "\n".join(lines)
        while True:
            try:
                self._store(text)
            except OUTAGE:
                logger.warning("The log of run %s waits for the database", self._run_id)
                self._close_connection()
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def _store(self, text: str) -> None:
        connection = self._connection or self._connect()
        while True:
            if self._position is None:
                last = connection.execute(SQL["last_chunk"], {"run": self._run_id}).fetchone()
                self._position = (last[0] + 1, last[1] + _count(last[2])) if last else (1, 1)
                if last and (last[0], last[2]) == (self._tried, text):
                    # The lines were stored; only the confirmation was lost with the connection.
                    return
            seq, first = self._position
            self._tried = seq
            if self._stored(connection, seq, first, text):
                self._position = (seq + 1, first + _count(text))
                return
            # Another writer of this run has used this position.
            self._position = self._tried = None

    def _connect(self) -> Connection:
        self._connection = own_connection(self._engine)
        # Losing log lines in a power failure is cheaper than waiting for the disk each time.
        self._connection.execute("SET synchronous_commit = off")
        return self._connection

    def _stored(self, connection: Connection, seq: int, first: int, text: str) -> bool:
        payload = json.dumps({"run": self._run_id, "first": first, "text": text}, ensure_ascii=False)
        if len(payload.encode()) > _NOTIFY_BYTES:
            payload = json.dumps({"run": self._run_id})
        values = {"run": self._run_id, "seq": seq, "first": first, "text": text}
        cursor = connection.execute(SQL["store_chunk"], {**values, "channel": CHANNEL, "payload": payload})
        return cursor.rowcount == 1


def _count(text: str) -> int:
    return text.count("\n") + 1
