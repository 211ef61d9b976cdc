"""Limits of a draft that are checked before anything is stored."""

from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from orchestrator.resource_requests.drafting import LINE_FIELDS, LineDraft, RequestDraft
from tests.factories import a_draft, make_draft, make_line

WRONG: dict[str, dict[str, Any]] = {
    "no line": {"lines": []},
    "two lines of one key": {"lines": [make_line(), make_line()]},
    "too many hosts": {"lines": [make_line(count=200), make_line(key="db", count=101)]},
    "a line with the key of another's second host": {"lines": [make_line(count=2), make_line(key="web-2")]},
    "a provision of a workspace": {"workspace": str(uuid4())},
    "a change of no workspace": {"kind": "change"},
    "a release with lines": {"kind": "release", "workspace": str(uuid4())},
    "a blank title": {"title": "   "},
    "a long title": {"title": "x" * 201},
    "an unknown field": {"colour": "red"},
    "an unknown kind": {"kind": "gift"},
}
WRONG_LINES: dict[str, dict[str, Any]] = {
    "a key with a capital": {"key": "Web"},
    "a key with a quote": {"key": 'web"'},
    "a key with a line break": {"key": "web\n"},
    "a long key": {"key": "w" * 25},
    "no processor": {"vcpu": 0},
    "half a processor": {"vcpu": 1.5},
    "no memory": {"memory_gb": 0},
    "a negative disk": {"disk_gb": -1},
    "a huge disk": {"disk_gb": 100_001},
    "an unknown tier": {"disk_tier": "TAPE"},
    "an unknown image": {"image": "latest"},
    "a port that is none": {"ports": [0]},
    "an unknown service": {"host_services": ["WAF"]},
    "a service twice": {"host_services": ["HSS", "HSS"]},
    "a port twice": {"ports": [80, 443, 80]},
    "more ports than a group opens": {"ports": list(range(1, 102))},
    "a pool in small letters": {"pool": "ext-x86"},
}


@pytest.mark.parametrize("changed", WRONG.values(), ids=WRONG.keys())
def test_a_request_that_cannot_be_meant_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RequestDraft.model_validate(make_draft() | changed)


@pytest.mark.parametrize("changed", WRONG_LINES.values(), ids=WRONG_LINES.keys())
def test_a_line_that_cannot_be_meant_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_draft(make_line(**changed))


def test_a_line_may_be_called_like_a_host_that_no_other_line_has() -> None:
    draft = a_draft(make_line(count=2), make_line(key="web-1"), make_line(key="web-3"), make_line(key="db-2"))
    assert [line.key for line in draft.lines] == ["web", "web-1", "web-3", "db-2"]


def test_everything_that_is_typed_freely_is_read_by_the_classification_rule() -> None:
    draft = a_draft(
        make_line(label="first"), make_line(key="db", label="second"), title="t", justification="j"
    )
    assert draft.free_texts() == {
        "title": "t",
        "justification": "j",
        "lines.web.label": "first",
        "lines.db.label": "second",
    }


def test_every_field_of_a_line_has_its_row_for_form_and_pages() -> None:
    assert {field.name for field in LINE_FIELDS} | {"host_services"} == set(LineDraft.model_fields)


def test_the_initial_line_of_the_form_is_a_valid_line_once_it_has_a_name_and_a_pool() -> None:
    initial = {field.name: field.initial for field in LINE_FIELDS} | {"ports": ()}
    assert LineDraft.model_validate(initial | {"label": "a", "pool": "EXT-X86"}).vcpu == 4
