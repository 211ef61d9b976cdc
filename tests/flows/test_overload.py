"""More calls at once than the service works on: the rest waits in line or is asked to repeat the call."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
import psycopg
import pytest
from sqlalchemy import Engine, text

from orchestrator.core.db import libpq_url, transaction
from orchestrator.settings import Settings
from orchestrator.workflows.people import accounts
from tests import acts
from tests.callers import Callers
from tests.postgres import Server

PASSWORD = "correct horse battery"
AT_ONCE, WAITING = 1, 3


@pytest.fixture
def settings(city_url: str, tmp_path: Path) -> Settings:
    """A web process that is overloaded by a handful of calls."""
    return Settings(
        home=tmp_path / "home", database_url=city_url, max_calls=AT_ONCE, max_waiting_calls=WAITING
    )


async def call_at_once(address: str, token: str, count: int) -> tuple[list[int], list[int]]:
    """The statuses of `count` calls at once, and those of ``/healthz`` until all of them were answered."""
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
        headers = {"Authorization": f"Bearer {token}"}
        calls = asyncio.gather(*(client.get("/api/v1/requests", headers=headers) for _ in range(count)))
        health = []
        while not calls.done():
            health.append((await client.get("/healthz")).status_code)
            await asyncio.sleep(0.02)
        return [answer.status_code for answer in await calls], health


def test_two_hundred_calls_at_once_are_answered_and_health_meanwhile(shared_callers: Callers) -> None:
    token = shared_callers("slj.clerk").token
    statuses, health = asyncio.run(call_at_once(shared_callers.address, token, 200))
    assert set(statuses) == {200}
    assert set(health) == {200}


@contextmanager
def stuck_calls(
    engine: Engine, count: int, call: Callable[[], httpx2.Response]
) -> Iterator[list[Future[httpx2.Response]]]:
    """`count` calls at once, of which none can be finished before the block ends."""
    with ThreadPoolExecutor(count) as threads, engine.connect() as holder:
        holder.execute(text("LOCK TABLE api_tokens"))
        yield [threads.submit(call) for _ in range(count)]


def test_calls_past_the_line_are_refused_while_those_in_it_wait(callers: Callers, engine: Engine) -> None:
    clerk = callers("slj.clerk")
    with stuck_calls(engine, 20, lambda: clerk.get("/me")) as calls:
        refused = [call.result() for call in islice(as_completed(calls, timeout=60), 20 - AT_ONCE - WAITING)]
        page = callers.http.get("/console/requests")
        probes = [callers.http.get(path) for path in ("/healthz", "/readyz", "/static/no-such-file")]
    for answer in refused:
        assert (answer.status_code, answer.json()["status"]) == (503, 503)
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
    assert (page.status_code, page.headers["retry-after"]) == (503, refused[0].headers["retry-after"])
    assert "系统繁忙" in page.text
    assert [probe.status_code for probe in probes] == [200, 200, 404]
    assert sorted(call.result().status_code for call in calls) == [200] * (AT_ONCE + WAITING) + [503] * len(
        refused
    )


def test_a_call_that_fails_gives_its_place_back(callers: Callers) -> None:
    for _ in range(AT_ONCE + WAITING + 1):
        assert callers.anybody().get("/me").status_code == 401
        assert callers("slj.clerk").get("/me?%00").status_code == 422
        assert callers("slj.clerk").post("/quotes", json={}).status_code == 422
    assert callers("slj.clerk").get("/me").status_code == 200


def test_a_refused_act_shows_its_page_again_in_a_place_of_its_own(callers: Callers, engine: Engine) -> None:
    request = acts.draft(callers)
    with transaction(engine) as session:
        accounts.set_password(session, "slj.clerk", PASSWORD, "operator:test")
    with httpx2.Client(
        base_url=callers.address, timeout=60, headers={"Sec-Fetch-Site": "same-origin"}
    ) as clerk:
        account = {"username": "slj.clerk", "password": PASSWORD}
        assert clerk.post("/console/sign-in", data=account).status_code == 303
        answer = clerk.post(f"/console/requests/{request.id}/cancel", data={"reason": " "})
    assert answer.status_code == 422
    assert "请填写意见" in answer.text


def test_followed_logs_take_no_place(callers: Callers) -> None:
    request = acts.approve(callers)
    reviewer = callers("xxh.reviewer")
    run = reviewer.plans_request(request.id)
    headers = {"Authorization": f"Bearer {reviewer.token}"}
    with ExitStack() as streams:
        for _ in range(AT_ONCE + WAITING + 1):
            stream = callers.http.stream("GET", f"/api/v1/runs/{run.id}/log/stream", headers=headers)
            assert streams.enter_context(stream).status_code == 200
        assert reviewer.get("/me").status_code == 200


SLOW = {
    "a JSON body": "POST /api/v1/session HTTP/1.1\r\nContent-Type: application/json\r\n",
    "a form": "POST /console/sign-in HTTP/1.1\r\nSec-Fetch-Site: same-origin\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n",
    "a state": f"POST /api/v1/state/{UUID(int=0)} HTTP/1.1\r\nAuthorization: Basic cnVuOng=\r\n",
}


@pytest.mark.parametrize("head", SLOW.values(), ids=SLOW.keys())
def test_a_body_that_never_ends_takes_no_place(callers: Callers, head: str) -> None:
    place = urlsplit(callers.address)
    with ExitStack() as senders:
        for _ in range(AT_ONCE + WAITING + 1):
            sender = senders.enter_context(socket.create_connection((place.hostname, place.port)))
            sender.sendall(f"{head}Host: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        for _ in range(3):
            assert callers("slj.clerk").get("/me").status_code == 200


def test_a_service_without_its_database_is_alive_but_not_ready(
    callers: Callers, server: Server, engine: Engine
) -> None:
    name = engine.url.database
    assert callers.http.get("/readyz").json() == {"status": "ok"}
    with psycopg.connect(libpq_url(server.url()), autocommit=True) as administrator:
        administrator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
    answer = callers.http.get("/readyz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert callers.http.get("/healthz").status_code == 200
