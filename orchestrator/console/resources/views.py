"""View models of resources and their drift."""

from dataclasses import dataclass

from orchestrator.console.frame.views import ActionSet, Pager


@dataclass(frozen=True)
class ResourceItem:
    """One resource in the list; `drift_note` names the differences, ready for the reader."""

    id: str
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
    """A workspace that this person may check for drift."""

    workspace: str
    path: str


@dataclass(frozen=True)
class ResourceList:
    """Page ``resources/list.html``; `acts` are the buttons of a single resource, None for a list."""

    rows: tuple[ResourceItem, ...]
    pager: Pager
    checks: tuple[DriftCheck, ...] = ()
    acts: ActionSet | None = None

    @property
    def is_one(self) -> bool:
        """Return True if the page shows a single resource."""
        return self.acts is not None
