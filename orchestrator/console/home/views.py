"""The page after signing in: what waits for me."""

from dataclasses import dataclass

from orchestrator.console.approvals.views import QueueRow
from orchestrator.console.frame.views import QuotaCard
from orchestrator.console.requests.views import RequestRow
from orchestrator.console.runs.views import RunRow


@dataclass(frozen=True)
class HomePage:
    """Page ``home/page.html``: what waits for this person, runs in progress, last requests, the own quota."""

    waiting: tuple[QueueRow, ...]
    runs: tuple[RunRow, ...]
    requests: tuple[RequestRow, ...]
    quota: QuotaCard | None
    may_create: bool
