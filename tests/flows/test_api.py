"""Guarantees for every caller of the API: statuses, problems, versions, keys, pages, the description."""

import re
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import Engine, text

from orchestrator.client.encoding import decode
from orchestrator.client.models import QuoteBody
from orchestrator.departments.permissions import Permission
from tests import acts
from tests.callers import Callers
from tests.factories import make_draft, make_line


@pytest.fixture
def callers(shared_callers: Callers) -> Callers:
    return shared_callers


@pytest.fixture(scope="module")
def everything(shared_engine: Engine) -> None:
    """A reviewer who has every right, so that only the object can be missing."""
    with shared_engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO role_grants (id, person_id, role, valid_from)"
                " SELECT gen_random_uuid(), id, role, '2019-01-01'"
                " FROM persons, unnest(ARRAY['centre_approver', 'applier', 'department_clerk',"
                " 'technical_administrator']) AS role"
                " WHERE username = 'xxh.reviewer2'"
            )
        )


def expect_problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The problem document of a refusal."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= set(body)
    return body


WHY = {"reason": "请说明"}
DIGEST = {"digest": "0" * 64}
PAUSE = {"longest_ms": 1, "at_fence_ms": 1}
RETIRED = {"stopped_on": "2019-06-19", "sanitisation": "介质已清除"}
CORRECTION = {"day": "2019-06-19", "state": "waived"} | WHY


def each(path: str, acts: str, body: Any = None) -> dict[str, Any]:
    """Calls of several acts below one path, all with the same body."""
    return {f"{path}/{act}": body for act in acts.split()}


OBJECTS: dict[str, Any] = {
    "GET /requests/{id}": None,
    "PUT /requests/{id}": make_draft(),
    **each(
        "POST /requests/{id}",
        "ask-endorsement endorse endorse-and-submit submit accept approve activate plans",
    ),
    **each("POST /requests/{id}", "decline return refuse reject cancel", WHY),
    "GET /plans/{id}": None,
    "POST /plans/{id}/approve": DIGEST,
    **each("POST /plans/{id}", "return refuse withdraw", WHY),
    **each("POST /plans/{id}", "apply abandon"),
    "GET /runs/{id}": None,
    **each("GET /runs/{id}", "log log/stream"),
    "POST /runs/{id}/cancel": None,
    "GET /resources/{id}": None,
    **each("POST /resources/{id}", "suspend resume", WHY),
    "POST /resources/{id}/usage-corrections": CORRECTION,
    "POST /workspaces/{id}/drift-checks": None,
    "GET /content-revisions/{id}": None,
    **each("POST /content-revisions/{id}", "approve reject", WHY),
    "GET /people/{id}": None,
    "POST /people/{id}/deactivate": WHY,
    "DELETE /tokens/{id}": None,
    "GET /statements/{id}": None,
    **each("GET /statements/{id}", "lines lines/1 movement export"),
    **each("POST /statements/{id}", "issue confirm"),
    "POST /statements/{id}/dispute": WHY,
    "POST /statements/{id}/decide": WHY | {"upheld": True},
    "GET /migrations/{id}": None,
    **each("POST /migrations/{id}", "approve approve-cutover", DIGEST),
    **each(
        "POST /migrations/{id}",
        "preflight start plan-cutover cut-over plan-rollback roll-back accept inspect",
    ),
    **each("POST /migrations/{id}", "plan-finalisation finalise plan-clean-up clean-up"),
    "POST /migrations/{id}/switches/1/pause": PAUSE,
    "POST /migrations/{id}/retire": RETIRED,
    "POST /migrations/{id}/abort": WHY,
}
"""Every call that names an object by its id, with a body that is not at fault."""


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize("call", OBJECTS)
def test_an_unknown_id_is_not_found(callers: Callers, call: str) -> None:
    method, path = call.format(id=uuid4()).split()
    headers = {"If-Match": '"1"'} if method == "PUT" else {}
    answer = callers("xxh.reviewer2").call(method, path, json=OBJECTS[call], headers=headers)
    assert expect_problem(answer, 404)["type"].endswith("not_found")


