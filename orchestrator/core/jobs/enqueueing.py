"""Putting jobs into the queue and taking them out, on the caller's transaction."""

from enum import StrEnum
from typing import Final

import procrastinate
from pydantic import JsonValue
from sqlalchemy import text
from sqlmodel import Session

AS_IT_COMES: Final = 0
APPLY_FIRST: Final = 10
"""Finishing a run that people have approved comes before planning another one."""

MAINTENANCE: Final = "maintenance"
"""The queue that every worker serves, whatever its zone."""

# This application has no tasks and is never opened: it only builds the INSERT, for a connection that we pass.
# An application that was opened for a worker cannot do this from a synchronous function.
_QUEUE = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())


class Cancellation(StrEnum):
    """The result of cancelling a job."""

    REMOVED = "removed"
    """The job had not started and never will; the caller ends the work that it stood for."""
    ASKED = "asked"
    """The job has started: its handler is asked to stop and ends the work itself."""
    GONE = "gone"
    """The job has ended already, or does not exist."""


def enqueue(
    session: Session,
    task: str,
    *,
    queue: str,
    lock: str | None = None,
    priority: int = AS_IT_COMES,
    **args: JsonValue,
) -> int:
    """Add a job that exists if and only if the session's transaction commits; returns its id.

    `task` names a handler and `args` are its keyword arguments (ids as text). Jobs of one `lock` run one
    at a time, higher priorities first, then in the order of their ids.
    """
    raw = session.connection().connection.driver_connection
    job = _QUEUE.configure_task(
        task, queue=queue, lock=lock, priority=priority, task_kwargs=args, connection=raw
    )
    return job.defer()


def cancel(session: Session, job_id: int) -> Cancellation:
    """Remove a job that has not started, or ask its handler to stop, once the transaction commits.

    A job that started before (it waits for the lease, or its worker died) is not removed: only its handler
    can determine the effects of the first attempt.
    """
    row = (
        session.connection()
        .execute(
            text("SELECT status, attempts FROM procrastinate_jobs WHERE id = :id FOR UPDATE"), {"id": job_id}
        )
        .one_or_none()
    )
    if row is None or row.status not in ("todo", "doing"):
        return Cancellation.GONE
    if row.status == "todo" and row.attempts > 0:
        return Cancellation.ASKED
    raw = session.connection().connection.driver_connection
    _QUEUE.job_manager.cancel_job_by_id(job_id, abort=True, connection=raw)
    return Cancellation.REMOVED if row.status == "todo" else Cancellation.ASKED
