"""Live hosts and data disks that a change or release destroys, known before any plan is made.

A change names the whole new size of its workspace, so whatever it leaves out is destroyed.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlmodel import Session

from orchestrator.catalogue.specification import host_addresses
from orchestrator.core.errors import NotFound
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests.drafting import LineDraft, RequestDraft
from orchestrator.resource_requests.lifecycle import PENDING
from orchestrator.resource_requests.models import RequestLine, ResourceRequest
from orchestrator.resources import queries as resource_queries
from orchestrator.runs import queries as run_queries

LISTED_KINDS = ("instance", "volume")
"""Their data is lost for good; what else goes with a host is listed in the plan."""


def removed_by_draft(session: Session, draft: RequestDraft, organisation: str) -> list[str]:
    """Return the addresses that a draft of `organisation` leaves out; none in a workspace of others."""
    if draft.workspace is None:
        return []
    try:
        workspace = run_queries.workspace(session, draft.workspace)
    except NotFound:
        return []
    return (
        _left_out(session, workspace.id, draft.lines) if workspace.organisation_code == organisation else []
    )


def removed_by_request(session: Session, request: ResourceRequest) -> list[str]:
    """Return the addresses that a stored request leaves out; none once it has ended or was carried out."""
    if request.target_workspace_id is None or request.status not in PENDING:
        return []
    lines = request_queries.lines(session, request.id)
    return _left_out(session, request.target_workspace_id, lines)


def _left_out(
    session: Session, workspace: UUID, lines: Sequence[LineDraft] | Sequence[RequestLine]
) -> list[str]:
    named = set(_addresses(lines))
    live = resource_queries.of_workspace(session, workspace)
    return [item.address for item in live if item.kind in LISTED_KINDS and item.address not in named]


def _addresses(lines: Iterable[LineDraft | RequestLine]) -> Iterable[str]:
    for line in lines:
        yield from host_addresses(line.key, line.count, line.disk_gb)
