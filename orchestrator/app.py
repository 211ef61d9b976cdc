"""The web process: JSON API under /api/v1, pages under /console, static files under /static."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from orchestrator import __version__
from orchestrator.api import (
    audit,
    billing,
    catalogue,
    content,
    errors,
    migrations,
    people,
    plans,
    requests,
    resources,
    runs,
    state,
)
from orchestrator.api.deps import Service, TheSession
from orchestrator.api.texts import require_storable_texts
from orchestrator.console import routes
from orchestrator.console.security import PageSecurity
from orchestrator.core.clock import now
from orchestrator.settings import Settings
from orchestrator.wiring import service

DESCRIPTION = """Departments ask for compute and storage, operators approve and apply exactly the plan
they saw, finance and audit read. Errors are RFC 9457 problems; amounts are integer fen (0.01 CNY)."""


def create_app(parts: Service | None = None) -> FastAPI:
    """The application; `parts` default to those that the settings name."""
    made = parts or service(Settings())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        made.logs.start()
        yield
        made.logs.close()
        made.engine.dispose()

    app = FastAPI(
        title="GovCloud Orchestrator",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        dependencies=[Depends(require_storable_texts)],
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = made
    app.include_router(_api())
    routes.install(app)
    errors.install(app, page_for=routes.page_for)
    app.add_middleware(PageSecurity, session_cookie=made.cookie)
    app.add_api_route("/", _to_console, include_in_schema=False)
    app.add_api_route("/healthz", _healthz, include_in_schema=False)
    return app


def _api() -> APIRouter:
    api = APIRouter(prefix="/api/v1")
    for part in (
        people,
        catalogue,
        requests,
        plans,
        runs,
        migrations,
        resources,
        billing,
        content,
        audit,
        state,
    ):
        api.include_router(part.router)
    return api


def _to_console(_request: Request) -> Response:
    return RedirectResponse("/console/", status_code=303)


def _healthz(session: TheSession) -> JSONResponse:
    """200 when the database answers; the time is the product's."""
    body: dict[str, Any] = {"status": "ok", "now": now(session).isoformat()}
    return JSONResponse(body)
