"""Changes and releases of provisioned systems: sizes, trials, concurrent changes, a failing apply."""

import json
from typing import Any
from uuid import UUID

import pytest

from orchestrator.client.api import ApiClient
from orchestrator.client.encoding import decode
from orchestrator.client.models import (
    ChangeCounts,
    PlanDetail,
    QuoteBody,
    ReasonBody,
    RequestDraft,
    RequestStatus,
)
from tests import acts
from tests.acts import ReasonedAct
from tests.factories import make_draft, make_line
from tests.office import Office
from tests.running import RunningService

Document = dict[str, Any]


def change_of(workspace: UUID, *lines: Document) -> Document:
    return make_draft(*lines, kind="change", workspace=str(workspace))


def release_of(workspace: UUID) -> Document:
    return make_draft(kind="release", workspace=str(workspace)) | {"lines": []}


def test_a_change_of_a_trial_is_billed_by_its_new_size_from_activation_on(office: Office) -> None:
    request = office.provisioned()
    office.provisioned(change_of(office.workspace(request), make_line(vcpu=4, memory_gb=16)))
    office.callers("slj.officer").activate_request(request.id)
    assert [(sku, quantity) for sku, quantity, _, _ in office.intervals()] == [
        ("BAK-VM", 500),
        ("ECS-X86-CPU", 4),
        ("ECS-X86-MEM", 16),
        ("EVS-SSD", 500),
    ]


@pytest.mark.invariant(1, 3)
def test_two_changes_of_one_workspace_never_give_back_twice(office: Office) -> None:
    request = office.provisioned()
    workspace = office.workspace(request)
    office.callers("slj.officer").activate_request(request.id)
    smaller = change_of(workspace, make_line(vcpu=3, memory_gb=12))
    first = acts.submit(office.callers, smaller)
    second = acts.endorse(office.callers, acts.draft(office.callers, smaller))
    answer = office.callers("slj.clerk").post(f"/requests/{second.id}/submit")
    assert answer.status_code == 409, "a second change of this workspace is under way"
    office.callers("xxh.reviewer").accept_request(first.id)
    office.callers("xxh.reviewer").approve_request(first.id)
    assert office.applied(office.approved(office.planned(first))).status == "applied"
    assert office.quota() == {"vcpu": (0, 3), "memory_gb": (0, 12), "block_gb": (0, 500)}
    office.callers("slj.clerk").submit_request(second.id)
    assert office.quota() == {"vcpu": (0, 3), "memory_gb": (0, 12), "block_gb": (0, 500)}


def test_a_change_that_names_fewer_hosts_ends_the_rest_and_their_bill(office: Office) -> None:
    two = (make_line(vcpu=2, memory_gb=4), make_line(key="db", vcpu=4, memory_gb=8))
    request = office.provisioned(make_draft(*two))
    office.callers("slj.officer").activate_request(request.id)
    office.pass_time(days=3)
    change = office.provisioned(change_of(office.workspace(request), two[0]))
    assert change.status == "fulfilled"
    assert office.quota()["vcpu"] == (0, 2)
    assert office.resources(request)["instance/db"].status == "released"
    ended = [interval for interval in office.intervals() if interval[3] is not None]
    assert {end for *_, end in ended} == {"2019-06-22"}
    assert len(ended) == 4


def changed(service: RunningService, workspace: UUID, count: int) -> tuple[PlanDetail, dict[str, str | None]]:
    """Apply a change to `count` hosts; return its plan and the cloud ids of the workspace afterwards."""
    request = acts.approve(service.callers, change_of(workspace, make_line(count=count, **SMALL)))
    plan = acts.approve_plan(service, acts.plan(service, request))
    assert acts.apply(service, plan).status == "succeeded"
    return plan, standing(service, workspace)


def standing(service: RunningService, workspace: UUID) -> dict[str, str | None]:
    """Return the cloud ids of the resources in the workspace, by address."""
    resources = service.callers("xxh.reviewer").list_resources().items
    return {
        resource.address: resource.cloud_id
        for resource in resources
        if resource.workspace_id == workspace and resource.status != "released"
    }


