"""The check that the flows put on every response finds what the document does not list."""

from typing import Any

import httpx2
import pytest
from pydantic import ValidationError

from orchestrator.api.examples import RESPONSES
from orchestrator.api.problem_examples import PROBLEMS
from tests.contract import require_documented

RUN = "/runs/c4e8a1d2-3b5f-4c6a-9d7e-1f2a3b4c5d6e"
PROBLEM = {"content-type": "application/problem+json"}


def answer(status: int, body: Any, **headers: str) -> httpx2.Response:
    return httpx2.Response(status, json=body, headers=headers)


def test_a_documented_response_passes() -> None:
    require_documented("GET", RUN, answer(200, RESPONSES["read_run"]))
    plan = RESPONSES["read_plan"]
    require_documented("GET", f"/plans/{plan['id']}?x=1", answer(200, plan, etag='"3"'))
    require_documented("GET", RUN, httpx2.Response(404, json=PROBLEMS[404], headers=PROBLEM))


def test_a_path_that_is_not_in_the_document_is_not_checked() -> None:
    require_documented("GET", "/no-such-path", answer(418, "teapot"))


def test_a_status_that_is_not_documented_fails() -> None:
    with pytest.raises(AssertionError, match=r"GET .*: 409 is not documented"):
        require_documented("GET", RUN, httpx2.Response(409, json=PROBLEMS[409], headers=PROBLEM))


@pytest.mark.parametrize(
    "body",
    [
        RESPONSES["read_run"] | {"worker": "w1"},
        RESPONSES["read_run"] | {"kind": "walk"},
        RESPONSES["read_run"] | {"outcome": {"found": []}},
        {name: value for name, value in RESPONSES["read_run"].items() if name != "attempt"},
    ],
)
def test_a_member_or_value_that_is_not_documented_fails(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        require_documented("GET", RUN, answer(200, body))


def test_a_version_without_its_etag_fails() -> None:
    plan = RESPONSES["read_plan"]
    with pytest.raises(KeyError):
        require_documented("GET", f"/plans/{plan['id']}", answer(200, plan))


def test_a_problem_of_another_type_or_with_an_unknown_member_fails() -> None:
    unknown_type = PROBLEMS[404] | {"type": "urn:govcloud:problem:lost"}
    with pytest.raises(AssertionError, match="lost"):
        require_documented("GET", RUN, httpx2.Response(404, json=unknown_type, headers=PROBLEM))
    with pytest.raises(ValidationError):
        require_documented(
            "GET", RUN, httpx2.Response(404, json=PROBLEMS[404] | {"colour": "red"}, headers=PROBLEM)
        )
