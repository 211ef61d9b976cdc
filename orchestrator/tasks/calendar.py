"""What happens by the calendar: expiries, ended trials, signed heads, drift looks."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from orchestrator.adapters.audit_heads import append_head
from orchestrator.core import audit
from orchestrator.core.clock import CITY
from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.tasks.workbench import Workbench
from orchestrator.workflows import approving, metering, requesting, settling, watching

DRIFT_HOUR = 3
"""In this hour of the city's day every workspace is compared with reality."""


Act = Callable[[Workbench], None]


def every_minute(bench: Workbench, _context: JobContext, timestamp: int) -> None:
    """Each act is a transaction of its own, and one that fails does not hold up the others.

    Raises:
        ExceptionGroup: what failed, after everything was tried.
    """
    moment = datetime.fromtimestamp(timestamp, UTC).astimezone(CITY)
    at_night = (moment.hour, moment.minute) == (DRIFT_HOUR, 0)
    failed: list[Exception] = []
    for act in (*EVERY_MINUTE, *(EVERY_NIGHT if at_night else ())):
        try:
            act(bench)
        except Exception as error:  # noqa: BLE001 - all of them are raised together below.
            failed.append(error)
    if failed:
        raise ExceptionGroup("The calendar's acts of this minute failed", failed)


def _expire_plans(bench: Workbench) -> None:
    with transaction(bench.engine) as session:
        approving.expire_plans(session)


def _expire_requests(bench: Workbench) -> None:
    with transaction(bench.engine) as session:
        requesting.expire_requests(session, bench.pack)


def _end_trials(bench: Workbench) -> None:
    with transaction(bench.engine) as session:
        metering.end_trials(session)


def _escalate_statements(bench: Workbench) -> None:
    with transaction(bench.engine) as session:
        settling.escalate_statements(session)


def _sweep_folders(bench: Workbench) -> None:
    bench.folders.sweep(bench.pack.plan_expiry_hours * 2 * 3600)


def _check_drift(bench: Workbench) -> None:
    with transaction(bench.engine) as session:
        watching.check_everything(session)


def export_head(bench: Workbench) -> None:
    """Append the signed end of the audit chain to a file outside the database."""
    with transaction(bench.engine) as session:
        head = audit.head(session)
    append_head(bench.settings.heads_file, bench.keys, head)


EVERY_MINUTE: Final[tuple[Act, ...]] = (
    _expire_plans,
    _expire_requests,
    _end_trials,
    _escalate_statements,
    export_head,
)
EVERY_NIGHT: Final[tuple[Act, ...]] = (_sweep_folders, _check_drift)
