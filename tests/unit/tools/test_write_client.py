"""The API client is generated from the stored document, and refuses a document that it cannot express."""

from typing import Any

import pytest

from tools import write_act_calls
from tools.write_client import FOLDER, NotCovered, Shapes, files, operation
from tools.write_openapi import ROOT

REQUEST_ID = {
    "name": "request_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
IF_MATCH = {"name": "if-match", "in": "header", "schema": {"anyOf": [{"type": "string"}, {"type": "null"}]}}
LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 50}}
CURSOR = {"name": "cursor", "in": "query", "schema": {"type": "integer"}}


def test_the_client_is_current() -> None:
    for path, text in files(ROOT).items():
        assert path.read_text(encoding="utf-8") == text, "Run: make client"


def test_the_list_of_acts_is_current() -> None:
    path = ROOT / FOLDER / "acts.py"
    assert path.read_text(encoding="utf-8") == write_act_calls.text(ROOT), "Run: make client"


def method(**description: Any) -> str:
    """The source of an operation, without its docstring."""
    basis = {"operationId": "do_it", "summary": "Do it.", "responses": {"204": {}}}
    lines = operation("post", "/api/v1/requests/{request_id}/do", basis | description, Shapes()).text()
    return "\n".join(line.strip() for line in lines.splitlines() if '"""' not in line)


def test_path_query_and_headers_are_arguments() -> None:
    signature, call, send = method(parameters=[REQUEST_ID, LIMIT, CURSOR, IF_MATCH]).splitlines()
    assert signature == (
        "def do_it(self, request_id: UUID, *, "
        "limit: int | None = None, cursor: str | None = None, if_match: int | None = None) -> None:"
    )
    assert call == (
        "call = Call('POST', f\"/requests/{segment(request_id)}/do\", "
        "query={'limit': limit, 'cursor': cursor}, headers={'if-match': etag(if_match)})"
    )
    assert send == "self.connection.read_bytes(call)"


def test_a_file_is_bytes() -> None:
    content = {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}
    source = method(responses={"200": {"content": content}})
    assert source.endswith("return self.connection.read_bytes(call)")


def test_members_of_one_name_with_the_same_values_share_an_enum() -> None:
    shapes = Shapes()
    values = {"type": "string", "enum": ["a", "b"]}
    names = [shapes.annotation(values, place) for place in ("Line.purpose", "Other.purpose", "Other.image")]
    assert names == ["LinePurpose", "LinePurpose", "OtherImage"]


def test_either_of_two_enums_is_an_enum_with_the_values_of_both() -> None:
    shapes = Shapes({"State": {"type": "string", "enum": ["a", "b"]}})
    either = [{"$ref": "#/components/schemas/State"}, {"type": "string", "const": "c"}, {"type": "null"}]
    assert shapes.annotation({"anyOf": either}, "Line.state") == "LineState | None"
    assert shapes.enums == {"LineState": ("a", "b", "c")}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "format": "unheard-of"},
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": ["string", "null"]},
        {"oneOf": [{"type": "string"}]},
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    ],
)
def test_a_construct_without_a_rule_ends_the_generation(schema: dict[str, Any]) -> None:
    with pytest.raises(NotCovered, match=r"Line\.purpose"):
        Shapes().annotation(schema, "Line.purpose")
