"""The OpenAPI document is current, complete, and a client can be generated from it."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from orchestrator.api.document import METHODS, operations
from orchestrator.api.examples import BODIES, RESPONSES
from orchestrator.api.problems import MEANINGS
from orchestrator.app import api_document, api_routes
from tools import write_openapi

DOCUMENT: Final = api_document()
SCHEMAS: Final = DOCUMENT["components"]["schemas"]
OPERATIONS: Final = {operation["operationId"]: operation for _, operation in operations(DOCUMENT)}
ROUTES: Final[dict[str, APIRoute]] = {route.name: route for route in api_routes() if route.include_in_schema}
WITH_BODY: Final = [name for name, operation in OPERATIONS.items() if "requestBody" in operation]
MEMBERS = re.compile(r'"(#/components/[^"]+)"')
FREE: Final = {"AttributeValue", "HostReport", "ResourceAttributes", "SystemAttributes"}
"""Schemas of values whose members this service does not decide: clouds, playbooks and the inventory do."""


def test_the_stored_document_is_current() -> None:
    stored = (write_openapi.ROOT / write_openapi.FILE).read_text(encoding="utf-8")
    assert stored == write_openapi.text(), "Run: make client"


def test_every_operation_has_a_name_of_its_own_that_is_a_name_in_a_program() -> None:
    routes = sum(method in path for path in DOCUMENT["paths"].values() for method in METHODS)
    assert len(OPERATIONS) == routes >= 80
    assert [name for name in OPERATIONS if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []


def test_the_name_of_an_operation_is_that_of_its_route() -> None:
    """A name that FastAPI makes from path and method would change with the path."""
    assert set(OPERATIONS) == set(ROUTES)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_refusal_of_an_operation_is_a_problem(name: str) -> None:
    refusals = {status: one for status, one in OPERATIONS[name]["responses"].items() if int(status) >= 400}
    assert {"401", "422", "500", "503"} <= set(refusals)
    for status, response in refusals.items():
        assert response == {"$ref": f"#/components/responses/Problem{status}"}


@pytest.mark.parametrize(("method", "path"), [(m, p) for p, path in DOCUMENT["paths"].items() for m in path])
def test_an_operation_lists_the_refusals_that_its_parameters_bring(method: str, path: str) -> None:
    operation = DOCUMENT["paths"][path][method]
    parameters = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    statuses = set(operation["responses"])
    assert "404" in statuses or "{" not in path or "{month}" in path
    assert ("412" in statuses) == ("if-match" in parameters)
    assert ("428" in statuses) == ("if-match" in parameters and method == "put")
    assert "403" in statuses or method == "get"
    acts = f"{{{path.split('/')[-2].strip('{}')}}}" in path and method == "post"
    assert "409" in statuses or not acts


@pytest.mark.parametrize("status", MEANINGS)
def test_a_problem_has_the_media_type_and_the_members_of_rfc_9457(status: int) -> None:
    content = DOCUMENT["components"]["responses"][f"Problem{status}"]["content"]
    assert list(content) == ["application/problem+json"]
    shape, known = content["application/problem+json"]["schema"]["allOf"]
    assert lookup(shape["$ref"])["required"][:4] == ["type", "title", "status", "detail"]
    assert known["properties"]["status"] == {"const": status}
    types = known["properties"]["type"]["enum"]
    assert types
    assert [one for one in types if not re.fullmatch(r"urn:govcloud:problem:[a-z_0-9]+", one)] == []


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


def test_every_status_kind_and_decision_is_one_of_the_listed_values() -> None:
    named = {"status", "serving_side", "decision", "verdict", "direction", "outcome", "zone_class", "role"}
    wanted = {
        (name, member): schema
        for name, shape in SCHEMAS.items()
        for member, schema in shape.get("properties", {}).items()
        if member in named and schema.get("type") != "integer"
    }
    assert len(wanted) > 15
    assert {place for place, schema in wanted.items() if not values(schema)} == {("RunDetail", "outcome")}


def values(schema: Any) -> list[str]:
    resolved = lookup(schema["$ref"]) if "$ref" in schema else schema
    return list(resolved.get("enum", ()))


def test_no_further_object_is_without_a_shape() -> None:
    free = {place.split(".")[1] for place in free_places({"properties": SCHEMAS})}
    assert free == FREE
    assert {name for name in FREE if not SCHEMAS[name].get("description")} == set()
    assert list(free_places(DOCUMENT["paths"])) == []


def free_places(part: Any, place: str = "") -> Iterator[str]:
    """Yield the place of every schema that says nothing about its value or the members of its object."""
    if isinstance(part, list):
        part = {str(number): one for number, one in enumerate(part)}
    if not isinstance(part, dict):
        return
    if part.get("additionalProperties") is True or (
        part.get("type") == "object" and not {"properties", "additionalProperties"} & set(part)
    ):
        yield place
    for name, one in part.items():
        inner = f"{place}.{name}".strip(".")
        if name in ("example", "examples"):
            continue
        if is_schema(place, name) and not CONSTRAINTS & set(one):
            yield inner
        yield from free_places(one, inner)


CONSTRAINTS: Final = {"type", "$ref", "anyOf", "allOf", "oneOf", "enum", "const", "prefixItems"}


def is_schema(place: str, name: str) -> bool:
    """True for a schema by name, a member of an object, the items of a list, and what content holds."""
    return place.rsplit(".", maxsplit=1)[-1] == "properties" or name in ("items", "schema")


@pytest.mark.parametrize("name", WITH_BODY)
def test_the_example_of_a_body_is_valid(name: str) -> None:
    content = OPERATIONS[name]["requestBody"]["content"]["application/json"]
    assert "example" in content, f"add {content['schema']} to orchestrator/api/examples.py"
    field = ROUTES[name].body_field
    assert field is not None
    assert field.field_info.annotation is not None
    TypeAdapter(field.field_info.annotation).validate_python(content["example"])


@pytest.mark.parametrize("name", RESPONSES)
def test_the_example_of_a_response_is_valid_and_complete(name: str) -> None:
    example = OPERATIONS[name]["responses"]["200"]["content"]["application/json"]["example"]
    model = ROUTES[name].response_model
    assert model is not None
    shape: TypeAdapter[Any] = TypeAdapter(model)
    read = shape.validate_python(example, extra="forbid")
    assert set(shape.dump_python(read, mode="json")) == set(example)


def test_every_example_belongs_to_an_operation() -> None:
    assert set(BODIES) <= set(SCHEMAS)
    assert set(RESPONSES) <= set(OPERATIONS)
    assert len(RESPONSES) >= 10
