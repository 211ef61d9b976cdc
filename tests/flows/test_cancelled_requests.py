"""Requests that end after a failed apply: leftover objects are removed first, then the hold is released."""

from typing import Any

import pytest

from orchestrator.client.api import ApiClient
from orchestrator.client.encoding import encode
from orchestrator.client.models import ReasonBody, RequestDetail, RunOutcome
from orchestrator.core.db import transaction
from orchestrator.workflows import to_do_queries as to_do
from orchestrator.workflows.nouns import REQUESTS
from orchestrator.workflows.people import accounts
from orchestrator.workflows.plans.acts import GENERATE_PLAN
from tests import acts
from tests.acts import ReasonedAct
from tests.browser.visitors import Visitors
from tests.factories import make_draft, make_line
from tests.office import Office

Document = dict[str, Any]
WHY = ReasonBody(reason="不再需要")
NOTHING = {"vcpu": (0, 0), "memory_gb": (0, 0), "block_gb": (0, 0)}
WEB, DB = make_line(), make_line(key="db")


def half_made(office: Office, draft: Document | None = None) -> RequestDetail:
    """Return a request whose apply created everything but the disks; its failed plan is abandoned."""
    request = acts.approve(office.callers, draft)
    office.cloud.refused_kind = "volume"
    failed = office.applied(office.approved(office.planned(request)))
    assert failed.status == "failed", failed
    office.cloud.refused_kind = ""
    office.callers("xxh.reviewer").abandon_plan(failed.id)
    return request


def waits_for_plan(office: Office) -> set[str]:
    """Return the requests for which the reviewer's queue asks for a plan."""
    with transaction(office.engine) as session:
        reviewer = accounts.actor_named(session, "xxh.reviewer")
        items = to_do.page(session, to_do.Queue(reviewer, office.worker.pack, [REQUESTS]))
        return {str(item.key) for item in items if item.act is GENERATE_PLAN}


def undone(office: Office, request: RequestDetail) -> RequestDetail:
    """Plan, approve and apply the undo of a request; return the request afterwards."""
    plan = office.applied(office.approved(office.planned(request)))
    assert (plan.kind, plan.status) == ("undo", "applied"), plan.reason
    return office.request(request)


def standing(office: Office) -> set[str]:
    return {address for objects in office.cloud.objects.values() for address in objects}


@pytest.mark.invariant(3)
@pytest.mark.parametrize(
    ("username", "act"), [("slj.clerk", ApiClient.cancel_request), ("xxh.reviewer", ApiClient.reject_request)]
)
def test_a_request_of_which_parts_exist_holds_until_they_are_removed(
    office: Office, username: str, act: ReasonedAct
) -> None:
    request = half_made(office)
    ended = act(office.callers(username), request.id, WHY)
    assert (ended.status, office.quota()["vcpu"]) == ("cancelling", (8, 0))
    assert waits_for_plan(office) == {str(request.id)}
    assert undone(office, request).status == "cancelled"
    assert (standing(office), office.quota()) == (set(), NOTHING)
    assert {item.status for item in office.resources(request).values()} == {"released"}
    assert office.intervals() == []


@pytest.mark.invariant(3)
def test_a_request_of_which_parts_exist_and_that_nobody_uses_is_cancelled_by_the_calendar(
    office: Office,
) -> None:
    request = half_made(office)
    office.pass_time(days=31)
    assert (office.request(request).status, office.quota()["vcpu"]) == ("cancelling", (8, 0))
    assert undone(office, request).status == "cancelled"
    assert (standing(office), office.quota()) == (set(), NOTHING)


def test_a_request_that_failed_before_anything_was_made_is_cancelled_at_once(office: Office) -> None:
    request = acts.approve(office.callers)
    office.cloud.refuses = True
    failed = office.applied(office.approved(office.planned(request)))
    early = office.callers("slj.clerk").post(f"/requests/{request.id}/cancel", json=encode(WHY))
    assert (early.status_code, failed.number in early.json()["detail"]) == (409, True)
    office.callers("xxh.reviewer").abandon_plan(failed.id)
    ended = office.callers("slj.clerk").cancel_request(request.id, WHY)
    assert (ended.status, office.quota()) == ("cancelled", NOTHING)


def test_the_centre_rejects_an_approved_request_only_after_a_failed_apply(office: Office) -> None:
    request = acts.approve(office.callers)
    for act in ("reject", "refuse"):
        answer = office.callers("xxh.reviewer").post(f"/requests/{request.id}/{act}", json=encode(WHY))
        assert answer.status_code == 409
    half = half_made(office, make_draft(make_line(vcpu=1)))
    assert (
        office.callers("xxh.reviewer").post(f"/requests/{half.id}/refuse", json=encode(WHY)).status_code
        == 409
    )


