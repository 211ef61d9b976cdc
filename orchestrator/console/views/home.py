"""The page after signing in: what waits for me."""

from dataclasses import dataclass

from orchestrator.console.views.approvals import QueueRow
from orchestrator.console.views.common import QuotaCard
from orchestrator.console.views.requests import RequestRow
from orchestrator.console.views.runs import RunRow


@dataclass(frozen=True)
class HomePage:
    """Page ``home.html``: what waits for this person, runs in progress, last requests, the own quota."""

    waiting: tuple[QueueRow, ...]
    runs: tuple[RunRow, ...]
    requests: tuple[RequestRow, ...]
    quota: QuotaCard | None
    may_create: bool
