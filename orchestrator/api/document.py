"""The OpenAPI document: stable operation names, how to sign in, and the problems of each operation."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

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
PROBLEMS: Final = {
    401: "No valid token or session was sent, or the password is wrong.",
    403: "Your roles, or your part in this matter, do not allow it.",
    404: "The object does not exist, or not for you.",
    409: "The status does not allow it, a rule refuses it, or the digest is no longer current.",
    412: "The object is no longer at the version in If-Match.",
    422: "The input is not valid; `errors` names every field.",
    428: "If-Match is missing.",
    429: "Too many wrong passwords; repeat the call later.",
    500: "The service made an error; it was logged.",
    503: "Too many calls at once; nothing was done. Repeat the call after Retry-After seconds.",
}
"""The meaning of every status of a problem, by its number."""


class WrongField(BaseModel):
    """A field of the input that is not valid."""

    field: str = Field(examples=["lines.0.vcpu"])
    message: str = Field(examples=["Input should be a valid integer"])


class Problem(BaseModel):
    """An error (RFC 9457). Some problems have further members, such as `current` or `results`."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:govcloud:problem:not_permitted",
                    "title": "Your roles do not include this act.",
                    "status": 403,
                    "detail": "This act needs the permission plans:apply.",
                    "title_zh": "您没有执行此操作的权限",
                    "permission": "plans:apply",
                }
            ]
        },
    )

    type: str = Field(description="Stable name of the problem.", pattern="^urn:govcloud:problem:[a-z_]+$")
    title: str
    status: int
    detail: str
    title_zh: str | None = None
    detail_zh: str | None = None
    field: str | None = Field(default=None, description="Path of the first wrong field.")
    errors: list[WrongField] | None = None


def operation_id(route: APIRoute) -> str:
    """Return the name of the operation: that of its function, or of its act and noun."""
    return route.name


def describe(app: FastAPI) -> Document:
    """Return the document of the application's routes, with security and problems."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (WrongField, Problem):
        schemas[model.__name__] = _schema(model)
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    document["components"]["responses"] = {f"Problem{status}": _problem(status) for status in PROBLEMS}
    document["security"] = [{name: []} for name in SECURITY_SCHEMES]
    for method, operation in operations(document):
        if operation["operationId"] == SIGN_IN:
            operation["security"] = []
        for status in problems(method, operation):
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    return document


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    """Return every operation of the document with its method."""
    for path in document["paths"].values():
        for method in METHODS:
            if method in path:
                yield method, path[method]


def problems(method: str, operation: Document) -> list[int]:
    """Return the statuses with which the operation can be refused."""
    if operation["operationId"] == SIGN_IN:
        return [401, 422, 429, 500, 503]
    names = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    by_condition = {
        409: method != "get",
        412: "if-match" in names,
        428: "if-match" in names and method == "put",
    }
    return sorted(
        [401, 403, 404, 422, 500, 503, *(status for status, is_so in by_condition.items() if is_so)]
    )


def _schema(model: type[BaseModel]) -> Document:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return schema


def _problem(status: int) -> Document:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    response: Document = {"description": PROBLEMS[status], "content": content}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        seconds = {"type": "integer"}
        response["headers"] = {
            "Retry-After": {"description": "Seconds after which to repeat the call.", "schema": seconds}
        }
    return response
