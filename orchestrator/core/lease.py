"""The lease of a workspace: at most one worker, with everything it started, works on it.

It is an advisory lock of a database connection whose socket the engine process inherits. The server
frees the lock when the last holder of the socket is gone: a killed worker whose Terraform lives on
still holds it. A dead host loses it after the keep-alive time (about 25 s).
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

# Both sides probe, so that a dead host frees its lease and a cut-off worker learns that it has lost it.
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
    """Another worker, or a process it left behind, still works on this workspace."""

    def __init__(self, workspace: str) -> None:
        super().__init__(f"workspace {workspace} is still being worked on")


class WorkspaceLease:
    """A held lease; made by `workspace_lease`."""

    def __init__(self, dsn: str, workspace: str) -> None:
        self._dsn = dsn
        self._workspace = workspace
        self._connection = self._locked()
        # One number for as long as the lease is held, whatever happens to the connection behind it.
        self._descriptor = os.dup(self._connection.fileno())
        self._lost = False
        self._checked_at = time.monotonic()

    def fileno(self) -> int:
        """The descriptor that every engine process must inherit; it never changes while it is held."""
        return self._descriptor

    def is_alive(self) -> bool:
        """True while nobody else can enter; asks the server at most every five seconds.

        A connection that broke (the database restarted) is replaced and the lock taken again, as long
        as nobody took it meanwhile. After 15 s without the database the lease counts as lost: by then
        the server may have given it to somebody else.
        """
        if not self._lost and time.monotonic() - self._checked_at >= _CHECK_EVERY_SECONDS:
            self._lost = not (self._answers() or self._taken_again())
            self._checked_at = time.monotonic()
        return not self._lost

    def close(self) -> None:
        """Let the next one in; only when no process that inherited the socket is left."""
        self._connection.close()
        os.close(self._descriptor)

    def _answers(self) -> bool:
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def _taken_again(self) -> bool:
        self._connection.close()
        give_up_at = time.monotonic() + _LOST_AFTER_SECONDS - _CHECK_EVERY_SECONDS
        while time.monotonic() < give_up_at:
            try:
                self._connection = self._locked()
            except LeaseBusy:
                break
            except psycopg.OperationalError:
                time.sleep(_RETRY_SECONDS)
            else:
                os.dup2(self._connection.fileno(), self._descriptor, inheritable=False)
                logger.warning("WorkspaceLease of %s taken again after its connection broke", self._workspace)
                return True
        logger.error("WorkspaceLease of %s is lost", self._workspace)
        return False

    def _locked(self) -> psycopg.Connection[tuple[Any, ...]]:
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
    """Hold the workspace's lease. Raises LeaseBusy when somebody else does.

    `database_url` must lead to PostgreSQL itself or a pooler in session mode; `workspace` is its key.
    """
    lease = WorkspaceLease(libpq_url(database_url), workspace)
    try:
        yield lease
    finally:
        lease.close()
