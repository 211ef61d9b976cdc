"""Every act of the API document has a command that calls its operation with the given values."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from uuid import UUID

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.client.acts import ACTS, ActCall, Needs
from orchestrator.client.connection import ApiProblem

KEY = UUID(int=7)
GROUPS = {"content-revisions": "content", "migrations": "migration"}
BY_HAND = {"requests/submit", "statements/issue", "statements/confirm", "statements/dispute"}
"""Acts whose command takes further values, or names its object by other words."""
MADE = [act for act in ACTS if f"{act.noun}/{act.name}" not in BY_HAND]
GIVEN = {
    Needs.NOTHING: ([], None),
    Needs.REASON: (["--reason", "因故"], {"reason": "因故"}),
    Needs.DIGEST: (["--digest", "0" * 64], {"digest": "0" * 64}),
}


class Service(HTTPServer):
    """Refuses every call, and keeps it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Refusal)
        self.calls: list[tuple[str, object]] = []


class Refusal(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        assert isinstance(self.server, Service)
        self.server.calls.append((self.path, json.loads(body) if body else None))
        answer = json.dumps({"type": "x", "title": "No.", "status": 409, "detail": "No."}).encode()
        self.send_response(409)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("act", MADE, ids=lambda act: f"{act.noun}.{act.name}")
def test_a_command_calls_the_operation_of_its_act(service: Service, act: ActCall) -> None:
    options, body = GIVEN[act.needs]
    name = "plan" if act.name == "plans" else act.name
    command = [GROUPS.get(act.noun, act.noun), name, str(KEY), *options, *(["--follow"] * act.orders_run)]
    environment = {"GOVCLOUD_URL": f"http://127.0.0.1:{service.server_port}", "GOVCLOUD_TOKEN": "gc_any"}
    ended = CliRunner().invoke(app, command, env=environment)
    assert isinstance(ended.exception, ApiProblem), ended.output
    assert service.calls.pop() == (f"/api/v1/{act.noun}/{KEY}/{act.name}", body)


@pytest.mark.parametrize(
    "act", [act for act in MADE if act.needs is not Needs.NOTHING], ids=lambda act: act.method
)
def test_a_needed_value_is_an_option_that_must_be_given(act: ActCall) -> None:
    ended = CliRunner().invoke(app, [GROUPS.get(act.noun, act.noun), act.name, str(KEY)])
    assert (ended.exit_code, f"--{act.needs}" in ended.output) == (2, True)
