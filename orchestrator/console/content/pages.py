"""Pages of content revisions: the changes of a load, and the decision of a second person."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from orchestrator.console.content import reading
from orchestrator.console.content.views import RevisionList
from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.views import Pager
from orchestrator.console.frame.visit import Sent, TheVisit, Visit, go, words_of
from orchestrator.console.words.i18n import N_
from orchestrator.content import queries
from orchestrator.core.errors import BusinessError
from orchestrator.departments.permissions import Permission, require
from orchestrator.workflows.nouns import REVISIONS
from orchestrator.workflows.perform import perform

PATH = "/console/content-revisions"
router = APIRouter(prefix=PATH, include_in_schema=False)
MENU = MenuEntry(85, N_("内容修订"), PATH, "", frozenset({Permission.OBJECTS_READ_ALL}))

PAGE_SIZE = 30
HIGHEST = 2**31 - 1
DETAIL = "content/detail.html"


@router.get("")
def list_revisions(
    visit: TheVisit, before: Annotated[int | None, Query(ge=0, le=HIGHEST)] = None
) -> Response:
    """Show the revisions, newest first."""
    require(visit.actor, Permission.OBJECTS_READ_ALL)
    revisions = queries.page(visit.session, before=before, limit=PAGE_SIZE)
    following = str(revisions[-1].number) if len(revisions) == PAGE_SIZE else ""
    rows = tuple(reading.row(visit, revision) for revision in revisions)
    return visit.show("content/list.html", RevisionList(rows, Pager(None, str(before or ""), following)))


@router.get("/{revision_id}")
def show_revision(revision_id: UUID, visit: TheVisit) -> Response:
    """Show one revision with its changes."""
    require(visit.actor, Permission.OBJECTS_READ_ALL)
    return visit.show(DETAIL, reading.detail(visit, revision_id))


@router.post("/{revision_id}/{name}")
def act_on_revision(revision_id: UUID, name: str, visit: TheVisit, sent: Sent) -> Response:
    """Do one act on a revision, and show it again."""
    require(visit.actor, Permission.OBJECTS_READ_ALL)
    act, call = REVISIONS.act(name), visit.call(sent)
    visit.on_refusal(lambda again, error: _again(again, revision_id, error, call.reason))
    perform(REVISIONS, act, call, revision_id)
    return go(f"{PATH}/{revision_id}", f"{REVISIONS.path}.{act.name}")


def _again(visit: Visit, revision_id: UUID, error: BusinessError, reason: str) -> Response:
    """Show the revision as it is now, with the reason of the refusal and the typed text."""
    page = reading.detail(visit, revision_id)
    acts = replace(page.acts, problem=words_of(error, visit.language), reason=reason)
    return visit.show(DETAIL, replace(page, acts=acts))