def test_every_call_that_names_an_object_is_among_them(callers: Callers) -> None:
    described = callers("slj.clerk").done("GET", "/openapi.json")["paths"]
    calls = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in described.items()
        for method in methods
    }
    named = {re.sub(r"{[a-z_]+_id}", "{id}", call) for call in calls if "_id}" in call}
    assert {re.sub(r"{(position|number)}", "1", call) for call in named} == OBJECTS.keys()


def test_an_outsider_learns_nothing_and_an_insider_without_the_right_is_refused(callers: Callers) -> None:
    request = acts.draft(callers)
    path = f"/requests/{request.id}"
    assert expect_problem(callers("rsj.clerk").get(path), 404)["detail"] == "The object does not exist."
    expect_problem(callers("rsj.officer").post(f"{path}/endorse"), 404)
    expect_problem(callers("slj.clerk").post(f"{path}/endorse"), 403)
    expect_problem(callers("sjj.auditor").post(f"{path}/accept"), 403)
    expect_problem(callers("xxh.admin").post(f"{path}/accept"), 403)


def test_without_a_valid_token_nothing_is_read(callers: Callers) -> None:
    for path in ("/requests", "/plans", "/runs", "/resources", "/catalogue", "/audit/events", "/me"):
        expect_problem(callers.anybody().get(path), 401)


def test_a_stale_version_is_412_and_a_missing_one_428(callers: Callers) -> None:
    clerk, request = callers("slj.clerk"), acts.draft(callers)
    path = f"/requests/{request.id}"
    read = clerk.get(path)
    assert read.headers["ETag"] == f'"{request.version}"'
    assert expect_problem(clerk.put(path, json=make_draft()), 428)["type"].endswith("version_required")
    changed = clerk.put(path, json=make_draft(title="neu"), headers={"If-Match": read.headers["ETag"]})
    assert changed.status_code == 200
    late = clerk.put(path, json=make_draft(title="late"), headers={"If-Match": read.headers["ETag"]})
    assert expect_problem(late, 412)["current"] == changed.json()["version"]
    act = clerk.post(f"{path}/ask-endorsement", headers={"If-Match": read.headers["ETag"]})
    expect_problem(act, 412)
    assert (
        expect_problem(clerk.put(path, json=make_draft(), headers={"If-Match": "abc"}), 422)["field"]
        == "If-Match"
    )


def test_wrong_input_names_every_field_and_repeats_no_value(callers: Callers) -> None:
    secret = "a-value-nobody-may-repeat"
    line = make_line(vcpu=secret, disk_tier=secret, colour=secret)
    body = expect_problem(callers("slj.clerk").post("/requests", json=make_draft(line, title="")), 422)
    fields = {error["field"] for error in body["errors"]}
    assert {"title", "lines.0.vcpu", "lines.0.disk_tier", "lines.0.colour"} <= fields
    assert secret not in str(body)


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize("path", ["/audit/events", "/content-revisions"])
def test_a_count_that_the_database_cannot_hold_is_refused_by_its_field(callers: Callers, path: str) -> None:
    username = "sjj.auditor" if "audit" in path else "xxh.reviewer2"
    answer = callers(username).get(f"{path}?cursor={'9' * 40}")
    assert expect_problem(answer, 422)["field"] == "cursor"


@pytest.mark.parametrize("reason", ["", "  ", "x" * 4001])
def test_an_act_that_asks_why_takes_words_and_not_too_many(callers: Callers, reason: str) -> None:
    request = acts.draft(callers)
    answer = callers("slj.clerk").post(f"/requests/{request.id}/cancel", json={"reason": reason})
    assert expect_problem(answer, 422)["field"] == "reason"
    assert callers("slj.clerk").read_request(request.id).status == "draft"


