"""Audit events, and the verification of the chain."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from orchestrator.adapters.audit_heads import read_heads
from orchestrator.api.audit_shapes import AuditEventDetail, AuditEventPage, AuditVerification, ChainFinding
from orchestrator.api.deps import CountCursor, TheActor, TheService, TheSession, next_page
from orchestrator.core import audit
from orchestrator.departments.permissions import Permission, require
from orchestrator.workflows.billing import month_close

router = APIRouter(prefix="/audit", tags=["audit"])


@dataclass(frozen=True)
class EventPage:
    """The requested page of the audit events, of one object if its id is given."""

    request: Request
    object_id: Annotated[str | None, Query(max_length=100)] = None
    cursor: CountCursor = None
    limit: Annotated[int, Query(ge=1, le=500)] = 100


@router.get("/events")
def list_audit_events(
    actor: TheActor, session: TheSession, page: Annotated[EventPage, Depends()]
) -> AuditEventPage:
    """List events, newest first."""
    require(actor, Permission.AUDIT_READ)
    events = audit.page(session, object_id=page.object_id, before=page.cursor, limit=page.limit)
    link = next_page(page.request, events[-1].seq) if len(events) == page.limit else None
    return AuditEventPage(items=[AuditEventDetail.model_validate(event) for event in events], next=link)


@router.get("/verification")
def verify_audit(actor: TheActor, session: TheSession, service: TheService) -> AuditVerification:
    """Verify the whole chain against the signed heads."""
    require(actor, Permission.AUDIT_READ)
    heads = read_heads(service.settings.heads_file, service.keys)
    findings = audit.verify(session, heads.signed)
    altered = month_close.altered_statements(session)
    return AuditVerification(
        ok=not findings and not altered,
        events=audit.head(session).seq,
        heads=len(heads.signed),
        torn_heads=list(heads.torn),
        findings=[ChainFinding.model_validate(finding) for finding in findings],
        altered_statements=altered,
    )
