"""Resources of the departments, and whether reality still agrees with them."""

from dataclasses import dataclass
from datetime import datetime

from orchestrator.console.views.common import ActionSet, Pager


@dataclass(frozen=True)
class ResourceItem:
    """One resource in the list; `drift_note` says in words what differs."""

    name: str
    kind: str
    organisation: str
    system: str
    spec: str
    zone: str
    address: str
    status: str
    drift: str
    drift_note: str
    checked_at: datetime | None
    monthly_fen: int | None
    request_id: str
    request_number: str


@dataclass(frozen=True)
class ResourceList:
    """Page ``resources/list.html``; `acts` holds the drift check where the person may start one."""

    rows: tuple[ResourceItem, ...]
    pager: Pager
    status: str
    drift: str
    text: str
    statuses: tuple[str, ...]
    acts: ActionSet
