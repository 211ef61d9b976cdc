"""Refused steps of a migration: start without an apply, run other bytes, be approved by one person twice."""

import json
from datetime import datetime

import pytest
from sqlalchemy import text

from orchestrator.client.api import ApiClient
from orchestrator.client.models import PlanSummary, RequestDetail
from orchestrator.core import clock
from orchestrator.core.clock import CITY
from orchestrator.core.db import transaction
from orchestrator.core.lease import workspace_lease
from orchestrator.core.sealing import load_keys
from orchestrator.runs import rendering
from orchestrator.runs.queries import workspace_of_request
from tests import acts, transfers
from tests.factories import make_draft, make_line
from tests.running import RunningService
from tests.transfers import APPLIER, APPROVERS, PLAN, REVIEWER, Legacy, MigrationCase

WINDOW = 'windows: [{begins: "2019-06-19 00:00", ends: "2019-06-19 23:00"}]\n'
HOSTILE = "{{ lookup('pipe', 'id') }} $(id) '; DROP TABLE x; -- \\u4e2d"


@pytest.fixture(scope="module")
def legacy(service: RunningService) -> Legacy:
    return Legacy(service)


@pytest.fixture(scope="module")
def request_(service: RunningService) -> RequestDetail:
    return transfers.provision(service)


@pytest.fixture(scope="module")
def migration(service: RunningService, legacy: Legacy, request_: RequestDetail) -> MigrationCase:
    """A migration with hostile text in its title, whose target has no application yet."""
    hostile = PLAN.read_text("utf-8").replace(
        "title: 山洪灾害监测预警系统迁移", f"title: {json.dumps(HOSTILE)}"
    )
    made = MigrationCase(service, request_, hostile + WINDOW)
    assert legacy.host.address
    made.run(REVIEWER, ApiClient.preflight_migration)
    return made


def sealed(service: RunningService, plan: PlanSummary) -> dict[str, bytes]:
    keys = load_keys(service.settings.keys_path)
    with service.engine.connect() as connection:
        row = connection.execute(
            text("SELECT bundle FROM plan_artifacts WHERE plan_id = :id"), {"id": plan.id}
        ).scalar_one()
    return rendering.unpack(keys.decrypt(bytes(row)))


def change_a_byte(service: RunningService, plan: PlanSummary, name: str) -> None:
    files = sealed(service, plan)
    files[name] = files[name][:-1] + b"#"
    bundle = load_keys(service.settings.keys_path).encrypt(rendering.pack(files))
    with service.engine.begin() as connection:
        connection.execute(
            text("UPDATE plan_artifacts SET bundle = :bundle WHERE plan_id = :id"),
            {"bundle": bundle, "id": plan.id},
        )


@pytest.mark.invariant(22)
def test_without_an_apply_a_migration_can_neither_be_checked_nor_started(service: RunningService) -> None:
    line = make_line(vcpu=1, memory_gb=1, disk_gb=1, backup_gb=0)
    request = acts.approve(service.callers, make_draft(line))
    waiting = MigrationCase(service, request)
    for by, act in ((REVIEWER, "preflight"), (APPLIER, "start")):
        answer = service.callers(by).post(f"/migrations/{waiting.id}/{act}")
        assert answer.status_code == 409
    refused = service.callers(REVIEWER).post(f"/migrations/{waiting.id}/preflight").json()
    assert refused["type"] == "urn:govcloud:problem:target_not_applied"
    assert waiting.read().plans == ()


@pytest.mark.invariant(18, 20, 30)
def test_every_step_from_the_preflight_to_the_cutover_refuses_wrong_bytes_wrong_persons_and_wrong_times(
    service: RunningService, legacy: Legacy, migration: MigrationCase
) -> None:
    preflight_tells_every_problem_at_once_and_how_to_cure_it(migration)
    text_of_people_reaches_ansible_as_text(service, legacy, migration)
    one_changed_byte_of_the_approved_bundle_is_refused_and_raises_an_alarm(service, migration)
    neither_author_nor_the_registering_person_approves_and_no_approver_applies(service, migration)
    a_cutover_needs_two_persons_of_two_authorities(service, migration)
    a_cutover_ordered_inside_its_window_does_not_begin_after_it(service, migration)
    outside_its_window_a_cutover_is_refused(service, migration)
    assert (migration.read().status, migration.read().switches) == ("scheduled", ())


def preflight_tells_every_problem_at_once_and_how_to_cure_it(migration: MigrationCase) -> None:
    page = migration.read()
    blocking = [each for each in page.preflight.findings or () if each.blocking]
    assert page.status == "registered"
    assert len(blocking) >= 2
    assert all(each.problem_zh and each.fix_en and each.fix_zh for each in blocking)
    assert page.plans[-1].plan.status == "rejected"
    assert page.awaited[0].act == "preflight"


