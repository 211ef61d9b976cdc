"""What happens by the calendar: expiries, ended trials, signed heads, drift looks."""

from datetime import UTC, datetime

from orchestrator.adapters.audit_heads import append_head
from orchestrator.core import audit
from orchestrator.core.clock import CITY
from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.tasks.workbench import Workbench
from orchestrator.workflows import approving, metering, requesting, settling, watching

DRIFT_HOUR = 3
"""In this hour of the city's day every workspace is compared with reality."""


def every_minute(bench: Workbench, _context: JobContext, timestamp: int) -> None:
    """Each act is a transaction of its own, so that one that fails does not hold up the others."""
    with transaction(bench.engine) as session:
        approving.expire_plans(session)
    with transaction(bench.engine) as session:
        requesting.expire_requests(session, bench.pack)
    with transaction(bench.engine) as session:
        metering.end_trials(session)
    with transaction(bench.engine) as session:
        settling.escalate_statements(session)
    export_head(bench)
    moment = datetime.fromtimestamp(timestamp, UTC).astimezone(CITY)
    if (moment.hour, moment.minute) == (DRIFT_HOUR, 0):
        bench.folders.sweep(bench.pack.plan_expiry_hours * 2 * 3600)
        with transaction(bench.engine) as session:
            watching.check_everything(session)


def export_head(bench: Workbench) -> None:
    """Append the signed end of the audit chain to a file outside the database."""
    with transaction(bench.engine) as session:
        head = audit.head(session)
    append_head(bench.settings.heads_file, bench.keys, head)
