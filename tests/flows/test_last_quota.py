"""Concurrent requests for the last of a department's quota, over HTTP (NEG-7, R-16)."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import Engine, text

from tests import acts
from tests.callers import Callers
from tests.factories import make_draft, make_line


def committed_and_held(engine: Engine, resource_class: str) -> tuple[int, int]:
    statement = text(
        "SELECT held, amount FROM quota_limits WHERE organisation_code = 'SLJ'"
        " AND zone_class = 'production' AND resource_class = :name"
    )
    with engine.connect() as connection:
        held, amount = connection.execute(statement, {"name": resource_class}).one()
        return held, amount


def endorsed(callers: Callers, number: int, **size: int) -> UUID:
    line = make_line(**({"vcpu": 4, "memory_gb": 4, "disk_gb": 1, "backup_gb": 0} | size))
    return acts.endorse(callers, acts.draft(callers, make_draft(line, title=f"Nr. {number}"))).id


def submit_all_at_once(callers: Callers, requests: list[UUID]) -> list[httpx2.Response]:
    """Submit every request at the same time, each by its own client."""
    clerk = callers("slj.clerk")
    with ThreadPoolExecutor(len(requests)) as clients:
        return list(clients.map(lambda request: clerk.post(f"/requests/{request}/submit"), requests))


@pytest.mark.invariant(1)
def test_sixteen_clients_at_the_last_quota_are_admitted_exactly_as_far_as_it_reaches(
    callers: Callers, engine: Engine
) -> None:
    answers = submit_all_at_once(callers, [endorsed(callers, number) for number in range(16)])
    assert Counter(answer.status_code for answer in answers) == {200: 8, 409: 8}
    assert committed_and_held(engine, "vcpu") == (32, 32)
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {problem["rule"] for problem in refused} == {"R-16"}
    assert all("vcpu" in problem["detail"] or "vCPU" in problem["detail"] for problem in refused)


@pytest.mark.invariant(1)
def test_neg_7_of_two_parallel_requests_that_fit_only_alone_exactly_one_is_held(
    callers: Callers, engine: Engine
) -> None:
    both = [endorsed(callers, number, vcpu=20) for number in range(2)]
    answers = submit_all_at_once(callers, both)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert committed_and_held(engine, "vcpu") == (20, 32)
    blocked = both[[answer.status_code for answer in answers].index(409)]
    left = callers("slj.clerk").read_request(blocked)
    assert (left.status, left.hold) == ("awaiting_endorsement", None)


@pytest.mark.invariant(2)
def test_departments_that_compete_for_the_last_of_a_pool_are_admitted_exactly_as_far_as_it_reaches(
    callers: Callers, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE pool_capacities SET capacity = 10, allocatable = 10"
                " WHERE pool_code = 'EXT-X86' AND resource_class = 'vcpu'"
            )
        )
    line = make_line(vcpu=4, memory_gb=4, disk_gb=1, backup_gb=0)
    wishes = []
    systems = {"slj": "SYS-019", "rsj": "SYS-012", "fgw": "SYS-028", "cgj": "SYS-010"}
    for department in [*systems, *systems]:
        draft = acts.draft(callers, make_draft(line, system=systems[department]), f"{department}.clerk")
        acts.endorse(callers, draft, department)
        wishes.append((department, f"/requests/{draft.id}/submit"))
    for department, _ in wishes:
        callers(f"{department}.clerk")
    with ThreadPoolExecutor(len(wishes)) as clients:
        answers = list(clients.map(lambda wish: callers(f"{wish[0]}.clerk").post(wish[1]), wishes))
    assert Counter(answer.status_code for answer in answers) == {200: 2, 409: 6}
    assert {answer.json()["rule"] for answer in answers if answer.status_code == 409} == {"R-16"}


@pytest.mark.invariant(9)
def test_a_cost_beyond_the_free_budget_is_refused_and_holds_nothing(callers: Callers, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE budget_lines SET appropriated_fen = :fen"
                " WHERE organisation_code = 'SLJ' AND purpose = 'gov_cloud_service'"
            ),
            {"fen": 650_240},
        )
    eight = {"vcpu": 8, "memory_gb": 32, "disk_gb": 500, "backup_gb": 500}
    over = submit_all_at_once(callers, [endorsed(callers, 1, **eight | {"backup_gb": 501})])[0]
    assert (over.status_code, over.json()["rule"]) == (409, "R-17")
    assert committed_and_held(engine, "vcpu")[0] == 0
    exact = submit_all_at_once(callers, [endorsed(callers, 2, **eight)])[0]
    assert (exact.status_code, exact.json()["year_fen"]) == (200, 650_240)


def test_a_request_of_exactly_the_quota_passes_and_one_unit_more_is_refused(callers: Callers) -> None:
    exact = {"vcpu": 32, "memory_gb": 128, "disk_gb": 2000}
    over = submit_all_at_once(callers, [endorsed(callers, 1, **exact | {"memory_gb": 129})])[0]
    assert (over.status_code, over.json()["rule"]) == (409, "R-16")
    assert submit_all_at_once(callers, [endorsed(callers, 2, **exact)])[0].status_code == 200


@pytest.mark.invariant(41)
def test_sixteen_submissions_with_one_key_have_one_effect_and_one_answer(
    callers: Callers, engine: Engine
) -> None:
    request = endorsed(callers, 1, vcpu=10)
    clerk, key = callers("slj.clerk"), {"Idempotency-Key": "once"}
    with ThreadPoolExecutor(16) as clients:
        answers = list(
            clients.map(lambda _: clerk.post(f"/requests/{request}/submit", headers=key), range(16))
        )
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 15
    assert committed_and_held(engine, "vcpu") == (10, 32)
