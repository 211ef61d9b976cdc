"""Audit events, and the verification of the chain."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from orchestrator.adapters.audit_heads import read_heads
from orchestrator.api.deps import CountCursor, TheActor, TheService, TheSession, next_page
from orchestrator.core import audit
from orchestrator.departments.permissions import Permission, require
from orchestrator.workflows.billing import month_close

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("/events")
def list_audit_events(
    asked: Request,
    actor: TheActor,
    session: TheSession,
    object_id: Annotated[str | None, Query(max_length=100)] = None,
    cursor: CountCursor = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """List events, newest first."""
    require(actor, Permission.AUDIT_READ)
    found = audit.page(session, object_id=object_id, before=cursor, limit=limit)
    link = next_page(asked, found[-1].seq) if len(found) == limit else None
    return {"items": [event.model_dump(mode="json") for event in found], "next": link}


@router.get("/verification")
def verify_audit(actor: TheActor, session: TheSession, service: TheService) -> dict[str, Any]:
    """Verify the whole chain against the signed heads."""
    require(actor, Permission.AUDIT_READ)
    heads = read_heads(service.settings.heads_file, service.keys)
    findings = audit.verify(session, heads.signed)
    altered = month_close.altered_statements(session)
    return {
        "ok": not findings and not altered,
        "events": audit.head(session).seq,
        "heads": len(heads.signed),
        "torn_heads": list(heads.torn),
        "findings": [{"seq": item.seq, "problem": item.problem} for item in findings],
        "altered_statements": altered,
    }
