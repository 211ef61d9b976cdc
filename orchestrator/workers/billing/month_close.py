"""The job ``billing.meter``: fill the open statements of a month."""

import logging

from orchestrator.billing.months import parse_month
from orchestrator.core.db import transaction
from orchestrator.core.errors import BusinessError
from orchestrator.core.jobs import JobContext
from orchestrator.workers.run_context import Worker
from orchestrator.workflows.billing import month_close

logger = logging.getLogger(__name__)


def meter_month(worker: Worker, _job: JobContext, month: str, actor: str, compared: int = 0) -> None:
    """Fill the open statements of a month in one transaction; after a crash the job is repeated."""
    try:
        with transaction(worker.engine) as session:
            month_close.meter_statements(session, parse_month(month), actor, compared)
    except BusinessError as error:
        # Prices or usage changed after the close was ordered. The next attempt to close shows the error.
        logger.warning("%s was not metered: %s", month, error.detail)
