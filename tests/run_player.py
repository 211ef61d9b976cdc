"""Play a run in this process, as a worker does that takes it from the queue."""

import time
from collections.abc import Callable

from orchestrator.core.jobs import JobContext
from orchestrator.core.lease import LeaseBusy
from orchestrator.runs.models import Run
from tests.patience import PATIENCE


def play(handler: Callable[..., None], run: Run) -> None:
    """Play a run; as in the queue, try it again while the lease before it is being released."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            handler(JobContext(run.job_id or 0, 1, lambda: None), run_id=str(run.id))
        except LeaseBusy:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return
