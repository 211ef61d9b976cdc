"""Liveness and readiness: plain routes that need neither a slot nor a thread of ordinary calls."""

from typing import Final

from anyio import CapacityLimiter, move_on_after, to_thread
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.api.deps import service_of
from orchestrator.api.errors import problem
from orchestrator.core.db import ping

_PATIENCE_SECONDS: Final = 2


def install(app: FastAPI) -> None:
    """Add ``/healthz`` and ``/readyz``."""
    # One at a time, because the pool has one connection for it.
    app.state.readiness = CapacityLimiter(1)
    app.add_route("/healthz", _live, include_in_schema=False)
    app.add_route("/readyz", _ready, include_in_schema=False)


async def _live(_request: Request) -> Response:
    """Answer 200 while the process runs; the database is not queried."""
    return JSONResponse({"status": "ok"})


async def _ready(request: Request) -> Response:
    """Answer 200 if the database responds within two seconds, else 503."""
    if await _database_answers(request):
        return JSONResponse({"status": "ok"})
    return problem(503, "not_ready", "The service is not ready.", "The database does not answer.")


async def _database_answers(request: Request) -> bool:
    with move_on_after(_PATIENCE_SECONDS):
        try:
            engine, limiter = service_of(request).engine, request.app.state.readiness
            await to_thread.run_sync(ping, engine, abandon_on_cancel=True, limiter=limiter)
        except SQLAlchemyError:
            return False
        return True
    return False
