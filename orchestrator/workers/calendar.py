"""Periodic work: expiries, ended trials, signed audit heads, drift checks."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from orchestrator.adapters.audit_heads import append_head
from orchestrator.core import audit
from orchestrator.core.clock import CITY
from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.workers.run_context import Worker
from orchestrator.workflows.billing import month_close, usage
from orchestrator.workflows.plans import approval, drift
from orchestrator.workflows.requests import steps

DRIFT_HOUR = 3
"""The hour of the city's day in which every workspace is checked for drift."""


Act = Callable[[Worker], None]


def every_minute(worker: Worker, _job: JobContext, timestamp: int) -> None:
    """Run the periodic acts, each in a transaction of its own; a failed one does not stop the others.

    Raises:
        ExceptionGroup: Some acts failed; all were tried.
    """
    moment = datetime.fromtimestamp(timestamp, UTC).astimezone(CITY)
    at_night = (moment.hour, moment.minute) == (DRIFT_HOUR, 0)
    failed: list[Exception] = []
    for act in (*EVERY_MINUTE, *(EVERY_NIGHT if at_night else ())):
        try:
            act(worker)
        except Exception as error:  # noqa: BLE001 - all of them are raised together below.
            failed.append(error)
    if failed:
        raise ExceptionGroup("Periodic acts of this minute failed", failed)


def _expire_plans(worker: Worker) -> None:
    with transaction(worker.engine) as session:
        approval.expire_plans(session)


def _expire_requests(worker: Worker) -> None:
    with transaction(worker.engine) as session:
        steps.expire_requests(session, worker.pack)


def _end_trials(worker: Worker) -> None:
    with transaction(worker.engine) as session:
        usage.end_trials(session)


def _escalate_statements(worker: Worker) -> None:
    with transaction(worker.engine) as session:
        month_close.escalate_statements(session)


def _sweep_folders(worker: Worker) -> None:
    worker.folders.sweep(worker.pack.plan_expiry_hours * 2 * 3600)


def _check_drift(worker: Worker) -> None:
    with transaction(worker.engine) as session:
        drift.check_everything(session)


def export_head(worker: Worker) -> None:
    """Append the signed end of the audit chain to a file outside the database."""
    with transaction(worker.engine) as session:
        head = audit.head(session)
    append_head(worker.settings.heads_file, worker.keys, head)


EVERY_MINUTE: Final[tuple[Act, ...]] = (
    _expire_plans,
    _expire_requests,
    _end_trials,
    _escalate_statements,
    export_head,
)
EVERY_NIGHT: Final[tuple[Act, ...]] = (_sweep_folders, _check_drift)
