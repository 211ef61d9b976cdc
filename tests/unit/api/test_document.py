"""The OpenAPI document is current, and a client can be generated from it."""

import re
from typing import Any, Final

import pytest

from orchestrator.api.document import METHODS, PROBLEMS, operations
from orchestrator.app import api_document
from tools import write_openapi

DOCUMENT: Final = api_document()
OPERATIONS: Final = {operation["operationId"]: operation for _, operation in operations(DOCUMENT)}
MEMBERS = re.compile(r'"(#/components/[^"]+)"')


def test_the_stored_document_is_current() -> None:
    stored = (write_openapi.ROOT / write_openapi.FILE).read_text(encoding="utf-8")
    assert stored == write_openapi.text(), "Run: PYTHONPATH=. .venv/bin/python tools/write_openapi.py"


def test_every_operation_has_a_name_of_its_own_that_is_a_name_in_a_program() -> None:
    routes = sum(method in path for path in DOCUMENT["paths"].values() for method in METHODS)
    assert len(OPERATIONS) == routes >= 80
    assert [name for name in OPERATIONS if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_refusal_of_an_operation_is_a_problem(name: str) -> None:
    refusals = {status: one for status, one in OPERATIONS[name]["responses"].items() if int(status) >= 400}
    assert {"401", "422", "500", "503"} <= set(refusals)
    for status, response in refusals.items():
        assert response == {"$ref": f"#/components/responses/Problem{status}"}


@pytest.mark.parametrize("status", PROBLEMS)
def test_a_problem_has_the_media_type_and_the_members_of_rfc_9457(status: int) -> None:
    content = DOCUMENT["components"]["responses"][f"Problem{status}"]["content"]
    assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    problem = DOCUMENT["components"]["schemas"]["Problem"]
    assert problem["required"] == ["type", "title", "status", "detail"]


def test_only_the_sign_in_needs_no_token_or_session() -> None:
    assert DOCUMENT["security"] == [{"token": []}, {"session": []}]
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"token", "session"}
    assert {name for name, one in OPERATIONS.items() if one.get("security") == []} == {"sign_in"}


def test_every_reference_leads_to_a_component() -> None:
    references = set(MEMBERS.findall(write_openapi.text()))
    assert references
    assert {one for one in references if lookup(one) is None} == set()


def lookup(reference: str) -> Any:
    part: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        part = part.get(name) if part is not None else None
    return part


def test_every_response_says_what_it_holds() -> None:
    empty = [
        name
        for name, one in OPERATIONS.items()
        for status, response in one["responses"].items()
        if status.startswith("2") and status != "204" and not response.get("content")
    ]
    assert empty == []


@pytest.mark.parametrize(
    "shape",
    ["RequestOut", "RequestDetail", "PlanOut", "RunOut", "ResourceOut", "MigrationOut", "StatementOut"],
)
def test_a_status_is_one_of_the_listed_values(shape: str) -> None:
    status = DOCUMENT["components"]["schemas"][shape]["properties"]["status"]
    assert lookup(status["$ref"])["enum"]


FREE_OBJECTS: Final = 41
"""The problem's further members, and what still has no declared shape; the number may only shrink."""


def test_no_further_object_is_without_a_shape() -> None:
    assert write_openapi.text().count('"additionalProperties": true') <= FREE_OBJECTS
