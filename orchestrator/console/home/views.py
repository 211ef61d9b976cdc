"""View model of the page after signing in."""

from dataclasses import dataclass

from orchestrator.console.approvals.views import QueueRow
from orchestrator.console.frame.views import QuotaCard
from orchestrator.console.requests.views import RequestRow
from orchestrator.console.runs.views import RunRow


@dataclass(frozen=True)
class HomePage:
    """Page ``home/page.html``: awaited acts, runs in progress, latest requests, own quota."""

    waiting: tuple[QueueRow, ...]
    runs: tuple[RunRow, ...]
    requests: tuple[RequestRow, ...]
    quota: QuotaCard | None
    may_create: bool
