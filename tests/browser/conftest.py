"""Chromium, and a server with the sample pages behind the real security walls."""

import asyncio
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Mount, Route

from orchestrator.console.frame.render import render
from orchestrator.console.frame.security import PageSecurity
from orchestrator.console.frame.static import AssetFiles
from tests.browser.people import People, sign_in
from tests.parts import skip_without
from tests.running import RunningService
from tests.unit.console import sample_objects, sample_pages

# An expectation ends as soon as it is met; a loaded machine may need far more than Playwright's five seconds.
expect.set_options(timeout=60_000)

CHROMIUM = os.environ.get("CHROMIUM_BIN") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a file's tests; while it lives, this thread has an event loop and allows no other."""
    if CHROMIUM is None:
        skip_without("chromium", "no Chromium on PATH")
    with sync_playwright() as playwright:
        # Chromium's own sandbox cannot start for root or inside most containers.
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def show_sample(request: Request) -> HTMLResponse:
    """One of the sample pages."""
    name = request.path_params["name"]
    template, context = sample_pages.PAGES[name]
    if name != "sign_in":
        request.state.frame = sample_objects.frame()
    return render(request, template, **context)


async def broken_stream(request: Request) -> StreamingResponse:
    """A log whose connection breaks after two lines and which then repeats one of them before it ends."""
    after = int(request.query_params["after"])

    async def events() -> AsyncIterator[str]:
        first, last = (after + 1, after + 2) if after < 6 else (after, after + 1)
        lines = json.dumps([f"line {number} <b>" for number in range(first, last + 1)])
        yield f"id: {last}\nevent: lines\ndata: {lines}\n\n"
        await asyncio.sleep(0.05)
        if after >= 6:
            yield "event: done\ndata: {}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@pytest.fixture(scope="session")
def sample_site() -> Iterator[str]:
    """The address of a server with the sample pages."""
    routes = [
        Mount("/static", AssetFiles()),
        Route("/console/{name}", show_sample),
        Route("/api/v1/runs/{number}/log/stream", broken_stream),
    ]
    app = PageSecurity(Starlette(routes=routes), session_cookie="session")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        server.force_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="module")
def people(browser: Browser, service: RunningService) -> Iterator[People]:
    """People who stay signed in through a file's tests."""
    pages: dict[str, Page] = {}

    def signed_in(username: str) -> Page:
        if username not in pages:
            pages[username] = sign_in(browser, service, username)
        return pages[username]

    yield signed_in
    for page in pages.values():
        page.context.close()
