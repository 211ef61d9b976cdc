"""Live hosts and data disks that a change or release destroys, listed before any plan exists.

A change states the complete new size of its workspace, so every resource that it leaves out is destroyed.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlmodel import Session

from orchestrator.catalogue.specification import host_addresses
from orchestrator.core.errors import NotFound
from orchestrator.core.object_kinds import ObjectKind
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests.drafting import LineDraft, RequestDraft
from orchestrator.resource_requests.lifecycle import PENDING
from orchestrator.resource_requests.models import RequestLine, ResourceRequest
from orchestrator.resources import queries as resource_queries
from orchestrator.runs import queries as run_queries

LISTED_KINDS = (ObjectKind.INSTANCE, ObjectKind.VOLUME)
"""Kinds whose data is lost for good. The plan lists the other objects that go with a host."""


def removed_by_draft(session: Session, draft: RequestDraft, organisation: str) -> list[str]:
    """Return the addresses that a draft of `organisation` leaves out.

    The result is empty for a workspace of another organisation: a draft must not reveal its resources.
    """
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
    """Return the addresses that a pending request leaves out; empty once it has ended or was carried out."""
    if request.target_workspace_id is None or request.status not in PENDING:
        return []
    lines = request_queries.lines(session, request.id)
    return _left_out(session, request.target_workspace_id, lines)


def _left_out(
    session: Session, workspace: UUID, lines: Sequence[LineDraft] | Sequence[RequestLine]
) -> list[str]:
    kept = set(_addresses(lines))
    live = resource_queries.of_workspace(session, workspace)
    return [row.address for row in live if row.kind in LISTED_KINDS and row.address not in kept]


def _addresses(lines: Iterable[LineDraft | RequestLine]) -> Iterable[str]:
    for line in lines:
        yield from host_addresses(line.key, line.count, line.disk_gb)
