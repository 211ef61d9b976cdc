"""The approval queue."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from orchestrator.console.approvals.rows import queue_row, waiting_code
from orchestrator.console.approvals.views import ApprovalQueue, QueueRow
from orchestrator.console.frame.acts import waiting_text
from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.views import Option, Pager
from orchestrator.console.frame.visit import TheVisit, Visit
from orchestrator.console.plans import reading as plan_reading
from orchestrator.console.plans.views import PlanDetail
from orchestrator.console.requests import reading as request_reading
from orchestrator.console.requests.views import RequestDetail
from orchestrator.console.words.i18n import N_
from orchestrator.core.errors import NotFound
from orchestrator.departments.permissions import Permission
from orchestrator.workflows import to_do_queries as to_do
from orchestrator.workflows.nouns import NOUNS

router = APIRouter(prefix="/console", include_in_schema=False)
DECIDES = frozenset(
    {
        Permission.REQUESTS_ENDORSE,
        Permission.REQUESTS_REVIEW,
        Permission.PLANS_APPROVE,
        Permission.PLANS_APPROVE_LEVEL_3,
        Permission.PLANS_APPROVE_FINANCE,
        Permission.PLANS_APPLY,
    }
)
MENU = MenuEntry(20, N_("审批队列"), "/console/approvals", "approvals", DECIDES)

PAGE_SIZE = 20
MOST = 500
PARTS = {"queue-rows": "approvals/_rows.html", "panel": "approvals/_panel.html"}


@router.get("/approvals")
def show_queue(
    visit: TheVisit,
    kind: Annotated[str, Query(alias="waiting", max_length=60)] = "",
    text: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[str, Query(max_length=10)] = "",
    chosen: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """Show the queue, with the chosen object beside it."""
    items = to_do.page(visit.session, to_do.Queue(visit.actor, visit.service.pack, NOUNS), limit=MOST)
    kinds = {waiting_code(item): waiting_text(item.act.waiting, visit) for item in items}
    rows = [queue_row(visit, item) for item in items if kind in ("", waiting_code(item))]
    wanted = [row for row in rows if _matches(row, text)]
    start = int(before) if before.isdecimal() else 0
    following = str(start + PAGE_SIZE) if start + PAGE_SIZE < len(wanted) else ""
    plan, request = _chosen(visit, chosen)
    page = ApprovalQueue(
        rows=tuple(wanted[start : start + PAGE_SIZE]),
        pager=Pager(len(wanted), before if start else "", following),
        waiting=kind,
        text=text,
        kinds=tuple(Option(code, word) for code, word in kinds.items()),
        chosen=chosen,
        plan=plan,
        request=request,
    )
    return visit.show("approvals/queue.html", page, parts=PARTS)


def _matches(row: QueueRow, text: str) -> bool:
    words = (row.number, row.organisation, row.requester, row.subject)
    return any(text.strip().lower() in word.lower() for word in words)


def _chosen(visit: Visit, key: str) -> tuple[PlanDetail | None, RequestDetail | None]:
    noun, _, subject = key.partition(":")
    try:
        subject_id = UUID(subject)
    except ValueError:
        return None, None
    try:
        if noun == "plan":
            return plan_reading.detail(visit, plan_reading.find(visit, subject_id)), None
        return None, request_reading.detail(visit, request_reading.find(visit, subject_id))
    except NotFound:
        return None, None
