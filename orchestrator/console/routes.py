"""The routes of the console, and its error pages."""

from collections.abc import Callable
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError

from orchestrator.api.deps import Service, find_actor, service_of
from orchestrator.api.errors import wrong_fields
from orchestrator.console.frame.render import render
from orchestrator.console.frame.rooms import rooms
from orchestrator.console.frame.static import AssetFiles
from orchestrator.console.frame.visit import Visit, go, open_visit, words_of
from orchestrator.console.words.i18n import Language, choose_language
from orchestrator.core.db import transaction
from orchestrator.core.errors import BusinessError

PAGES = "/console"
NOT_SIGNED_IN, MISSING = 401, 404
ERROR_PAGES = frozenset({403, 404, 409, 422, 500, 503})

Again = Callable[[Visit, BusinessError], Response]


def install(app: FastAPI) -> None:
    """Register the pages and the static files."""
    for room in rooms():
        app.include_router(room.router)
    app.mount("/static", AssetFiles(), name="static")


async def page_for(request: Request, status: int, error: Exception) -> Response | None:
    """Return an error page for a path of the console; None for any other path."""
    if not request.url.path.startswith(PAGES):
        return None
    if status == NOT_SIGNED_IN:
        return _to_sign_in(request)
    again: Again | None = getattr(request.state, "again", None)
    if again is not None and isinstance(error, BusinessError) and status != MISSING:
        return await _page_again(request, status, error, again)
    return _error_page(request, status, error)


def _to_sign_in(request: Request) -> Response:
    wanted = request.url.path if request.method == "GET" else f"{PAGES}/"
    query = f"?{request.url.query}" if request.method == "GET" and request.url.query else ""
    path = f"{PAGES}/sign-in?{urlencode({'next': wanted + query})}"
    if request.headers.get("hx-request") == "true":
        # The sign-in form must not replace a part of a page, so the whole browser page is redirected.
        return Response(status_code=204, headers={"HX-Redirect": path})
    return go(path)


async def _page_again(request: Request, status: int, error: BusinessError, again: Again) -> Response:
    """Show the page that sent the refused act, in its current state; the act itself is rolled back."""
    service = service_of(request)
    async with service.admission.slot(admitted_before=True):
        response = await run_in_threadpool(_read_again, request, service, error, again)
    response.status_code = status
    return response


def _read_again(request: Request, service: Service, error: BusinessError, again: Again) -> Response:
    with transaction(service.engine) as session:
        actor = find_actor(request, service, session)
        return again(open_visit(request, session, actor, service), error)


def _error_page(request: Request, status: int, error: Exception) -> Response:
    frame = getattr(request.state, "frame", None)
    language = choose_language(request, frame.actor.language if frame else None)
    name = status if status in ERROR_PAGES else 409
    return render(request, f"errors/{name}.html", status=status, reason=_reason(error, language))


def _reason(error: Exception, language: Language) -> str:
    if isinstance(error, RequestValidationError):
        return ", ".join(item["field"] for item in wrong_fields(error))
    return words_of(error, language) if isinstance(error, BusinessError) else ""
