"""NEG-5, NEG-6 and SC-5: wrong people, changed bytes, a world that moved. Nothing is applied, and it is said why."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests import acts
from tests.factories import make_draft, make_line
from tests.service import RunningService

Document = dict[str, Any]
SMALL = make_line(vcpu=1, memory_gb=1, disk_gb=1, backup_gb=0)


def small() -> Document:
    return make_draft(SMALL)


@pytest.fixture(scope="module")
def request_of_two_plans(service: RunningService) -> Document:
    return acts.approve(service.callers, small())


def alarms(service: RunningService, plan: Document) -> list[Document]:
    events = service.callers("sjj.auditor").done("GET", f"/audit/events?object_id={plan['id']}")["items"]
    return [event for event in events if event["action"] == "execution_plan:tampering_alarm"]


def objects_of(service: RunningService, plan: Document) -> list[str]:
    key = {item["id"]: item["key"] for item in service.callers("xxh.reviewer").done("GET", "/workspaces")}
    objects = service.ask_cloud(op="list")["objects"]
    return [item["key"] for item in objects if item["key"].startswith(key[plan["workspace_id"]] + "/")]


@pytest.mark.invariant(20)
def test_neg_5_neither_the_author_approves_nor_an_approver_applies(service: RunningService) -> None:
    plan = acts.plan(service, acts.approve(service.callers, small()))
    digest = {"digest": plan["tuple_digest"]}
    with service.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO role_grants (id, person_id, role, valid_from) SELECT gen_random_uuid(), id,"
                " unnest(ARRAY['centre_approver', 'applier']), '2019-01-01'"
                " FROM persons WHERE username IN ('xxh.reviewer', 'xxh.approver2') ON CONFLICT DO NOTHING"
            )
        )
    author = service.callers.fresh("xxh.reviewer").post(f"/plans/{plan['id']}/approve", json=digest)
    assert (author.status_code, author.json()["type"]) == (403, "urn:govcloud:problem:person_twice")
    assert (
        service.callers.fresh("xxh.approver2").post(f"/plans/{plan['id']}/approve", json=digest).status_code
        == 200
    )
    own = service.callers.fresh("xxh.approver2").post(f"/plans/{plan['id']}/apply")
    assert (own.status_code, own.json()["type"]) == (403, "urn:govcloud:problem:person_twice")
    refusals = service.callers("sjj.auditor").done("GET", f"/audit/events?object_id={plan['id']}")["items"]
    assert [e["action"] for e in refusals].count("execution_plan:same_person_refused") == 2
    acts.withdraw(service, plan)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit_variables(service: RunningService, folder: Path) -> None:
    path = folder / "terraform.tfvars.json"
    path.write_text(path.read_text().replace('"vcpu": 1', '"vcpu": 9'))


def edit_plan_file(service: RunningService, folder: Path) -> None:
    flip(folder / "plan.bin")


def add_file(service: RunningService, folder: Path) -> None:
    (folder / "more.tf").write_text('output "more" { value = 1 }\n')


def edit_column(column: str) -> Callable[[RunningService, Path], None]:
    def edit(service: RunningService, folder: Path) -> None:
        plan_id = folder.name.removeprefix("plan-")
        with service.engine.begin() as connection:
            connection.execute(
                text(
                    f"UPDATE plan_artifacts SET {column} = set_byte({column}, 200, get_byte({column}, 200) # 1)"
                    " WHERE plan_id = :plan"
                ),
                {"plan": plan_id},
            )

    return edit


def edit_members(service: RunningService, folder: Path) -> None:
    with service.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE execution_plans SET members = jsonb_set(members, '{monthly_fen}', '1'), monthly_fen = 1"
                " WHERE id = :plan"
            ),
            {"plan": folder.name.removeprefix("plan-")},
        )


@pytest.mark.invariant(18)
@pytest.mark.parametrize(
    "forge",
    [
        edit_variables,
        edit_plan_file,
        add_file,
        edit_column("bundle"),
        edit_column("plan_file"),
        edit_members,
    ],
    ids=["variables on disk", "plan file on disk", "a file more", "sealed bundle", "sealed plan", "price"],
)
def test_neg_6_one_changed_byte_refuses_the_apply_and_raises_an_alarm(
    service: RunningService, request_of_two_plans: Document, forge: Callable[[RunningService, Path], None]
) -> None:
    plan = acts.plan(service, request_of_two_plans)
    acts.approve_plan(service, plan)
    forge(service, service.settings.runs_dir / f"plan-{plan['id']}")
    run = acts.apply(service, plan)
    assert run["status"] == "failed"
    assert acts.read_plan(service, plan["id"])["status"] == "stale"
    assert len(alarms(service, plan)) == 1
    assert objects_of(service, plan) == []
    reopened = service.callers("slj.clerk").done("GET", f"/requests/{request_of_two_plans['id']}")
    assert (reopened["status"], reopened["hold"]["status"]) == ("approved", "live")


def stop_the_host(service: RunningService, made: dict[str, Document]) -> None:
    service.ask_cloud(op="stop", id=made["instance"]["cloud_id"])


def remove_the_disk(service: RunningService, made: dict[str, Document]) -> None:
    service.ask_cloud(op="destroy", id=made["volume"]["cloud_id"])


@pytest.mark.invariant(19)
@pytest.mark.parametrize("disturb", [stop_the_host, remove_the_disk])
def test_sc_5_drift_after_the_approval_makes_the_plan_stale_and_changes_nothing(
    service: RunningService, disturb: Callable[[RunningService, dict[str, Document]], None]
) -> None:
    base = acts.provision(service, make_draft(SMALL))
    acts.act(service.callers, "slj.officer", base, "activate")
    made = {item["kind"]: item for item in acts.resources(service, base)}
    larger = make_draft(SMALL | {"vcpu": 2}, kind="change", workspace=made["instance"]["workspace_id"])
    change = acts.approve(service.callers, larger)
    plan = acts.approve_plan(service, acts.plan(service, change))
    disturb(service, made)
    before = service.ask_cloud(op="list")["objects"]
    run = acts.apply(service, plan)
    assert run["status"] == "failed"
    assert acts.read_plan(service, plan["id"])["status"] == "stale"
    assert service.ask_cloud(op="list")["objects"] == before
    assert {item["status"] for item in acts.resources(service, base)} == {"active"}