@pytest.mark.parametrize("version", ["\u00b2", "9" * 5000, "-1", "1.0"])
def test_a_version_that_is_no_number_is_refused(callers: Callers, version: str) -> None:
    request = acts.draft(callers)
    headers = {"If-Match": version.encode("latin-1")}
    answer = callers("slj.clerk").put(f"/requests/{request.id}", json=make_draft(), headers=headers)
    assert expect_problem(answer, 422)["field"] == "If-Match"


@pytest.mark.parametrize(
    "content", ["{", "[]", "null", '{"title": 1e999}', "\x00", '{"lines": "' + "x" * 99 + '"}']
)
def test_a_body_that_is_no_document_is_refused_as_input(callers: Callers, content: str) -> None:
    headers = {"Content-Type": "application/json"}
    expect_problem(callers("slj.clerk").post("/requests", content=content, headers=headers), 422)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"system": "SYS-999"}, "system"),
        ({"system": "SYS-001"}, "system"),
        ({"lines": [make_line(pool="NO-SUCH")]}, "lines.web.pool"),
        ({"lines": [make_line(), make_line(key="db", pool="INT-X86")]}, "lines.pool"),
        ({"kind": "change", "workspace": str(uuid4())}, "workspace"),
    ],
)
def test_a_code_that_names_nothing_is_refused_by_its_field(
    callers: Callers, changed: dict[str, Any], field: str
) -> None:
    answer = callers("slj.clerk").post("/requests", json=make_draft() | changed)
    assert expect_problem(answer, 422)["field"] == field


def test_a_quote_is_what_the_bill_will_be(callers: Callers) -> None:
    quote = callers("slj.clerk").quote_lines(decode(QuoteBody, {"lines": [make_line()]}))
    assert {line.sku: line.amount_fen for line in quote.lines} == {
        "ECS-X86-CPU": 336_00,
        "ECS-X86-MEM": 480_00,
        "EVS-SSD": 100_00,
        "BAK-VM": 100_00,
    }
    june = 406_40  # 12 of 30 days, each line rounded separately.
    assert (quote.monthly_fen, quote.year_fen) == (1_016_00, june + 6 * 1_016_00)


def test_a_rule_that_refuses_is_named_with_clause_and_quote(callers: Callers) -> None:
    request = acts.endorse(callers, acts.draft(callers, make_draft(make_line(vcpu=64))))
    body = expect_problem(callers("slj.clerk").post(f"/requests/{request.id}/submit"), 409)
    assert body["rule"] == "R-16"
    assert body["detail_zh"]
    assert any(result["rule_id"] == "R-16" and result["stops"] for result in body["results"])


def test_a_department_without_a_filed_officer_is_blocked_by_the_notice_itself(callers: Callers) -> None:
    draft = make_draft(make_line(vcpu=1, memory_gb=1, disk_gb=1, backup_gb=0), system="SYS-003")
    request = acts.endorse(callers, acts.draft(callers, draft, "mzj.clerk"), "mzj")
    body = expect_problem(callers("mzj.clerk").post(f"/requests/{request.id}/submit"), 409)
    assert body["rule"] == "R-26"
    assert body["clause"]
    assert any("\u4e00" <= sign <= "\u9fff" for sign in body["quote_zh"])