def text_of_people_reaches_ansible_as_text(
    service: RunningService, legacy: Legacy, migration: MigrationCase
) -> None:
    legacy.target(service.callers(REVIEWER).read_request(migration.read().request_id))
    migration.checked()
    plan = migration.plan("prepare")
    assert json.loads(sealed(service, plan)["vars.json"])["transfer"]["label"] == HOSTILE
    assert migration.read().title == HOSTILE


def one_changed_byte_of_the_approved_bundle_is_refused_and_raises_an_alarm(
    service: RunningService, migration: MigrationCase
) -> None:
    plan = migration.plan("prepare")
    migration.approved("prepare")
    change_a_byte(service, plan, "project/prepare_transfer.yml")
    run = migration.run(APPLIER, ApiClient.start_migration)
    assert run.status == "failed"
    page = migration.read()
    assert (page.status, page.plans[-1].plan.status) == ("designed", "stale")
    events = service.callers("sjj.auditor").list_audit_events(object_id=str(plan.id)).items
    assert "execution_plan:tampering_alarm" in [event.action for event in events]
    assert not any("prepare_transfer.yml" in line for line in service.log_lines(run.id))


def neither_author_nor_the_registering_person_approves_and_no_approver_applies(
    service: RunningService, migration: MigrationCase
) -> None:
    migration.checked()
    digest = {"digest": migration.plan("prepare").tuple_digest}
    for by in (REVIEWER, "slj.clerk", APPLIER):
        assert service.callers(by).post(f"/migrations/{migration.id}/approve", json=digest).status_code == 403
    stale = service.callers(APPROVERS[0]).post(
        f"/migrations/{migration.id}/approve", json={"digest": "0" * 64}
    )
    assert stale.status_code == 409
    migration.approved("prepare")
    assert service.callers(APPROVERS[0]).post(f"/migrations/{migration.id}/start").status_code == 403


def a_cutover_needs_two_persons_of_two_authorities(service: RunningService, migration: MigrationCase) -> None:
    migration.well(APPLIER, ApiClient.start_migration)
    migration.well(REVIEWER, ApiClient.plan_cutover_migration)
    digest = {"digest": migration.plan("cutover").tuple_digest}
    assert service.callers(APPLIER).post(f"/migrations/{migration.id}/cut-over").status_code == 409
    migration.approve_cutover(APPROVERS[0])
    for by in (APPROVERS[0], "xxh.approver2"):
        again = service.callers(by).post(f"/migrations/{migration.id}/approve-cutover", json=digest)
        assert again.status_code == 403
    assert service.callers(APPLIER).post(f"/migrations/{migration.id}/cut-over").status_code == 409
    migration.approve_cutover(APPROVERS[1])
    assert migration.read().status == "scheduled"
    assert [each.plan.status for each in migration.read().plans[-2:]] == ["approved", "approved"]


def a_cutover_ordered_inside_its_window_does_not_begin_after_it(
    service: RunningService, migration: MigrationCase
) -> None:
    with transaction(service.engine) as session:
        key = workspace_of_request(session, migration.read().request_id).key
    with workspace_lease(service.database_url, key):
        run = migration.act(APPLIER, ApiClient.cut_over_migration)
        with transaction(service.engine) as session:
            clock.set_to(session, datetime(2019, 6, 19, 23, 30, tzinfo=CITY))
    ended = service.ended_run(run.id, 120)
    page = migration.read()
    assert (ended.status, page.status, page.switches) == ("failed", "rehearsed", ())
    assert "window" in (page.reason or "")


def outside_its_window_a_cutover_is_refused(service: RunningService, migration: MigrationCase) -> None:
    migration.scheduled()
    refused = service.callers(APPLIER).post(f"/migrations/{migration.id}/cut-over")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:govcloud:problem:outside_window")


def test_outsiders_see_no_migration_and_a_second_one_cannot_use_the_same_hosts(
    service: RunningService, migration: MigrationCase, request_: RequestDetail
) -> None:
    assert service.callers("qxj.clerk").get(f"/migrations/{migration.id}").status_code == 404
    body = {"plan": PLAN.read_text("utf-8"), "request": request_.number}
    again = service.callers("slj.clerk").post("/migrations", json=body)
    assert (again.status_code, again.json()["type"]) == (409, "urn:govcloud:problem:already_migrating")


def test_a_wrong_plan_is_answered_with_every_mistake_and_its_line(
    service: RunningService, request_: RequestDetail
) -> None:
    wrong = PLAN.read_text("utf-8").replace("pause_budget_ms: 2000", "pause_budget_ms: 0") + "more: 1\n"
    body = {"plan": wrong, "request": request_.number, "file": "flood.yml"}
    answer = service.callers("slj.clerk").post("/migrations", json=body)
    assert answer.status_code == 422
    assert len({each["line"] for each in answer.json()["errors"]}) == 2
