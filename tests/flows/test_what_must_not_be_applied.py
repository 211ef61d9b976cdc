"""NEG-5, NEG-6, SC-5: wrong people, changed bytes, a world that moved. Nothing is applied, and it is said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from orchestrator.client.models import AuditEventDetail, PlanDetail, RequestDetail, ResourceDetail
from tests import acts
from tests.factories import make_draft, make_line
from tests.running import RunningService

Document = dict[str, Any]
SMALL = make_line(vcpu=1, memory_gb=1, disk_gb=1, backup_gb=0)


def small() -> Document:
    return make_draft(SMALL)


@pytest.fixture(scope="module")
def waiting(service: RunningService) -> RequestDetail:
    return acts.approve(service.callers, small())


def alarms(service: RunningService, plan: PlanDetail) -> list[AuditEventDetail]:
    events = service.callers("sjj.auditor").list_audit_events(object_id=str(plan.id)).items
    return [event for event in events if event.action == "execution_plan:tampering_alarm"]


def objects_of(service: RunningService, plan: PlanDetail) -> list[str]:
    key = {item.id: item.key for item in service.callers("xxh.reviewer").list_workspaces()}
    objects = service.ask_cloud(op="list")["objects"]
    return [item["key"] for item in objects if item["key"].startswith(key[plan.workspace_id] + "/")]


@pytest.mark.invariant(20)
def test_neg_5_neither_the_author_approves_nor_an_approver_applies(service: RunningService) -> None:
    plan = acts.plan(service, acts.approve(service.callers, small()))
    digest = {"digest": plan.tuple_digest}
    with service.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO role_grants (id, person_id, role, valid_from) SELECT gen_random_uuid(), id,"
                " unnest(ARRAY['centre_approver', 'applier']), '2019-01-01'"
                " FROM persons WHERE username IN ('xxh.reviewer', 'xxh.approver2') ON CONFLICT DO NOTHING"
            )
        )
    author = service.callers.fresh("xxh.reviewer").post(f"/plans/{plan.id}/approve", json=digest)
    assert (author.status_code, author.json()["type"]) == (403, "urn:govcloud:problem:person_twice")
    assert (
        service.callers.fresh("xxh.approver2").post(f"/plans/{plan.id}/approve", json=digest).status_code
        == 200
    )
    own = service.callers.fresh("xxh.approver2").post(f"/plans/{plan.id}/apply")
    assert (own.status_code, own.json()["type"]) == (403, "urn:govcloud:problem:person_twice")
    refusals = service.callers("sjj.auditor").list_audit_events(object_id=str(plan.id)).items
    assert [e.action for e in refusals].count("execution_plan:same_person_refused") == 2
    acts.withdraw(service, plan)


def edit_variables(folder: Path) -> None:
    path = folder / "terraform.tfvars.json"
    path.write_text(path.read_text().replace('"vcpu": 1', '"vcpu": 9'))


def edit_plan_file(folder: Path) -> None:
    content = bytearray((folder / "plan.bin").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "plan.bin").write_bytes(content)


def add_a_file(folder: Path) -> None:
    (folder / "more.tf").write_text('output "more" { value = 1 }\n')


SEALED_BUNDLE = "UPDATE plan_artifacts SET bundle = set_byte(bundle, 200, get_byte(bundle, 200) # 1)"
SEALED_PLAN = "UPDATE plan_artifacts SET plan_file = set_byte(plan_file, 200, get_byte(plan_file, 200) # 1)"
PRICE = "UPDATE execution_plans SET monthly_fen = 1, members = jsonb_set(members, '{monthly_fen}', '1')"
THIS_PLAN = {
    SEALED_BUNDLE: " WHERE plan_id = :plan",
    SEALED_PLAN: " WHERE plan_id = :plan",
    PRICE: " WHERE id = :plan",
}


@pytest.mark.invariant(18)
@pytest.mark.parametrize("forge", [edit_variables, edit_plan_file, add_a_file])
def test_neg_6_one_byte_changed_on_disk_refuses_the_apply_and_raises_an_alarm(
    service: RunningService, waiting: RequestDetail, forge: Callable[[Path], None]
) -> None:
    plan = acts.approve_plan(service, acts.plan(service, waiting))
    forge(service.settings.runs_dir / f"plan-{plan.id}")
    require_refused(service, waiting, plan)


@pytest.mark.invariant(18)
@pytest.mark.parametrize("forge", [SEALED_BUNDLE, SEALED_PLAN, PRICE], ids=["bundle", "plan file", "price"])
def test_neg_6_one_byte_changed_in_the_database_refuses_the_apply_and_raises_an_alarm(
    service: RunningService, waiting: RequestDetail, forge: str
) -> None:
    plan = acts.approve_plan(service, acts.plan(service, waiting))
    with service.engine.begin() as connection:
        connection.execute(text(forge + THIS_PLAN[forge]), {"plan": plan.id})
    require_refused(service, waiting, plan)


def require_refused(service: RunningService, request: RequestDetail, plan: PlanDetail) -> None:
    run = acts.apply(service, plan)
    assert run.status == "failed"
    assert acts.read_plan(service, plan.id).status == "stale"
    assert len(alarms(service, plan)) == 1
    assert objects_of(service, plan) == []
    reopened = service.callers("slj.clerk").read_request(request.id)
    assert (reopened.status, acts.hold_of(reopened).status) == ("approved", "live")


def stop_the_host(service: RunningService, made: dict[str, ResourceDetail]) -> None:
    service.ask_cloud(op="stop", id=made["instance"].cloud_id)


def remove_the_disk(service: RunningService, made: dict[str, ResourceDetail]) -> None:
    service.ask_cloud(op="destroy", id=made["volume"].cloud_id)


@pytest.mark.invariant(19)
@pytest.mark.parametrize("disturb", [stop_the_host, remove_the_disk])
def test_sc_5_drift_after_the_approval_makes_the_plan_stale_and_changes_nothing(
    service: RunningService, disturb: Callable[[RunningService, dict[str, ResourceDetail]], None]
) -> None:
    base = acts.provision(service, make_draft(SMALL))
    service.callers("slj.officer").activate_request(base.id)
    made = {item.kind: item for item in acts.resources(service, base)}
    larger = make_draft(SMALL | {"vcpu": 2}, kind="change", workspace=str(made["instance"].workspace_id))
    change = acts.approve(service.callers, larger)
    plan = acts.approve_plan(service, acts.plan(service, change))
    disturb(service, made)
    before = service.ask_cloud(op="list")["objects"]
    run = acts.apply(service, plan)
    assert run.status == "failed"
    assert acts.read_plan(service, plan.id).status == "stale"
    assert service.ask_cloud(op="list")["objects"] == before
    assert {item.status for item in acts.resources(service, base)} == {"active"}
