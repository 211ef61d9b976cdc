"""Queue bookkeeping that survives dead, stalled and slowly stopping workers and lost database connections.

Four things differ from the library: a statement waits for the database to return instead of failing; only
the worker that holds a job records its end; a live worker that was considered dead registers again; jobs of
dead workers, and jobs whose fetch was lost with its connection, return to the queue.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from orchestrator.core.sql_blocks import load_driver_sql

T = TypeVar("T")

_LONGEST_PAUSE_SECONDS: Final = 2.0
_KEEP_HOURS: Final = 24 * 30

_SQL: Final = load_driver_sql(Path(__file__).with_suffix(".sql"))

logger = logging.getLogger(__name__)


def is_outage(error: BaseException | None) -> bool:
    """Return whether the error means that the database could not be reached."""
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


class PatientConnector(PsycopgConnector):
    """Repeats statements that an outage interrupted, until the database returns or `give_up` is true."""

    def __init__(self, *, give_up: Callable[[], bool], **pool: Any) -> None:
        super().__init__(**pool)
        self._give_up = give_up

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """Execute a statement without a result."""
        inherited = super().execute_query_async
        await self._patiently(lambda: inherited(query, **arguments))

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        """Execute and return one row."""
        inherited = super().execute_query_one_async
        return await self._patiently(lambda: inherited(query, **arguments))

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        """Execute and return every row."""
        inherited = super().execute_query_all_async
        return await self._patiently(lambda: inherited(query, **arguments))

    async def listen_notify(self, on_notification: Any, channels: Iterable[str]) -> None:
        """Listen permanently; reconnect whenever the connection is lost."""
        inherited, names = super().listen_notify, list(channels)
        await self._patiently(lambda: inherited(on_notification, names))

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        pause = 0.1
        while True:
            try:
                return await call()
            except ConnectorException as error:
                if self._give_up() or not is_outage(error.__cause__):
                    raise
            logger.warning("The database is unreachable; trying again in %.1f s", pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


class Ledger(JobManager):
    """The job bookkeeping of one worker process."""

    def __init__(self, connector: PatientConnector) -> None:
        super().__init__(connector)
        self.abort_requested: set[int] = set()
        self._held: set[int] = set()
        self._suspects: set[int] = set()

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Take the next job, or None; losing a race is None as well."""
        try:
            job = await super().fetch_job(queues, worker_id)
        except UniqueViolation:
            # Another worker fetched a job of the same lock at the same moment.
            return None
        except ConnectorException as error:
            if not isinstance(error.__cause__, psycopg.errors.ForeignKeyViolation):
                raise
            # This process was suspended for so long that its registration was removed.
            await self.update_heartbeat(worker_id)
            return None
        if job is not None and job.id is not None:
            self._held.add(job.id)
        return job

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:  # noqa: ARG002
        """Record the end of an attempt, unless another worker holds the job by now."""
        await self._end(job, status.value, None)

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,  # noqa: ARG002
        queue: str | None = None,  # noqa: ARG002
        lock: str | None = None,  # noqa: ARG002
    ) -> None:
        """Return the job to the queue for `retry_at`, unless another worker holds it by now."""
        await self._end(job, Status.TODO.value, retry_at)

    async def update_heartbeat(self, worker_id: int) -> None:
        """Record that this worker is alive; register it again if it was considered dead."""
        await self.connector.execute_query_async(_SQL["beat"], worker_id=worker_id)

    async def rescue(self, stalled_seconds: float) -> None:
        """Return the jobs of workers without a heartbeat for `stalled_seconds` to the queue."""
        rescued = await self.connector.execute_query_all_async(
            _SQL["rescue"], stalled_seconds=stalled_seconds
        )
        for row in rescued:
            logger.warning("Job %s (%s) of a dead worker returned to the queue", row["id"], row["task_name"])

    async def look_after(self, worker_id: int) -> None:
        """Update the jobs to abort, and return jobs that this process never received to the queue.

        The answer to a fetch can be lost with its connection; then only the table assigns the job to this
        worker. Such a job is returned when two consecutive checks find it.
        """
        rows = await self.connector.execute_query_all_async(_SQL["mine"], worker_id=worker_id)
        self.abort_requested = {row["id"] for row in rows if row["abort_requested"]}
        lost = {row["id"] for row in rows} - self._held
        certain = sorted(lost & self._suspects)
        if certain:
            await self.connector.execute_query_all_async(_SQL["give_back"], ids=certain, worker_id=worker_id)
            logger.warning("Jobs %s returned to the queue: the answer to their fetch was lost", certain)
        self._suspects = lost

    async def sweep(self) -> None:
        """Delete jobs that ended a month ago."""
        await self.delete_old_jobs(
            _KEEP_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
        )

    async def _end(self, job: Job, status: str, retry_at: datetime | None) -> None:
        rows = await self.connector.execute_query_all_async(
            _SQL["end_attempt"],
            job_id=job.id,
            worker_id=job.worker_id,
            attempts=job.attempts,
            status=status,
            retry_at=retry_at,
        )
        if rows and job.id is not None:
            self._held.discard(job.id)
        else:
            # While this process was suspended, the job was given to another worker or to this one again.
            logger.warning("Attempt %s of job %s belongs to another worker now", job.attempts + 1, job.id)
