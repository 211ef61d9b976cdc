"""The API refuses every act to the roles that the policy pack does not list, even if they see the object."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from orchestrator.adapters.policy_files import load_pack
from orchestrator.departments.permissions import Role
from orchestrator.runs import queries
from tests.callers import Callers
from tests.db.billing import closes, hosts
from tests.factories import make_draft

ROOT = Path(__file__).resolve().parents[2]
DUTIES = {act.act: act for act in load_pack(ROOT / "policies" / "xinyu-2019").duties.acts}

INSIDERS = {
    Role.DEPARTMENT_CLERK: "slj.clerk",
    Role.INFORMATION_OFFICER: "slj.officer",
    Role.CENTRE_REVIEWER: "xxh.reviewer",
    Role.CENTRE_APPROVER: "xxh.approver",
    Role.SMART_CITY_OFFICE: "zhb.approver",
    Role.APPLIER: "csp1.applier",
    Role.FINANCE: "czj.finance",
    Role.AUDITOR: "sjj.auditor",
    Role.TECHNICAL_ADMINISTRATOR: "xxh.admin",
}
"""One person of every role; each of them sees the objects of the water bureau."""

KINDS = ("/requests/{", "/plans/{", "/runs/{", "/statements/{")
WHY = {"reason": "请说明"}
DIGEST = {"digest": "0" * 64}
DRAFT = make_draft()

ACTS: list[tuple[str, str, Any]] = [
    ("draft_request", "PUT /requests/{request}", DRAFT),
    ("draft_request", "POST /requests/{request}/ask-endorsement", None),
    ("draft_request", "POST /requests/{request}/submit", None),
    ("draft_request", "POST /requests/{request}/cancel", WHY),
    ("endorse_request", "POST /requests/{request}/endorse", None),
    ("endorse_request", "POST /requests/{request}/endorse-and-submit", None),
    ("endorse_request", "POST /requests/{request}/decline", WHY),
    ("review_request", "POST /requests/{request}/accept", None),
    ("review_request", "POST /requests/{request}/return", WHY),
    ("review_request", "POST /requests/{request}/refuse", WHY),
    ("review_request", "POST /requests/{request}/reject", WHY),
    ("review_request", "POST /requests/{request}/approve", None),
    ("author_plan", "POST /requests/{request}/plans", None),
    ("author_plan", "POST /plans/{plan}/withdraw", WHY),
    ("approve_plan", "POST /plans/{plan}/approve", DIGEST),
    ("approve_plan", "POST /plans/{plan}/return", WHY),
    ("approve_plan", "POST /plans/{plan}/refuse", WHY),
    ("apply_plan", "POST /plans/{plan}/apply", None),
    ("verify_statement", "POST /statements/{statement}/issue", None),
    ("confirm_statement", "POST /statements/{statement}/confirm", None),
    ("dispute_statement", "POST /statements/{statement}/dispute", WHY),
    ("decide_dispute", "POST /statements/{statement}/decide", WHY | {"upheld": True}),
]

OTHERS: list[tuple[set[Role], str, Any]] = [
    ({Role.INFORMATION_OFFICER}, "POST /requests/{request}/activate", None),
    ({Role.CENTRE_REVIEWER}, "POST /plans/{plan}/abandon", None),
    ({Role.APPLIER}, "POST /runs/{run}/cancel", None),
]
"""Acts for which the notice has no row; the product gives them to these roles."""


def holders(act: str) -> set[Role]:
    """Return every role that the policy pack lists for the act, alone or beside another."""
    duty = DUTIES[act]
    named = {role.value for role in (*duty.roles, *(further.role for further in duty.also_needs))}
    return {role for role in Role if role.value in named}


MATRIX = [(holders(act), call, body) for act, call, body in ACTS] + OTHERS
WRONG = [
    pytest.param(call, body, role, id=f"{role.value}-{call.split()[1].replace('/', ' ').strip()}")
    for allowed, call, body in MATRIX
    for role in INSIDERS
    if role not in allowed
]


@pytest.fixture(scope="module")
def objects(shared_engine: Engine) -> Mapping[str, str]:
    """Prepare a request of the water bureau with plan, run and the statement of June."""
    host = hosts.in_production(shared_engine)
    hosts.on_day(shared_engine, "2019-07-01")
    closes.close(shared_engine, closes.JUNE)
    with Session(shared_engine) as session:
        plan = queries.plans_of(session, host.request)[0].id
    statement = closes.statement(shared_engine, closes.JUNE).id
    return {
        "request": str(host.request),
        "plan": str(plan),
        "run": str(host.run),
        "statement": str(statement),
    }


@pytest.mark.parametrize("role", INSIDERS)
def test_each_of_them_sees_the_objects(
    shared_callers: Callers, objects: Mapping[str, str], role: Role
) -> None:
    for kind in ("request", "plan", "run", "statement"):
        assert shared_callers(INSIDERS[role]).get(f"/{kind}s/{objects[kind]}").status_code == 200, kind


@pytest.mark.parametrize(("call", "body", "role"), WRONG)
def test_who_sees_an_object_and_has_not_the_role_of_the_act_is_refused(
    shared_callers: Callers, objects: Mapping[str, str], call: str, body: Any, role: Role
) -> None:
    method, path = call.format(**objects).split()
    caller = shared_callers(INSIDERS[role])
    read = caller.get(f"/requests/{objects['request']}")
    headers = {"If-Match": read.headers["ETag"]} if method == "PUT" else {}
    answer = caller.call(method, path, json=body, headers=headers)
    assert answer.status_code == 403, answer.text


def test_the_matrix_holds_every_act_on_these_objects(shared_callers: Callers) -> None:
    described = shared_callers("slj.clerk").done("GET", "/openapi.json")["paths"]
    acts = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in described.items()
        for method in methods
        if method != "get" and path.removeprefix("/api/v1").startswith(KINDS)
    }
    assert {call.replace("}", "_id}") for _, call, _ in MATRIX} == acts
