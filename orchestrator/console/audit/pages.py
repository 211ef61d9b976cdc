"""The page of the audit chain."""

import json
from typing import Annotated

from fastapi import APIRouter, Query, Response

from orchestrator.adapters.audit_heads import read_heads
from orchestrator.console.audit.views import AuditPage, AuditRow, ChainCheck
from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.views import Pager
from orchestrator.console.frame.visit import TheVisit, Visit
from orchestrator.console.words import labels
from orchestrator.console.words.i18n import N_
from orchestrator.core import audit
from orchestrator.core.clock import now
from orchestrator.departments.permissions import Permission, require

router = APIRouter(prefix="/console/audit", include_in_schema=False)
MENU = MenuEntry(90, N_("审计"), "/console/audit", "", frozenset({Permission.AUDIT_READ}))

PAGE_SIZE = 50
MISMATCH = N_("该事件与链值不符。")


@router.get("")
def show_events(
    visit: TheVisit,
    object_id: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Show the events of one object or of all, newest first."""
    require(visit.actor, Permission.AUDIT_READ)
    return visit.show("audit/list.html", _page(visit, object_id, before))


@router.post("/verify")
def verify(visit: TheVisit) -> Response:
    """Verify the whole chain against the signed heads."""
    require(visit.actor, Permission.AUDIT_READ)
    heads = read_heads(visit.service.settings.heads_file, visit.service.keys)
    findings = audit.verify(visit.session, heads.signed)
    check = ChainCheck(
        ok=not findings,
        checked_at=now(visit.session),
        events=audit.head(visit.session).seq,
        heads=len(heads.signed),
        message=_problem(visit, findings[0].problem) if findings else "",
        first_bad=findings[0].seq if findings else None,
    )
    return visit.show("audit/list.html", _page(visit, "", "", check))


def _problem(visit: Visit, english: str) -> str:
    return english if visit.language == "en" else visit.say(MISMATCH)


def _page(visit: Visit, object_id: str, before: str, check: ChainCheck | None = None) -> AuditPage:
    start = int(before) if before.isdecimal() else None
    events = audit.page(visit.session, object_id=object_id.strip() or None, before=start, limit=PAGE_SIZE)
    head = audit.head(visit.session)
    return AuditPage(
        rows=tuple(_row(visit, event) for event in events),
        pager=Pager(None, before, str(events[-1].seq) if len(events) == PAGE_SIZE else ""),
        object_id=object_id,
        head_seq=head.seq,
        head_digest=head.hash,
        check=check,
    )


def _row(visit: Visit, event: audit.AuditEvent) -> AuditRow:
    who, organisation = visit.names.actor(event.actor)
    is_known = event.action in labels.WORDS["event"]
    data = json.loads(event.body)["data"]
    return AuditRow(
        seq=event.seq,
        at=event.at,
        actor=f"{who} · {organisation}" if organisation else who,
        action=event.action,
        object=f"{event.object_type} {data.get('number', event.object_id)}",
        detail=visit.word(event.action, "event") if is_known else "",
        digest=event.hash,
    )
