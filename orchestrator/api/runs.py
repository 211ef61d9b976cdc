"""Runs: read, follow the log live, cancel."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from orchestrator.api.acts import Answer, add_routes
from orchestrator.api.deps import HIGHEST, TheActor, TheService, TheSession, next_page, whole_number
from orchestrator.api.run_shapes import RunDetail, RunLog, RunPage
from orchestrator.departments.permissions import require_visible, visible_to
from orchestrator.runs import queries
from orchestrator.runs.models import Run
from orchestrator.workflows.nouns import RUNS

router = APIRouter(tags=["runs"])


def readable_run(run_id: UUID, actor: TheActor, session: TheSession) -> Run:
    """Return the run of the path if the actor may read it."""
    return require_visible(actor, queries.run(session, run_id))


def forbid_storing(response: Response) -> None:
    """Let no cache store the response; the headers of a stream are sent before its first event."""
    response.headers["Cache-Control"] = "no-store"


@router.get("/runs")
def list_runs(
    asked: Request,
    actor: TheActor,
    session: TheSession,
    cursor: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RunPage:
    """List the runs of your organisation, or of all if you may read all."""
    own = visible_to(actor)
    runs = queries.run_page(session, organisation=own, before=cursor, limit=limit)
    link = next_page(asked, runs[-1].id) if len(runs) == limit else None
    return RunPage(items=[RunDetail.model_validate(run) for run in runs], next=link)


@router.get("/runs/{run_id}")
def read_run(run: Annotated[Run, Depends(readable_run)]) -> RunDetail:
    """Return one run."""
    return RunDetail.model_validate(run)


@router.get("/runs/{run_id}/log")
def read_run_log(
    run: Annotated[Run, Depends(readable_run)],
    session: TheSession,
    after: Annotated[int, Query(ge=0, le=HIGHEST)] = 0,
) -> RunLog:
    """Return the lines of the log after line `after`; `last` is the number of the last one."""
    numbered = [
        (chunk.first_line + offset, line)
        for chunk in queries.log_chunks(session, run.id, after)
        for offset, line in enumerate(chunk.text.split("\n"))
    ]
    later = [(number, line) for number, line in numbered if number > after]
    return RunLog(lines=[line for _, line in later], last=later[-1][0] if later else after)


@router.get(
    "/runs/{run_id}/log/stream", response_class=EventSourceResponse, dependencies=[Depends(forbid_storing)]
)
async def stream_run_log(
    run: Annotated[Run, Depends(readable_run)],
    service: TheService,
    after: Annotated[int, Query(ge=0, le=HIGHEST)] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Stream the log as server-sent events ``lines`` (a JSON list), then ``done`` after the run's end.

    The id of an event is the number of its last line, so a client resumes without gap or repetition. A
    stream that ends without ``done`` was interrupted; the client resumes it.
    """
    last_line = whole_number(last_event_id or "")
    resumed = after if last_line is None else last_line
    async for news in service.logs.subscribe(str(run.id), resumed):
        yield ServerSentEvent(data=list(news.lines), id=str(news.last_line), event="lines")
    if not service.logs.is_stopping:
        yield ServerSentEvent(data={}, event="done")


add_routes(router, RUNS, {Run: Answer(200, RunDetail, lambda _call, run: RunDetail.model_validate(run))})