SMALL = {"vcpu": 1, "memory_gb": 1, "disk_gb": 1, "backup_gb": 0}


def test_a_change_of_the_number_of_hosts_keeps_the_hosts_that_stay(service: RunningService) -> None:
    resources = acts.resources(service, acts.provision(service, make_draft(make_line(**SMALL))))
    workspace = resources[0].workspace_id
    alone = standing(service, workspace)
    more, two = changed(service, workspace, 2)
    assert more.summary.counts == ChangeCounts(create=4, update=0, replace=0, delete=0)
    assert {"instance/web", "instance/web-2", "volume/web-2-data"} <= two.keys()
    assert two.items() > alone.items()
    fewer, one = changed(service, workspace, 1)
    assert fewer.summary.counts == ChangeCounts(create=0, update=0, replace=0, delete=4)
    assert one == alone


def test_what_a_change_adds_to_a_running_system_is_billed_at_once(office: Office) -> None:
    request = office.provisioned(make_draft(make_line(vcpu=2, memory_gb=4, disk_gb=0, backup_gb=0)))
    office.callers("slj.officer").activate_request(request.id)
    office.pass_time(days=2)
    added = make_line(key="db", vcpu=4, memory_gb=8, disk_gb=0, backup_gb=0)
    same = make_line(vcpu=2, memory_gb=4, disk_gb=0, backup_gb=0)
    office.provisioned(change_of(office.workspace(request), same, added))
    assert ("ECS-X86-CPU", 4, "2019-06-21", None) in office.intervals()
    assert ("ECS-X86-CPU", 2, "2019-06-19", None) in office.intervals()


@pytest.mark.parametrize(
    ("changed", "billed"),
    [
        ({"backup_gb": 100}, ("BAK-VM", 100)),
        ({"host_services": ["HSS"]}, ("HSS", 1)),
        ({"vcpu": 4, "backup_gb": 100}, ("BAK-VM", 100)),
    ],
)
def test_a_change_that_terraform_need_not_carry_out_is_billed_from_its_day(
    office: Office, changed: Document, billed: tuple[str, int]
) -> None:
    request = office.provisioned()
    office.callers("slj.officer").activate_request(request.id)
    office.pass_time(days=2)
    office.provisioned(change_of(office.workspace(request), make_line(**changed)))
    going_on = {(sku, quantity): start for sku, quantity, start, end in office.intervals() if end is None}
    assert going_on[billed] == "2019-06-21"
    assert going_on["ECS-X86-MEM", 32] == going_on["EVS-SSD", 500] == "2019-06-19"
    quoted = office.callers("slj.clerk").quote_lines(decode(QuoteBody, {"lines": [make_line(**changed)]}))
    assert {(line.sku, line.quantity) for line in quoted.lines} == set(going_on)


def test_a_change_of_what_is_suspended_is_billed_by_its_new_size(office: Office) -> None:
    request = office.provisioned()
    office.callers("slj.officer").activate_request(request.id)
    host = office.resources(request)["instance/web"]
    office.callers("slj.officer").suspend_resource(host.id, ReasonBody(reason="停用"))
    office.pass_time(days=2)
    office.provisioned(change_of(office.workspace(request), make_line(vcpu=4)))
    assert ("ECS-X86-CPU", 8, "2019-06-19", "2019-06-21") in office.intervals()
    assert ("ECS-X86-CPU", 4, "2019-06-21", None) in office.intervals()
    assert office.resources(request)["instance/web"].status == "suspended"


def test_the_backup_of_a_host_without_a_disk_is_billed_as_it_was_quoted(office: Office) -> None:
    bare = make_line(disk_gb=0)
    request = office.provisioned(make_draft(bare))
    office.callers("slj.officer").activate_request(request.id)
    assert ("BAK-VM", 500, "2019-06-19", None) in office.intervals()
    office.pass_time(days=2)
    office.provisioned(change_of(office.workspace(request), make_line()))
    assert ("BAK-VM", 500, "2019-06-19", "2019-06-21") in office.intervals()
    assert ("BAK-VM", 500, "2019-06-21", None) in office.intervals()


