"""Background jobs; nothing outside this package knows which queue carries them.

A job is made on the caller's transaction and runs at least once: its handler first asks whether its
business object still waits for it, so a second run does nothing. Order is first come, first served
among equal priorities; jobs with the same lock run one after the other. The effects of a
handler outside of the database are guarded by `orchestrator.core.lease`: a lock of the queue ends with the
heartbeat of its worker, but a process that the worker started may continue.
"""

from orchestrator.core.jobs.enqueueing import (
    APPLY_FIRST,
    AS_IT_COMES,
    MAINTENANCE,
    Cancellation,
    cancel,
    enqueue,
)
from orchestrator.core.jobs.worker import MINUTE, Handler, JobContext, Pace, Share, run_worker

__all__ = [
    "APPLY_FIRST",
    "AS_IT_COMES",
    "MAINTENANCE",
    "MINUTE",
    "Cancellation",
    "Handler",
    "JobContext",
    "Pace",
    "Share",
    "cancel",
    "enqueue",
    "run_worker",
]
