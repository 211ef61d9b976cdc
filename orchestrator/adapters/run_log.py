"""The log of a run: lines written by a worker, followed live by any number of readers in any web process.

Lines go to the table `run_log_chunks`, many at once when they come fast and one at once when they
come slowly, and with them a notification that carries their text. A reader (`run_log_hub`) takes the
past from the table and the present from the notifications; line numbers, counted from 1, tell it what
it has and what it missed.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import psycopg
import sqlalchemy.exc
from sqlalchemy import Engine

CHANNEL: Final = "run_log"
OUTAGE: Final = (psycopg.OperationalError, psycopg.InterfaceError, sqlalchemy.exc.OperationalError)

_LONGEST_LINE: Final = 64 * 1024
_CHUNK_LINES: Final = 5_000
_CHUNK_CHARACTERS: Final = 512 * 1024
_BUFFER_CHARACTERS: Final = 32 * 1024 * 1024
_NOTIFY_BYTES: Final = 7_500
_PAUSE_SECONDS: Final = 0.5
_PACE_SECONDS: Final = 0.01
"""Lines that follow each other faster than this are stored together: the first one does not wait."""

_LAST: Final = """
SELECT seq, first_line, text FROM run_log_chunks WHERE run_id = %s ORDER BY seq DESC LIMIT 1
"""
_STORE: Final = """
WITH stored AS (
    INSERT INTO run_log_chunks (run_id, seq, first_line, text, at)
    VALUES (%(run)s, %(seq)s, %(first)s, %(text)s, now()) ON CONFLICT DO NOTHING RETURNING seq)
SELECT pg_notify(%(channel)s, %(payload)s) FROM stored
"""

Connection = psycopg.Connection[tuple[Any, ...]]

logger = logging.getLogger(__name__)


def announce_end(engine: Engine, run_id: str) -> None:
    """Tell the readers that the run has ended; call it when its last status is committed.

    Without it they find out by asking, seconds later.
    """
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_notify(%s, %s)", (CHANNEL, json.dumps({"run": run_id, "done": True}))
        )


def own_connection(engine: Engine) -> Connection:
    """A connection taken out of the pool for good: its session has settings that no other user expects."""
    raw = engine.raw_connection()
    connection: Any = raw.driver_connection
    raw.detach()
    connection.autocommit = True
    return connection  # type: ignore[no-any-return]


class RunLogWriter:
    """Writes the log of one run; goes on numbering where an earlier writer ended.

    `append` may be called from any thread, never waits and never raises. While the database is away
    lines are kept, up to 32 million characters; of what does not fit, the log tells how much it was.
    """

    def __init__(self, engine: Engine, run_id: str) -> None:
        self._engine = engine
        self._run_id = run_id
        self._waiting: deque[str] = deque()
        self._characters = 0
        self._left_out = 0
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
        """Write what is left; False when the database stayed away for `timeout_seconds`."""
        with self._changed:
            self._tell_left_out()
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _add(self, line: str) -> None:
        if self._characters + len(line) > _BUFFER_CHARACTERS:
            self._left_out += 1
            return
        self._tell_left_out()
        self._waiting.append(line)
        self._characters += len(line)

    def _tell_left_out(self) -> None:
        if self._left_out:
            note = f"[{self._left_out} lines left out: the log could not be stored]"
            self._left_out = 0
            self._waiting.append(note)
            self._characters += len(note)

    def _work(self) -> None:
        while (lines := self._next_group()) is not None:
            self._store_patiently(lines)
        self._forget_connection()

    def _forget_connection(self) -> None:
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

    def _store_patiently(self, lines: Sequence[str]) -> None:
        text = "\n".join(lines)
        while True:
            try:
                self._store(text)
            except OUTAGE:
                logger.warning("The log of run %s waits for the database", self._run_id)
                self._forget_connection()
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def _store(self, text: str) -> None:
        connection = self._connection or self._connect()
        while True:
            if self._position is None:
                last = connection.execute(_LAST, (self._run_id,)).fetchone()
                self._position = (last[0] + 1, last[1] + _count(last[2])) if last else (1, 1)
                if last and (last[0], last[2]) == (self._tried, text):
                    # The answer was lost with the connection, the lines were not.
                    return
            seq, first = self._position
            self._tried = seq
            if self._stored(connection, seq, first, text):
                self._position = (seq + 1, first + _count(text))
                return
            # Another writer of this run took the place.
            self._position = self._tried = None

    def _connect(self) -> Connection:
        self._connection = own_connection(self._engine)
        # A log line that a power cut takes away is worth less than the wait for the disk.
        self._connection.execute("SET synchronous_commit = off")
        return self._connection

    def _stored(self, connection: Connection, seq: int, first: int, text: str) -> bool:
        payload = json.dumps({"run": self._run_id, "first": first, "text": text}, ensure_ascii=False)
        if len(payload.encode()) > _NOTIFY_BYTES:
            payload = json.dumps({"run": self._run_id})
        values = {"run": self._run_id, "seq": seq, "first": first, "text": text}
        cursor = connection.execute(_STORE, {**values, "channel": CHANNEL, "payload": payload})
        return cursor.rowcount == 1


def _count(text: str) -> int:
    return text.count("\n") + 1
