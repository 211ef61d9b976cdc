"""The lease of a workspace: only one worker, with the processes that it started, works on the workspace.

The lease is an advisory lock of a database connection whose socket the engine process inherits. The server
releases the lock when the last process with the socket has ended, so a killed worker whose Terraform still
runs keeps the lease. A dead host loses it after the keep-alive time (about 25 s).
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from orchestrator.core.db import libpq_url

_CHECK_EVERY_SECONDS: Final = 5.0
_LOST_AFTER_SECONDS: Final = 15.0
_RETRY_SECONDS: Final = 0.5

# Client and server both send keep-alives: the server releases the lease of a dead host, and a worker that is
# disconnected from the network detects the loss of its lease.
_KEEPALIVE: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    " -c idle_session_timeout=0",
}

logger = logging.getLogger(__name__)


class LeaseBusy(Exception):
    """Another worker, or a process that it left running, holds the lease of this workspace."""

    def __init__(self, workspace: str) -> None:
        super().__init__(f"another process holds the lease of workspace {workspace}")


class WorkspaceLease:
    """A held lease; create it with `workspace_lease`."""

    def __init__(self, dsn: str, workspace: str) -> None:
        self._dsn = dsn
        self._workspace = workspace
        self._connection = self._connect_and_lock()
        # This descriptor keeps its number while the lease is held, even if the connection is replaced.
        self._descriptor = os.dup(self._connection.fileno())
        self._lost = False
        self._checked_at = time.monotonic()

    def fileno(self) -> int:
        """Return the descriptor that every engine process must inherit; constant while the lease is held."""
        return self._descriptor

    def is_alive(self) -> bool:
        """Return whether this worker still holds the lease; queries the server at most every five seconds.

        If the connection broke (the database restarted), it is replaced and the lock is acquired again,
        unless another worker acquired it first. After 15 s without the database the lease counts as lost,
        because the server may have granted it to another worker.
        """
        if not self._lost and time.monotonic() - self._checked_at >= _CHECK_EVERY_SECONDS:
            self._lost = not (self._answers() or self._reacquire())
            self._checked_at = time.monotonic()
        return not self._lost

    def close(self) -> None:
        """Release the lease. Call this only after every process that inherited the socket has ended."""
        self._connection.close()
        os.close(self._descriptor)

    def _answers(self) -> bool:
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def _reacquire(self) -> bool:
        self._connection.close()
        deadline = time.monotonic() + _LOST_AFTER_SECONDS - _CHECK_EVERY_SECONDS
        while time.monotonic() < deadline:
            try:
                self._connection = self._connect_and_lock()
            except LeaseBusy:
                break
            except psycopg.OperationalError:
                time.sleep(_RETRY_SECONDS)
            else:
                os.dup2(self._connection.fileno(), self._descriptor, inheritable=False)
                logger.warning(
                    "Lease of workspace %s acquired again after its connection broke", self._workspace
                )
                return True
        logger.error("Lease of workspace %s lost", self._workspace)
        return False

    def _connect_and_lock(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection = psycopg.connect(
            self._dsn, autocommit=True, application_name=f"lease:{self._workspace}", **_KEEPALIVE
        )
        row = connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"ws:{self._workspace}",)
        ).fetchone()
        if row is None or not row[0]:
            connection.close()
            raise LeaseBusy(self._workspace)
        return connection


@contextmanager
def workspace_lease(database_url: str, workspace: str) -> Iterator[WorkspaceLease]:
    """Hold the lease of a workspace. Raises LeaseBusy if another process holds it.

    `database_url` must point to PostgreSQL itself or to a pooler in session mode. `workspace` is the key of
    the workspace.
    """
    lease = WorkspaceLease(libpq_url(database_url), workspace)
    try:
        yield lease
    finally:
        lease.close()