def test_a_trial_that_nobody_opens_ends_and_its_release_waits_for_a_plan(office: Office) -> None:
    request = office.provisioned()
    office.pass_time(days=60)
    assert office.request(request).status == "trial_ended"
    listed = office.callers("xxh.reviewer").list_requests(status=[RequestStatus.APPROVED]).items
    assert [(item.kind, item.status) for item in listed] == [("release", "approved")]
    plan = office.applied(office.approved(office.planned(listed[0])))
    assert plan.status == "applied"
    assert office.quota() == {"vcpu": (0, 0), "memory_gb": (0, 0), "block_gb": (0, 0)}
    assert office.intervals() == []


@pytest.mark.invariant(1, 3)
def test_a_trial_does_not_end_under_a_change_that_counts_from_its_size(office: Office) -> None:
    request = office.provisioned()
    office.pass_time(days=13)
    smaller = change_of(office.workspace(request), make_line(vcpu=4, memory_gb=16))
    change = acts.approve(office.callers, smaller)
    office.pass_time(days=3)
    assert office.applied(office.approved(office.planned(change))).status == "applied"
    office.pass_time(minutes=2)
    assert office.request(request).status == "trial_ended"
    (release,) = office.callers("xxh.reviewer").list_requests(status=[RequestStatus.APPROVED]).items
    assert office.applied(office.approved(office.planned(release))).status == "applied"
    assert office.quota() == {"vcpu": (0, 0), "memory_gb": (0, 0), "block_gb": (0, 0)}


def test_a_release_leaves_no_quota_no_bill_and_a_closed_workspace(office: Office) -> None:
    request = office.provisioned()
    workspace = office.workspace(request)
    office.callers("slj.officer").activate_request(request.id)
    office.pass_time(days=1)
    assert office.provisioned(release_of(workspace)).status == "fulfilled"
    assert office.quota()["vcpu"] == (0, 0)
    assert all(end == "2019-06-20" for *_, end in office.intervals())
    again = office.callers("slj.clerk").post("/requests", json=release_of(workspace))
    assert (again.status_code, again.json()["field"]) == (422, "workspace")


@pytest.mark.invariant(3, 22)
def test_a_failed_apply_keeps_its_hold_and_a_new_plan_starts_from_what_exists(office: Office) -> None:
    request = acts.approve(office.callers)
    plan = office.approved(office.planned(request))
    office.cloud.refuses = True
    failed = office.applied(plan)
    assert failed.status == "failed"
    assert failed.runs[-1].next_step
    assert office.quota()["vcpu"] == (8, 0)
    assert office.callers("xxh.reviewer").post(f"/requests/{request.id}/plans").status_code == 409
    office.callers("xxh.reviewer").abandon_plan(plan.id)
    office.cloud.refuses = False
    assert office.applied(office.approved(office.planned(request))).status == "applied"
    assert office.quota()["vcpu"] == (0, 8)
    assert {item.status for item in office.resources(request).values()} == {"trial"}


@pytest.mark.invariant(18)
def test_a_plan_is_applied_once(office: Office) -> None:
    request = acts.approve(office.callers)
    plan = office.applied(office.approved(office.planned(request)))
    assert plan.status == "applied"
    again = office.callers("csp1.applier").post(f"/plans/{plan.id}/apply")
    assert (again.status_code, again.json()["type"]) == (409, "urn:govcloud:problem:not_approved")


def test_an_expired_plan_is_neither_approved_nor_applied_and_the_request_is_planned_again(
    office: Office,
) -> None:
    request = acts.approve(office.callers)
    plan = office.approved(office.planned(request))
    office.pass_time(days=10)
    assert office.plan(plan.id).status == "expired"
    assert office.callers("csp1.applier").post(f"/plans/{plan.id}/apply").status_code == 409
    assert office.request(request).status == "approved"
    assert office.applied(office.approved(office.planned(request))).status == "applied"


def test_a_returned_request_keeps_its_hold_until_it_expires(office: Office) -> None:
    request = acts.submit(office.callers)
    returned = office.callers("xxh.reviewer").return_request(request.id, ReasonBody(reason="请补充材料"))
    assert (returned.status, office.quota()["vcpu"]) == ("returned", (8, 0))
    office.pass_time(days=90)
    assert office.request(request).status == "expired"
    assert office.quota()["vcpu"] == (0, 0)


