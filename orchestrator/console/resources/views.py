"""Resources of the departments, and whether reality still agrees with them."""

from dataclasses import dataclass

from orchestrator.console.frame.views import Pager


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
    request_id: str
    request_number: str


@dataclass(frozen=True)
class DriftCheck:
    """A workspace that this person may have compared with reality."""

    workspace: str
    path: str


@dataclass(frozen=True)
class ResourceList:
    """Page ``resources/list.html``; `is_one` shows a single resource to which another page led."""

    rows: tuple[ResourceItem, ...]
    pager: Pager
    checks: tuple[DriftCheck, ...] = ()
    is_one: bool = False
