"""A character that cannot be stored is refused with the name of its field, anywhere in a call."""

import json
import re
import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx2
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from orchestrator.console.frame.rooms import rooms
from tests import acts
from tests.callers import Callers
from tests.factories import make_draft, make_line

NUL, SURROGATE = "a\0b", "a\ud800b"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
Document = dict[str, Any]


@pytest.fixture
def callers(shared_callers: Callers) -> Callers:
    return shared_callers


def refused_fields(answer: httpx2.Response) -> list[str]:
    """Return the fields that a refusal names."""
    assert answer.status_code == 422, f"{answer.request.url}: {answer.status_code} {answer.text}"
    assert answer.json()["type"] == "urn:govcloud:problem:unstorable_text", answer.text
    return [error["field"] for error in answer.json()["errors"]]


def resolved(schema: Document, root: Document) -> Document:
    """Resolve the references of a schema; of alternatives take the first that is not null."""
    if "anyOf" in schema:
        schema = next(item for item in schema["anyOf"] if item.get("type") != "null")
    if "$ref" in schema:
        return resolved(root["components"]["schemas"][schema["$ref"].rpartition("/")[2]], root)
    return schema


def spoiled(schema: Document, root: Document, path: str) -> tuple[Any, list[str]]:
    """Return a document of a schema with a bad character in every text, and the paths of these texts."""
    schema = resolved(schema, root)
    if schema.get("type") == "array":
        item, fields = spoiled(schema["items"], root, f"{path}.0")
        return [item], fields
    if schema.get("type") == "object":
        parts = {
            name: spoiled(part, root, f"{path}.{name}") for name, part in schema.get("properties", {}).items()
        }
        return {name: part for name, (part, _) in parts.items()}, [
            field for _, fields in parts.values() for field in fields
        ]
    return (SURROGATE, [path.removeprefix(".")]) if schema.get("type") == "string" else (None, [])


def spoiled_call(path: str, operation: Document, root: Document) -> tuple[str, str | None, list[str]]:
    """Return address, body and bad fields of a call with a bad character in every text."""
    parameters = [item for item in operation.get("parameters", ()) if item["in"] in ("path", "query")]
    query = "&".join(f"{item['name']}={quote(NUL)}" for item in parameters if item["in"] == "query")
    fields = [item["name"] for item in parameters]
    address = f"{re.sub(r'{[^}]+}', quote(NUL), path)}?{query}"
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return address, None, fields
    document, of_body = spoiled(content["schema"], root, "")
    return address, json.dumps(document), fields + of_body


