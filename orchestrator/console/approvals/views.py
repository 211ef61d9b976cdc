"""View models of the approval queue."""

from dataclasses import dataclass
from datetime import date, datetime

from orchestrator.console.frame.views import Option, Pager
from orchestrator.console.plans.views import PlanDetail
from orchestrator.console.requests.views import RequestDetail


@dataclass(frozen=True)
class QueueRow:
    """One object that waits for an act; `waiting` names the act in the reader's language.

    `key` is ``request:<id>`` or ``plan:<id>``, which open beside the queue, or ``migration:<id>``,
    ``statement:<id>`` or ``content-revision:<id>``, which have a page only; `number` is shown to the reader.
    """

    key: str
    number: str
    waiting: str
    organisation: str
    requester: str
    since: datetime
    subject: str
    zone_class: str
    monthly_fen: int | None
    due_on: date | None = None
    overdue: bool = False

    @property
    def opens_beside(self) -> bool:
        """Return True if the queue shows the object beside its rows."""
        return self.key.startswith(("request:", "plan:"))

    @property
    def path(self) -> str:
        """Return the path of the object's own page."""
        noun, _, subject = self.key.partition(":")
        return f"/console/{noun}s/{subject}"


@dataclass(frozen=True)
class ApprovalQueue:
    """Page ``approvals/queue.html``: `chosen` is the key of the row whose panel is open, "" for none.

    `waiting` and `text` are the filters in force; `kinds` the kinds of waiting that this
    person meets.
    Exactly one of `plan` and `request` is there when something is chosen.
    """

    rows: tuple[QueueRow, ...]
    pager: Pager
    waiting: str
    text: str
    kinds: tuple[Option, ...]
    chosen: str = ""
    plan: PlanDetail | None = None
    request: RequestDetail | None = None
