"""The web process: JSON API under /api/v1, pages under /console, static files under /static."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

import uvicorn
from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute

from orchestrator import __version__
from orchestrator.api import (
    audit,
    billing,
    catalogue,
    content,
    document,
    errors,
    health,
    migrations,
    people,
    plans,
    requests,
    resources,
    runs,
    state,
)
from orchestrator.api.deps import Service, hold_slot
from orchestrator.api.texts import require_storable_texts
from orchestrator.console import routes
from orchestrator.console.frame.security import PageSecurity
from orchestrator.settings import Settings
from orchestrator.wiring import service

DESCRIPTION = """Departments ask for compute and storage, operators approve and apply exactly the plan
they saw, finance and audit read. Errors are RFC 9457 problems; amounts are integer fen (0.01 CNY)."""

PARTS: Final = (
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
)
"""The parts of the API, in the order of the document."""
FILE_THREADS: Final = 16
"""Threads that read static files, beside one for every call that is worked on."""
BEFORE_EVERY_CALL: Final = (Depends(require_storable_texts), Depends(hold_slot, scope="function"))
"""In this order: a call whose body is still on its way holds no slot."""


def create_app(parts: Service | None = None) -> FastAPI:
    """Return the application; `parts` default to those of the settings."""
    wired = parts or service(Settings())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = wired.settings.max_calls + FILE_THREADS
        wired.logs.start()
        yield
        wired.logs.close()
        wired.engine.dispose()

    app = FastAPI(
        lifespan=lifespan,
        dependencies=BEFORE_EVERY_CALL,
        openapi_url=None,
    )
    app.state.service = wired
    app.include_router(_api())
    routes.install(app)
    errors.install(app, page_for=routes.page_for)
    app.add_middleware(PageSecurity, session_cookie=wired.cookie)
    app.add_api_route("/", _to_console, include_in_schema=False)
    app.add_route("/api/v1/openapi.json", _send_document, include_in_schema=False)
    health.install(app)
    return app


class WebServer(uvicorn.Server):
    """Serves the application until SIGTERM or SIGINT.

    Log streams would stay open as long as their runs, so a stop ends them before it waits for other requests.
    """

    def __init__(self, app: FastAPI, **options: Any) -> None:
        super().__init__(uvicorn.Config(app, log_level="warning", ws="none", **options))
        self._service: Service = app.state.service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the log streams and then everything else."""
        self._service.logs.stop()
        await super().shutdown(sockets)


def _api() -> APIRouter:
    api = APIRouter(prefix="/api/v1")
    for part in PARTS:
        api.include_router(part.router)
    return api


def api_routes() -> list[APIRoute]:
    """Return the routes of the API."""
    return [route for part in PARTS for route in part.router.routes if isinstance(route, APIRoute)]


@cache
def api_document() -> document.Document:
    """Return the OpenAPI document of the API; `docs/openapi.json` is a copy of it."""
    app = FastAPI(
        title="GovCloud Orchestrator",
        version=__version__,
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        generate_unique_id_function=document.operation_id,
    )
    app.include_router(_api())
    return document.describe(app)


async def _send_document(_request: Request) -> Response:
    return JSONResponse(api_document())


def _to_console(_request: Request) -> Response:
    return RedirectResponse("/console/", status_code=303)
