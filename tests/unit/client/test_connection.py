"""Calls as they are sent, and responses that are no success, against a real HTTP server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest

from orchestrator.client.api import ApiClient, every, sign_in
from orchestrator.client.connection import ApiProblem, Unreachable, parse_events
from orchestrator.client.encoding import UnexpectedResponse
from orchestrator.client.models import RequestStatus
from orchestrator.refusals import explain

ID = UUID("018f0000-0000-7000-8000-000000000001")
ME = {
    "person_id": str(ID),
    "name": "李",
    "name_en": "Li",
    "organisation": "SLJ",
    "roles": [],
    "permissions": ["requests:write"],
}


class Server(ThreadingHTTPServer):
    """Records every request, and sends the responses of `answers` one after the other."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, bytes]] = []
        self.received: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, document: Any, status: int = 200) -> None:
        self.answers.append((status, json.dumps(document).encode()))


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append((self.command, self.path, headers, body))
        status, content = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the name that the server looks for.

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(server: Server) -> Iterator[ApiClient]:
    with ApiClient(server.url, "gc_secret") as client:
        yield client


def test_query_headers_and_token_are_sent_and_none_is_left_out(server: Server, client: ApiClient) -> None:
    server.answer({"next": None, "items": []})
    client.list_requests(status=[RequestStatus.DRAFT, RequestStatus.APPROVED], search="雨 & 情")
    method, path, headers, _ = server.received[0]
    assert (method, path) == (
        "GET",
        "/api/v1/requests?status=draft&status=approved&search=%E9%9B%A8+%26+%E6%83%85",
    )
    assert headers["authorization"] == "Bearer gc_secret"
    assert "origin" not in headers


def test_a_version_is_sent_as_etag(server: Server, client: ApiClient) -> None:
    server.answer({}, 204)
    with pytest.raises(UnexpectedResponse):
        client.submit_request(ID, if_match=7, idempotency_key="once")
    _, path, headers, body = server.received[0]
    assert (path, body) == (f"/api/v1/requests/{ID}/submit", b"")
    assert (headers["if-match"], headers["idempotency-key"]) == ('"7"', "once")


def test_a_value_in_a_path_stays_one_segment(server: Server, client: ApiClient) -> None:
    server.answer({}, 404)
    with pytest.raises(ApiProblem):
        client.read_department("../runs?x")
    assert server.received[0][1] == "/api/v1/departments/..%2Fruns%3Fx"


def test_every_page_is_read(server: Server, client: ApiClient) -> None:
    server.answer({"next": "/api/v1/runs?cursor=abc&limit=1", "items": []})
    server.answer({"next": None, "items": []})
    assert list(every(lambda cursor: client.list_runs(cursor=cursor, limit=1))) == []
    assert [path for _, path, _, _ in server.received] == [
        "/api/v1/runs?limit=1",
        "/api/v1/runs?cursor=abc&limit=1",
    ]


def test_a_refusal_is_a_problem_with_its_document(server: Server, client: ApiClient) -> None:
    server.answer({"title": "Not now.", "status": 409, "rule": "R-1"}, 409)
    with pytest.raises(ApiProblem, match=r"Not now\.") as caught:
        client.read_me()
    assert (caught.value.status, caught.value.document["rule"]) == (409, "R-1")


def test_a_refusal_that_is_no_problem_document_shows_its_text(server: Server, client: ApiClient) -> None:
    server.answers.append((502, b"<h1>Bad gateway</h1>"))
    with pytest.raises(ApiProblem, match="HTTP 502 <h1>Bad gateway</h1>"):
        client.read_me()


def test_a_response_that_is_not_json_is_named(server: Server, client: ApiClient) -> None:
    server.answers.append((200, b"<h1>Welcome</h1>"))
    with pytest.raises(UnexpectedResponse, match="GET /me is not JSON") as caught:
        client.read_me()
    assert explain(caught.value) == [str(caught.value)]


def test_a_service_that_does_not_answer_is_named_to_the_person() -> None:
    with ApiClient("http://127.0.0.1:1") as client, pytest.raises(Unreachable) as caught:
        client.read_me()
    (line,) = explain(caught.value) or []
    assert line.startswith("No service answers at http://127.0.0.1:1 (")


def test_a_token_is_created_in_a_session_from_the_services_own_address(server: Server) -> None:
    server.answers.append((204, b""))
    server.answer(ME)
    times = {"created_at": "2019-06-19T01:00:00Z", "expires_at": "2019-06-20T01:00:00Z", "revoked_at": None}
    server.answer({"id": str(ID), "name": "x", "scopes": [], "token": "gc_new", **times}, 201)
    assert sign_in(server.url, "slj.clerk", "secret", name="x", days=1) == "gc_new"
    _, path, headers, body = server.received[2]
    assert (path, headers["origin"]) == ("/api/v1/tokens", server.url)
    assert json.loads(body) == {"name": "x", "scopes": ["requests:write"], "expires_in_days": 1}


def test_a_stream_is_read_to_its_end_and_comments_are_skipped() -> None:
    stream = [
        ": ping",
        "",
        "event: lines",
        "id: 3",
        'data: ["a", "b"]',
        "",
        "event: done",
        "data: {}",
        "",
        "x: 1",
    ]
    assert list(parse_events(iter(stream))) == [(3, ["a", "b"])]


def test_a_stream_that_breaks_inside_an_event_does_not_hand_it_on() -> None:
    assert list(parse_events(iter(["event: lines", "id: 3", 'data: ["a"]']))) == []