def test_the_pages_say_what_is_left_of_a_cancelled_request_and_who_removes_it(office: Office) -> None:
    request = half_made(office)
    people = Visitors(office.callers.address, office.engine)
    page = f"/console/requests/{request.id}"
    assert f"{page}/reject" in people("xxh.reviewer").get(page).text
    assert people("slj.clerk").sent(f"{page}/cancel", {"reason": "不再需要"}).endswith("done=cancelling")
    clerk = people("slj.clerk").get(f"{page}?done=cancelling").text
    assert "撤销中，待清除残留资源" in clerk
    assert "请中心生成执行计划清除残留资源" in clerk
    assert f"{page}/plans" not in clerk
    reviewer = people("xxh.reviewer").get(page).text
    assert f"{page}/plans" in reviewer
    assert f"{page}/reject" not in reviewer
    plan = office.planned(request)
    shown = people("xxh.approver").get(f"/console/plans/{plan.id}").text
    assert "撤销清除" in shown
    assert "销毁云主机 web" in shown
    assert "部门正式配额的占用" not in shown
    people.close()


def test_a_request_that_is_being_cancelled_can_go_on_after_all(office: Office) -> None:
    request = half_made(office)
    office.callers("slj.clerk").cancel_request(request.id, WHY)
    plan = office.planned(request)
    approve = f"/requests/{request.id}/approve"
    assert office.callers("xxh.reviewer").post(approve).status_code == 409, "a removal is under way"
    office.callers("xxh.reviewer").withdraw_plan(plan.id, ReasonBody(reason="继续办理"))
    assert office.request(request).status == "cancelling"
    assert office.callers("xxh.reviewer").approve_request(request.id).status == "approved"
    assert office.applied(office.approved(office.planned(request))).status == "applied"
    assert (office.request(request).status, office.quota()["vcpu"]) == ("in_trial", (0, 8))


def test_an_object_that_the_state_does_not_know_keeps_the_request_open_until_it_is_gone(
    office: Office,
) -> None:
    request = half_made(office)
    (workspace,) = office.cloud.objects
    office.callers("slj.clerk").cancel_request(request.id, WHY)
    office.cloud.objects[workspace]["volume/web-data"] = {"id": "vol-stray"}
    plan = office.applied(office.approved(office.planned(request)))
    assert plan.status == "failed"
    run = plan.runs[-1]
    assert "volume/web-data (vol-stray)" in (run.reason or "")
    assert "delete them in the cloud" in (run.next_step or "")
    assert (office.request(request).status, office.quota()["vcpu"]) == ("cancelling", (8, 0))
    office.callers("xxh.reviewer").abandon_plan(plan.id)
    del office.cloud.objects[workspace]["volume/web-data"]
    assert undone(office, request).status == "cancelled"
    assert office.quota() == NOTHING


def change_of(office: Office, request: RequestDetail, *lines: Document) -> Document:
    return make_draft(*lines, kind="change", workspace=str(office.workspace(request)))


def test_a_cancelled_change_goes_back_to_the_delivered_size_and_its_bill_never_changed(
    office: Office,
) -> None:
    request = office.provisioned()
    office.callers("slj.officer").activate_request(request.id)
    billed, delivered = office.intervals(), standing(office)
    office.pass_time(days=2)
    change = half_made(office, change_of(office, request, WEB | {"vcpu": 4}, DB))
    office.callers("slj.clerk").cancel_request(change.id, WHY)
    assert undone(office, change).status == "cancelled"
    assert (standing(office), office.intervals()) == (delivered, billed)
    assert office.quota()["vcpu"] == (0, 8)
    rows = office.resources(request)
    assert {row.status for row in rows.values()} == {"active"}
    assert rows["instance/web"].spec["vcpu"] == 8
    # The next change starts from the delivered size, and the daily drift check finds no difference.
    drift = office.callers("xxh.reviewer").check_drift(office.workspace(request))
    office.work()
    assert office.callers("xxh.reviewer").read_run(drift.id).outcome == RunOutcome(findings=())
    office.provisioned(change_of(office, request, WEB | {"vcpu": 4}))
    assert office.quota()["vcpu"] == (0, 4)


def test_an_undo_does_not_make_again_what_the_change_has_destroyed(office: Office) -> None:
    request = office.provisioned(make_draft(WEB, DB))
    office.callers("slj.officer").activate_request(request.id)
    change = half_made(office, change_of(office, request, WEB, make_line(key="new")))
    office.callers("slj.clerk").cancel_request(change.id, WHY)
    assert undone(office, change).status == "cancelled"
    assert standing(office) == {"network/main", "instance/web", "volume/web-data"}
    assert office.quota()["vcpu"] == (0, 16), "the next change gives back what was destroyed"
    office.provisioned(change_of(office, request, WEB))
    assert office.quota()["vcpu"] == (0, 8)


def test_a_release_that_has_begun_is_finished_by_a_new_plan_and_never_taken_back(office: Office) -> None:
    request = office.provisioned()
    release = make_draft(kind="release", workspace=str(office.workspace(request))) | {"lines": []}
    ending = acts.approve(office.callers, release)
    office.cloud.refuses = True
    failed = office.applied(office.approved(office.planned(ending)))
    office.callers("xxh.reviewer").abandon_plan(failed.id)
    office.cloud.refuses = False
    answer = office.callers("slj.clerk").post(f"/requests/{ending.id}/cancel", json=encode(WHY))
    assert (answer.status_code, "to destroy the rest" in answer.json()["detail"]) == (409, True)
    office.pass_time(days=31)
    assert office.request(ending).status == "approved"
    assert office.applied(office.approved(office.planned(ending))).status == "applied"
    assert (standing(office), office.quota()) == (set(), NOTHING)