def test_every_text_of_every_operation_is_checked(callers: Callers) -> None:
    description = callers("slj.clerk").done("GET", "/openapi.json")
    headers = {"Content-Type": "application/json"}
    seen: set[str] = set()
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            address, body, fields = spoiled_call(path, operation, description)
            answer = callers.http.request(method, address, content=body, headers=headers if body else {})
            if fields:
                assert sorted(refused_fields(answer)) == sorted(fields), f"{method} {path}"
            seen |= set(fields)
    assert {"system", "scopes.0", "skus.0.sku", "skus.0.spec.arch", "lines.0.label"} <= seen
    assert {"search", "request_id", "cursor", "reason", "plan", "username", "code", "month"} <= seen


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (
            r'{"lines": [{"ports": [[["\ud800"]]]}, {"key": "\u0000"}]}',
            ["lines.0.ports.0.0.0", "lines.1.key"],
        ),
        (r'{"\ud800": 1, "a": {"\udfff": "\u0000"}}', [r"\ud800", r"a.\udfff", r"a.\udfff"]),
        (r'["x", "\udc00"]', ["body.1"]),
        (r'"\ud800"', ["body"]),
        (json.dumps({"a" * 5000: [SURROGATE] * 5000}), [f"{'a' * 100}.{index}" for index in range(20)]),
        (b'{"title": "\xed\xa0\x80"}', ["title"]),
        (b"\xff\xfe" + r'{"title": "\ud800"}'.encode("utf-16-le"), ["title"]),
    ],
)
def test_lists_keys_and_bytes_of_a_body_are_checked(
    callers: Callers, body: str | bytes, fields: list[str]
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = callers("slj.clerk").post("/requests", content=body, headers=headers)
    assert refused_fields(answer) == fields


def test_pairs_of_surrogates_are_ordinary_characters(callers: Callers) -> None:
    body = json.dumps(make_draft(make_line(label="𠮷田"), title="😀"))
    assert r"\ud83d\ude00" in body
    headers = {"Content-Type": "application/json"}
    request = callers("slj.clerk").done("POST", "/requests", content=body, headers=headers)
    assert (request["title"], request["lines"][0]["label"]) == ("😀", "𠮷田")


def form_routes(routes: Sequence[Any]) -> set[str]:
    """Return the paths of all pages that accept a form."""
    paths: set[str] = set()
    for route in routes:
        if isinstance(route, APIRoute):
            paths |= {route.path} if "POST" in (route.methods or ()) else set()
        elif isinstance(router := getattr(route, "original_router", None), APIRouter):
            paths |= form_routes(router.routes)
    return paths


def test_every_form_of_the_pages_is_checked(callers: Callers) -> None:
    paths = {path for room in rooms() for path in form_routes(room.router.routes)}
    assert {"/console/quote", "/console/sign-in", "/console/runs/{run_id}/cancel"} <= paths
    for path in sorted(paths):
        address = re.sub(r"{[^}]+}", "1", path)
        answer = callers.http.post(address, data={"lines-0-label": NUL}, headers=SAME_ORIGIN)
        assert answer.status_code == 422, path
        assert "lines-0-label" in answer.text


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "utf-8"])
def test_a_form_may_be_in_any_charset_but_holds_no_surrogate(callers: Callers, charset: str) -> None:
    bad = {"utf-7": b"+2AA-", "unicode_escape": rb"\ud800", "utf-8": b"\0"}[charset]
    content = b'--x\r\nContent-Disposition: form-data; name="reason"\r\n\r\n' + bad + b"\r\n--x--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"} | SAME_ORIGIN
    callers.http.cookies.clear()  # One of them is the language that another test has chosen.
    for path in ("/console/requests/new", f"/console/plans/{UUID(int=0)}/withdraw", "/console/sign-in"):
        answer = callers.http.post(path, content=content, headers=headers)
        assert (answer.status_code, "reason（U+" in answer.text) == (422, True), f"{path}: {answer.text}"


def test_a_page_says_which_parameter_is_wrong(callers: Callers) -> None:
    answer = callers.http.get("/console/requests?text=%00&lang=en")
    assert answer.status_code == 422
    assert "text: The text contains U+0000, which cannot be stored." in answer.text


@pytest.mark.parametrize("value", [b"a\0b", b"a\xed\xa0\x80b", b"\xff"])
@pytest.mark.parametrize(
    "header", ["Idempotency-Key", "If-Match", "Last-Event-ID", "Cookie", "Authorization"]
)
def test_no_header_breaks_the_service(callers: Callers, header: str, value: bytes) -> None:
    place, clerk = urlsplit(callers.address), callers("slj.clerk")
    request = acts.draft(callers)
    lines = [
        f"POST /api/v1/requests/{request.id}/ask-endorsement HTTP/1.1".encode(),
        b"Host: x\r\nConnection: close\r\nContent-Length: 0",
        b"" if header == "Authorization" else f"Authorization: Bearer {clerk.token}".encode(),
        header.encode() + b": " + value,
    ]
    with socket.create_connection((place.hostname, place.port)) as client:
        client.sendall(b"\r\n".join(line for line in lines if line) + b"\r\n\r\n")
        status = int(client.makefile("rb").readline().split()[1])
    assert status < 500
