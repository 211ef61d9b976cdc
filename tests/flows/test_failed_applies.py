"""An apply fails and leaves a host that never worked: it is replaced, or removed, and nothing stays held."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from orchestrator.client.models import ChangeCounts, PlanDetail, ReasonBody, RequestDetail
from tests import acts
from tests.factories import make_draft, make_line
from tests.running import RunningService

Document = dict[str, Any]
SMALL = {"vcpu": 1, "memory_gb": 1, "disk_gb": 1, "backup_gb": 0}
WEB = make_line(**SMALL)
DB = make_line(key="db", **SMALL)
ONE_HOST = ["instance/web", "network/main", "port/web", "security_group/web", "volume/web-data"]
WHY = ReasonBody(reason="不再需要")


@pytest.fixture(autouse=True)
def whole_cloud(service: RunningService) -> Iterator[None]:
    yield
    service.ask_cloud(op="fault", clear=True)


def fail(service: RunningService, request: RequestDetail, kind: str) -> PlanDetail:
    """The plan of the request, abandoned after an apply that left a broken object of this kind."""
    plan = acts.approve_plan(service, acts.plan(service, request))
    service.ask_cloud(op="fault", kind=kind, mode="broken", message="it does not boot")
    run = acts.apply(service, plan)
    assert (run.status, "does not work" in (run.reason or "")) == ("failed", True), run.reason
    service.callers("xxh.reviewer").abandon_plan(plan.id)
    return plan


def carry_out(service: RunningService, request: RequestDetail) -> RequestDetail:
    """The request after a new plan was made, approved and applied."""
    run = acts.apply(service, acts.approve_plan(service, acts.plan(service, request)))
    assert run.status == "succeeded", (run.reason, service.log_lines(run.id)[-20:])
    return read(service, request)


def read(service: RunningService, request: RequestDetail) -> RequestDetail:
    return service.callers("xxh.reviewer").read_request(request.id)


def made(service: RunningService, workspace_id: UUID) -> dict[str, Document]:
    """Logical address -> object of the workspace, as the cloud itself knows them."""
    every = service.callers("xxh.reviewer").list_workspaces()
    (key,) = [item.key for item in every if item.id == workspace_id]
    return {
        item["key"].split("/", 1)[1]: item for item in service.ask_cloud(op="list", workspace=key)["objects"]
    }


def sentences(plan: PlanDetail) -> list[str]:
    return [text for sentence in plan.summary.sentences or () for text in (sentence.en, sentence.zh)]


def test_a_new_plan_replaces_a_host_that_never_worked_and_the_request_is_delivered(
    service: RunningService,
) -> None:
    request = acts.approve(service.callers, make_draft(WEB))
    workspace = fail(service, request, "instance").workspace_id
    broken = made(service, workspace)["instance/web"]
    assert broken["state"] == "error"
    plan = acts.plan(service, request)
    assert plan.summary.counts == ChangeCounts(create=1, update=0, replace=1, delete=0)
    host = "(1 vCPU, 1 GB): it was created but never worked."
    assert f"Destroys and creates again host web {host}" in sentences(plan)
    assert "销毁并重建云主机 web（1 vCPU, 1 GB）：该资源已创建，但从未正常工作。" in sentences(plan)
    assert acts.apply(service, acts.approve_plan(service, plan)).status == "succeeded"
    delivered = read(service, request)
    assert (delivered.status, acts.hold_of(delivered).status) == ("in_trial", "committed")
    standing = made(service, workspace)
    assert sorted(standing) == ONE_HOST
    assert standing["instance/web"]["state"] == "running"
    assert standing["instance/web"]["id"] != broken["id"]
    rows = {item.address: item for item in acts.resources(service, request)}
    assert rows["instance/web"].cloud_id == standing["instance/web"]["id"]
    assert {row.status for row in rows.values()} == {"trial"}


@pytest.mark.invariant(3)
def test_what_a_failed_apply_left_is_removed_before_the_hold_is_given_back(service: RunningService) -> None:
    request = acts.approve(service.callers, make_draft(WEB))
    workspace = fail(service, request, "instance").workspace_id
    cancelling = service.callers("slj.clerk").cancel_request(request.id, WHY)
    assert (cancelling.status, acts.hold_of(cancelling).status) == ("cancelling", "live")
    plan = acts.plan(service, request)
    assert (plan.kind, plan.monthly_fen) == ("undo", 0)
    assert plan.summary.counts == ChangeCounts(create=0, update=0, replace=0, delete=4)
    assert read(service, request).status == "cancelling"
    key = plan.members.workspace
    assert acts.apply(service, acts.approve_plan(service, plan)).status == "succeeded"
    ended = read(service, request)
    assert (ended.status, acts.hold_of(ended).status) == ("cancelled", "released")
    assert service.ask_cloud(op="list", workspace=key)["objects"] == []
    assert {item.status for item in acts.resources(service, request)} == {"released"}
    listed = service.callers("xxh.reviewer").list_workspaces()
    assert workspace not in {item.id for item in listed}


def test_a_change_replaces_the_host_of_its_own_that_never_worked_and_no_other(
    service: RunningService,
) -> None:
    workspace, before = delivered(service)
    change = acts.approve(service.callers, make_draft(WEB, DB, kind="change", workspace=str(workspace)))
    fail(service, change, "instance")
    plan = acts.plan(service, change)
    assert plan.summary.counts == ChangeCounts(create=1, update=0, replace=1, delete=0)
    assert acts.apply(service, acts.approve_plan(service, plan)).status == "succeeded"
    assert read(service, change).status == "fulfilled"
    standing = made(service, workspace)
    assert {address: item["id"] for address, item in standing.items()}.items() > before.items()
    assert standing["instance/db"]["state"] == "running"


def delivered(service: RunningService) -> tuple[UUID, dict[str, str]]:
    """A workspace in production with one host, and the cloud ids of its objects."""
    base = acts.provision(service, make_draft(WEB))
    service.callers("slj.officer").activate_request(base.id)
    workspace = acts.resources(service, base)[0].workspace_id
    return workspace, {address: item["id"] for address, item in made(service, workspace).items()}


def test_a_cancelled_change_leaves_what_was_delivered_before_it(service: RunningService) -> None:
    workspace, before = delivered(service)
    larger = WEB | {"vcpu": 2}
    change = acts.approve(service.callers, make_draft(larger, DB, kind="change", workspace=str(workspace)))
    fail(service, change, "instance")
    service.callers("slj.clerk").cancel_request(change.id, WHY)
    second = acts.endorse(
        service.callers, acts.draft(service.callers, make_draft(WEB, kind="change", workspace=str(workspace)))
    )
    waiting = service.callers("slj.clerk").post(f"/requests/{second.id}/submit")
    assert waiting.status_code == 409, "the change that is being cancelled still has its parts there"
    plan = acts.plan(service, change)
    assert plan.summary.counts == ChangeCounts(create=0, update=1, replace=0, delete=3)
    assert acts.apply(service, acts.approve_plan(service, plan)).status == "succeeded"
    ended = read(service, change)
    assert (ended.status, acts.hold_of(ended).status) == ("cancelled", "released")
    standing = made(service, workspace)
    assert {address: item["id"] for address, item in standing.items()} == before
    assert standing["instance/web"]["spec"]["vcpu"] == 1
    service.callers("slj.clerk").submit_request(second.id)


def test_a_host_that_vanished_and_whose_new_one_never_worked_is_made_again(service: RunningService) -> None:
    workspace, before = delivered(service)
    service.ask_cloud(op="destroy", id=before["instance/web"])
    change = acts.approve(service.callers, make_draft(WEB, kind="change", workspace=str(workspace)))
    fail(service, change, "instance")
    assert carry_out(service, change).status == "fulfilled"
    assert made(service, workspace)["instance/web"]["state"] == "running"
