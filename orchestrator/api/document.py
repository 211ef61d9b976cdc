"""The OpenAPI document: stable operation names, how to sign in, and the problems of each operation."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from orchestrator.api.examples import BODIES, RESPONSES
from orchestrator.api.problem_examples import PROBLEMS
from orchestrator.api.problems import MEANINGS, SHAPES, Problem
from orchestrator.api.problems import schema as problem_schema

Document = dict[str, Any]

METHODS: Final = ("get", "post", "put", "delete")
SIGN_IN: Final = "sign_in"
SECURITY_SCHEMES: Final[Document] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of a person, such as `gc_…`: POST /api/v1/tokens or `govcloud login`.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-govcloud_session",
        "description": "The session of a browser; `govcloud_session` where cookies are sent over plain HTTP. "
        "A write must come from the service's own pages.",
    },
}
ETAG: Final[Document] = {
    "description": "The version of the object, for If-Match.",
    "schema": {"type": "string", "examples": ['"4"']},
}
REPLAYED: Final[Document] = {
    "description": "`true` where this is the stored answer to an earlier call with the same Idempotency-Key.",
    "schema": {"type": "string", "const": "true"},
}
OWN_ACCOUNT: Final = frozenset({"read_me", "list_tokens"})
"""Reads that every person may make."""
NAMES_NO_OBJECT: Final = frozenset({"close_month", "read_month"})
"""Their paths name a month, not an object that could be missing."""
NEEDS_AN_OBJECT: Final = frozenset({"read_catalogue", "draft_request"})
"""An object that no path parameter names, such as the price list in force, can be missing."""
CHANGES_NOTHING: Final = frozenset({"quote_lines"})
OWN_TOKENS: Final = frozenset({"create_token", "revoke_token"})
READS_WITH_CONFLICT: Final = frozenset({"verify_audit"})
"""Reads that refuse to answer from damaged files."""


def operation_id(route: APIRoute) -> str:
    """Return the name of the operation: that of its function, or of its act and noun."""
    return route.name


def describe(app: FastAPI) -> Document:
    """Return the document of the application's routes, with security and problems."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    models: list[type[BaseModel]] = [Problem, *SHAPES.values()]
    for model in models:
        schemas |= _schemas(model)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    document["components"]["responses"] = {f"Problem{status}": _problem(status) for status in MEANINGS}
    document["security"] = [{name: []} for name in SECURITY_SCHEMES]
    for method, operation in operations(document):
        _add_examples(operation)
        _add_headers(operation, schemas)
        if operation["operationId"] == SIGN_IN:
            operation["security"] = []
        for status in problems(method, operation):
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    return document


def _add_examples(operation: Document) -> None:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body and (name := body["schema"]["$ref"].rsplit("/", 1)[1]) in BODIES:
        body["example"] = BODIES[name]
    if operation["operationId"] in RESPONSES:
        content = operation["responses"]["200"]["content"]["application/json"]
        content["example"] = RESPONSES[operation["operationId"]]


def _add_headers(operation: Document, schemas: Document) -> None:
    """Add the ETag of an object with a version, and the mark of a repeated call's stored answer."""
    status = next(code for code in operation["responses"] if code.startswith("2"))
    response = operation["responses"][status]
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    headers = {}
    if "version" in schemas.get(schema.get("$ref", "").rsplit("/", 1)[-1], {}).get("properties", {}):
        headers["ETag"] = ETAG
    if "idempotency-key" in _sent_headers(operation):
        headers["Idempotent-Replayed"] = REPLAYED
    if headers:
        response["headers"] = headers


def _sent_headers(operation: Document) -> set[str]:
    parameters = operation.get("parameters", ())
    return {parameter["name"].lower() for parameter in parameters if parameter["in"] == "header"}


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    """Return every operation of the document with its method."""
    for path in document["paths"].values():
        for method in METHODS:
            if method in path:
                yield method, path[method]


def problems(method: str, operation: Document) -> list[int]:
    """Return the statuses with which the operation can be refused, in ascending order."""
    name = operation["operationId"]
    if name == SIGN_IN:
        return [401, 403, 422, 429, 500, 503]
    headers = _sent_headers(operation)
    has_path = any(parameter["in"] == "path" for parameter in operation.get("parameters", ()))
    is_write = method != "get"
    by_condition = {
        403: name not in OWN_ACCOUNT,
        404: (has_path and name not in NAMES_NO_OBJECT) or name in NEEDS_AN_OBJECT,
        409: (is_write and name not in CHANGES_NOTHING | OWN_TOKENS) or name in READS_WITH_CONFLICT,
        412: "if-match" in headers,
        428: "if-match" in headers and method == "put",
    }
    return sorted([401, 422, 500, 503, *(status for status, applies in by_condition.items() if applies)])


def _schemas(model: type[BaseModel]) -> Document:
    """Return the schema of a model and of every model that it refers to, by name."""
    whole = model.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    parts: Document = whole.pop("$defs", {})
    return parts | {model.__name__: whole}


def _problem(status: int) -> Document:
    content = {"application/problem+json": {"schema": problem_schema(status), "example": PROBLEMS[status]}}
    response: Document = {"description": MEANINGS[status], "content": content}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        seconds = {"type": "integer"}
        response["headers"] = {
            "Retry-After": {"description": "Seconds after which to repeat the call.", "schema": seconds}
        }
    return response