@pytest.mark.invariant(41)
def test_a_key_gives_the_same_answer_again_and_refuses_another_body(callers: Callers) -> None:
    clerk, headers = callers("slj.clerk"), {"Idempotency-Key": "k-1"}
    first = clerk.post("/requests", json=make_draft(), headers=headers)
    again = clerk.post("/requests", json=make_draft(), headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    other = clerk.post("/requests", json=make_draft(title="another"), headers=headers)
    assert expect_problem(other, 422)["field"] == "Idempotency-Key"
    assert (
        callers("slj.officer").post("/requests", json=make_draft(title="x"), headers=headers).status_code
        == 201
    )


@pytest.mark.invariant(41)
def test_a_refused_call_does_not_use_its_key_up(callers: Callers) -> None:
    clerk, headers = callers("slj.clerk"), {"Idempotency-Key": "k-2"}
    request = acts.endorse(callers, acts.draft(callers, make_draft(make_line(vcpu=64))))
    path = f"/requests/{request.id}"
    expect_problem(clerk.post(f"{path}/submit", headers=headers), 409)
    callers("slj.officer").done("POST", f"{path}/decline", json={"reason": "zu gross"})
    version = clerk.get(path).headers["ETag"]
    clerk.done("PUT", path, json=make_draft(), headers={"If-Match": version})
    acts.endorse(callers, request)
    assert clerk.post(f"{path}/submit", headers=headers).status_code == 200


PAGED = ["/requests", "/audit/events", "/plans", "/runs", "/resources", "/content-revisions", "/people"]


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_the_pages_of_a_list_hold_every_item_once(callers: Callers, limit: int) -> None:
    made = [
        str(acts.draft(callers, make_draft(title=f"page of {limit}: {number}")).id) for number in range(7)
    ]
    clerk, seen, path = callers("slj.clerk"), [], f"/requests?search=page of {limit}:&limit={limit}"
    while path:
        page = clerk.done("GET", path)
        seen += [item["id"] for item in page["items"]]
        assert len(page["items"]) <= limit
        path = (page["next"] or "").removeprefix("/api/v1")
    assert seen == made[::-1]


def test_a_page_keeps_the_filter_with_which_it_was_asked(callers: Callers) -> None:
    kept = [str(acts.draft(callers, make_draft(title=f"keep {number}")).id) for number in range(4)]
    for number in range(4):
        acts.draft(callers, make_draft(title=f"other {number}"))
    clerk, seen, path = callers("slj.clerk"), [], "/requests?limit=2&search=keep&status=draft"
    while path:
        page = clerk.done("GET", path)
        seen += [item["id"] for item in page["items"]]
        path = (page["next"] or "").removeprefix("/api/v1")
    assert seen == kept[::-1]


def test_the_audit_pages_hold_every_event_once(callers: Callers) -> None:
    acts.submit(callers, make_draft(make_line(vcpu=1, memory_gb=1, disk_gb=1, backup_gb=0)))
    auditor, seen, path = callers("sjj.auditor"), [], "/audit/events?limit=50"
    while path:
        page = auditor.done("GET", path)
        seen += [event["seq"] for event in page["items"]]
        path = (page["next"] or "").removeprefix("/api/v1")
    assert seen == list(range(seen[0], 0, -1))


@pytest.mark.parametrize("path", PAGED)
@pytest.mark.parametrize("query", ["limit=0", "limit=100000", "limit=x"])
def test_a_limit_outside_its_range_is_refused(callers: Callers, path: str, query: str) -> None:
    username = {"/audit/events": "sjj.auditor", "/people": "xxh.admin"}.get(path, "xxh.reviewer")
    assert expect_problem(callers(username).get(f"{path}?{query}"), 422)["field"] == "limit"


def test_an_unknown_address_and_a_wrong_method_are_problems_too(callers: Callers) -> None:
    expect_problem(callers("slj.clerk").get("/nothing-here"), 404)
    expect_problem(callers("slj.clerk").delete("/me"), 405)


def test_the_description_is_complete(callers: Callers) -> None:
    document = callers("slj.clerk").done("GET", "/openapi.json")
    operations = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) > 40
    for method, path, operation in operations:
        assert operation.get("description") or operation.get("summary"), (method, path)
        assert any(code.startswith("2") for code in operation["responses"]), (method, path)
        assert operation["tags"], (method, path)


def test_a_token_narrows_what_its_owner_may_do(callers: Callers) -> None:
    reader = callers("slj.clerk", Permission.REQUESTS_READ)
    assert reader.get("/requests").status_code == 200
    assert expect_problem(reader.post("/requests", json=make_draft()), 403)["permission"] == "requests:draft"