def test_what_was_rewritten_after_a_return_is_endorsed_again_before_it_is_submitted(office: Office) -> None:
    request = acts.submit(office.callers)
    office.callers("xxh.reviewer").return_request(request.id, ReasonBody(reason="请补充材料"))
    clerk, path = office.callers("slj.clerk"), f"/requests/{request.id}"
    draft = decode(RequestDraft, make_draft(make_line(vcpu=4)))
    edited = clerk.edit_request(request.id, draft, if_match=clerk.read_request(request.id).version)
    assert (edited.status, edited.endorser_id, office.quota()["vcpu"]) == ("returned", None, (8, 0))
    refused = clerk.post(f"{path}/submit")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:govcloud:problem:endorsement_missing")
    assert office.callers("slj.officer").endorse_request(request.id).status == "returned"
    assert office.callers("slj.clerk").submit_request(request.id).status == "submitted"
    assert office.quota()["vcpu"] == (4, 0)


def test_what_was_returned_and_not_rewritten_keeps_its_endorsement(office: Office) -> None:
    request = acts.submit(office.callers)
    office.callers("xxh.reviewer").return_request(request.id, ReasonBody(reason="请稍后再交"))
    assert office.callers("slj.clerk").submit_request(request.id).status == "submitted"


@pytest.mark.parametrize(
    ("username", "act"),
    [
        ("xxh.reviewer", ApiClient.refuse_request),
        ("xxh.reviewer", ApiClient.reject_request),
        ("slj.clerk", ApiClient.cancel_request),
    ],
)
@pytest.mark.invariant(3)
def test_a_held_amount_is_released_when_the_request_comes_to_nothing(
    office: Office, username: str, act: ReasonedAct
) -> None:
    request = acts.submit(office.callers)
    assert office.quota()["vcpu"] == (8, 0)
    if act is ApiClient.reject_request:
        office.callers("xxh.reviewer").accept_request(request.id)
    ended = act(office.callers(username), request.id, ReasonBody(reason="不再需要"))
    assert acts.hold_of(ended).status == "released"
    assert office.quota()["vcpu"] == (0, 0)


def audited(office: Office, prefix: str) -> list[tuple[str, str, Document]]:
    """Return action, actor and data of the audit events whose action has this prefix, oldest first."""
    events = office.callers("sjj.auditor").list_audit_events(limit=200).items[::-1]
    matching = [event for event in events if event.action.startswith(prefix)]
    return [(event.action, event.actor, json.loads(event.body)["data"]) for event in matching]


@pytest.mark.invariant(38)
def test_the_audit_names_the_drafter_of_a_request_and_the_end_of_its_hold(office: Office) -> None:
    request = office.provisioned()
    ((_, drafter, facts),) = audited(office, "resource_request:drafted")
    assert facts == {"number": request.number, "kind": "provision"}
    ((action, worker, committed),) = audited(office, "hold:")
    assert (action, worker.partition(":")[0]) == ("hold:committed", "worker")
    assert committed == {"request": str(request.id), "amounts": acts.hold_of(request).amounts}
    other = acts.submit(office.callers, make_draft(make_line(vcpu=1)))
    office.callers("xxh.reviewer").return_request(other.id, ReasonBody(reason="请补充材料"))
    office.callers("slj.clerk").submit_request(other.id)
    office.callers("slj.clerk").cancel_request(other.id, ReasonBody(reason="不再需要"))
    released = [
        (action, who) for action, who, data in audited(office, "hold:") if data["request"] == str(other.id)
    ]
    assert released == [("hold:released", drafter)] * 2


def test_a_stale_digest_is_refused_and_the_shown_one_accepted(office: Office) -> None:
    plan = office.planned(acts.approve(office.callers))
    wrong = office.callers("xxh.approver").post(f"/plans/{plan.id}/approve", json={"digest": "0" * 64})
    assert wrong.status_code == 409
    assert wrong.json()["type"] == "urn:govcloud:problem:stale_approval"
    assert office.plan(plan.id).status == "submitted"
    assert office.approved(plan).status == "approved"
