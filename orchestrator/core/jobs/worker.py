"""A worker process: runs job handlers in threads, survives database outages and stops cleanly."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import procrastinate
import psycopg
import sqlalchemy.exc
from procrastinate import retry
from procrastinate.jobs import Job
from procrastinate.worker import Worker

from orchestrator.core.db import libpq_url
from orchestrator.core.jobs.enqueueing import MAINTENANCE
from orchestrator.core.jobs.ledger import Ledger, PatientConnector
from orchestrator.core.lease import LeaseBusy
from orchestrator.core.stop_reasons import StopReason

MINUTE: Final = "maintenance.minute"
"""A handler of this name runs once a minute in one worker, as ``handler(context, timestamp=)``."""

_TICK_SECONDS: Final = 1.0
_SWEEP_EVERY_TICKS: Final = 3600
_SPARE_THREADS: Final = 4
_RESTART_AFTER_SECONDS: Final = 2.0
_RETRIED_ERRORS: Final = (
    LeaseBusy,
    psycopg.InterfaceError,
    psycopg.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.OperationalError,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """Intervals in seconds; `minute_cron` is a cron line with seconds as an optional sixth field."""

    poll: float = 1.0
    beat: float = 10.0
    stalled: float = 30.0
    busy_retry: float = 5.0
    minute_cron: str = "* * * * *"


@dataclass(frozen=True)
class JobContext:
    """The job of a handler; `attempt` counts from 1."""

    job_id: int
    attempt: int
    _why_abort: Callable[[], StopReason | None]

    def should_abort(self) -> bool:
        """Return whether the handler should stop soon."""
        return self.abort_reason() is not None

    def abort_reason(self) -> StopReason | None:
        """Return CANCELLED, WORKER_STOPPING or None."""
        return self._why_abort()


Handler = Callable[..., None]
"""Called as ``handler(context, **args)`` in a thread. LeaseBusy and an unreachable database return the
job to the queue; any other exception ends the job as failed, so a handler records failures itself."""


@dataclass(frozen=True)
class Share:
    """The jobs of one worker: the queues that it serves, how many jobs at a time, and its intervals."""

    queues: Sequence[str]
    slots: int
    pace: Pace = field(default_factory=Pace)


def run_worker(
    database_url: str,
    handlers: Mapping[str, Handler],
    share: Share,
    *,
    stop: threading.Event | None = None,
) -> None:
    """Run jobs until SIGTERM, SIGINT or `stop`.

    The first signal lets running jobs end, the second asks them to stop (WORKER_STOPPING). Signals are
    handled when this is the main thread. Returns when every handler has ended and its end is recorded.
    """
    asyncio.run(_Service(database_url, handlers, share).run(stop))


class _RetryForever(retry.BaseRetryStrategy):
    """Retries without a limit for a busy lease and an unreachable database."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> retry.RetryDecision | None:  # noqa: ARG002
        if isinstance(exception, _RETRIED_ERRORS):
            return retry.RetryDecision(retry_in={"milliseconds": int(self._seconds * 1000)})
        return None


class _Service:
    def __init__(self, database_url: str, handlers: Mapping[str, Handler], share: Share) -> None:
        self._url = libpq_url(database_url)
        self._handlers = handlers
        self._queues = list(share.queues)
        self._slots = share.slots
        self._pace = share.pace
        self._stopping = asyncio.Event()
        self._hurry = False

    async def run(self, stop: threading.Event | None) -> None:
        """Run jobs until asked to stop; restart the library's worker whenever it ends unexpectedly."""
        loop = asyncio.get_running_loop()
        # The default pool has a thread or two per processor, whatever the number of slots.
        loop.set_default_executor(ThreadPoolExecutor(self._slots + _SPARE_THREADS, thread_name_prefix="job"))
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._signalled)
        watching = asyncio.create_task(self._watch(stop)) if stop is not None else None
        while not self._stopping.is_set():
            try:
                await self._serve()
            except Exception:
                logger.exception("The worker ended unexpectedly; restarting it")
            if not self._stopping.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _RESTART_AFTER_SECONDS)
        if watching is not None:
            watching.cancel()

    def _signalled(self) -> None:
        self._hurry = self._stopping.is_set()
        self._stopping.set()
        logger.info("Stopping %s", "now" if self._hurry else "after the running jobs")

    async def _watch(self, stop: threading.Event) -> None:
        while not stop.is_set():  # noqa: ASYNC110 - a threading.Event cannot be awaited.
            await asyncio.sleep(0.1)
        self._stopping.set()

    async def _serve(self) -> None:
        connector = PatientConnector(
            give_up=lambda: self._hurry,
            conninfo=self._url,
            kwargs={"options": "-c search_path=public,queue", "application_name": "govcloud worker"},
            min_size=1,
            max_size=4,
            timeout=10,
            reconnect_timeout=5,
        )
        app = procrastinate.App(connector=connector)
        ledger = Ledger(connector)
        app.job_manager = ledger
        self._register(app, ledger)
        async with app.open_async():
            worker = self._worker(app)
            running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
            tending = asyncio.create_task(self._tend(worker, ledger, running))
            await asyncio.wait(
                {running, asyncio.create_task(self._stopping.wait())}, return_when="FIRST_COMPLETED"
            )
            worker.stop()  # type: ignore[no-untyped-call]
            try:
                await running
            finally:
                tending.cancel()

    def _worker(self, app: procrastinate.App) -> Worker:
        return Worker(
            app=app,
            queues=self._queues,
            name="govcloud",
            concurrency=self._slots,
            fetch_job_polling_interval=self._pace.poll,
            update_heartbeat_interval=self._pace.beat,
            stalled_worker_timeout=self._pace.stalled,
            install_signal_handlers=False,
        )

    async def _tend(self, worker: Worker, ledger: Ledger, running: "asyncio.Task[None]") -> None:
        """Send heartbeats, rescue stalled jobs and check own jobs, also while the library drains its jobs."""
        ticks, beat_every = 0, max(1, round(self._pace.beat / _TICK_SECONDS))
        while not running.done():
            await asyncio.sleep(min(_TICK_SECONDS, self._pace.beat))
            ticks += 1
            if worker.worker_id is None:
                continue
            try:
                await ledger.look_after(worker.worker_id)
                if ticks % beat_every == 0:
                    await ledger.update_heartbeat(worker.worker_id)
                    await ledger.rescue(self._pace.stalled)
                if ticks % _SWEEP_EVERY_TICKS == 0:
                    await ledger.sweep()
            except procrastinate.exceptions.ProcrastinateException:
                logger.exception("Queue maintenance failed; trying again")

    def _register(self, app: procrastinate.App, ledger: Ledger) -> None:
        for name, handler in self._handlers.items():
            task = app.task(name=name, pass_context=True, retry=_RetryForever(self._pace.busy_retry))(
                self._adapted(handler, ledger)
            )
            if name == MINUTE:
                app.periodic(cron=self._pace.minute_cron, queue=MAINTENANCE, queueing_lock=MINUTE)(task)

    def _adapted(self, handler: Handler, ledger: Ledger) -> Callable[..., None]:
        def run(context: procrastinate.JobContext, **args: Any) -> None:
            job_id = context.job.id or 0

            def why_abort() -> StopReason | None:
                if context.should_abort() or job_id in ledger.abort_requested:
                    return StopReason.CANCELLED
                return StopReason.WORKER_STOPPING if self._hurry else None

            handler(JobContext(job_id, context.job.attempts + 1, why_abort), **args)

        return run
