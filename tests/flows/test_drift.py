"""A drift check finds differences, opens one case, closes it automatically, and repairs nothing."""

from uuid import UUID

import pytest

from orchestrator.client.models import AttributeDrift, DriftFinding, ResourceDetail
from tests import acts
from tests.factories import make_draft, make_line
from tests.running import RunningService

SMALL = make_line(vcpu=1, memory_gb=1, disk_gb=1, backup_gb=0)


@pytest.fixture(scope="module")
def host(service: RunningService) -> ResourceDetail:
    """A host in trial, as the product knows it."""
    request = acts.provision(service, make_draft(SMALL))
    return next(item for item in acts.resources(service, request) if item.kind == "instance")


def look(service: RunningService, workspace: UUID) -> tuple[DriftFinding, ...]:
    """What a look finds; nothing in the cloud may be another than before."""
    before = service.ask_cloud(op="list")["objects"]
    run = service.callers("xxh.reviewer").check_drift(workspace)
    ended = service.ended_run(run.id)
    assert ended.status == "succeeded", ended.reason
    assert service.ask_cloud(op="list")["objects"] == before
    return ended.outcome.findings or ()


def open_cases(service: RunningService) -> list[tuple[DriftFinding, ...]]:
    """The findings of every case that waits for a person."""
    return [case.findings for case in service.callers("xxh.reviewer").list_drift_cases()]


def test_a_host_that_was_stopped_elsewhere_is_a_case_until_it_runs_again(
    service: RunningService, host: ResourceDetail
) -> None:
    service.ask_cloud(op="stop", id=host.cloud_id)
    (found,) = look(service, host.workspace_id)
    assert found.address == "instance/web"
    assert AttributeDrift(attribute="power", state="running", reality="stopped") in found.changes
    assert look(service, host.workspace_id) == (found,)
    assert open_cases(service) == [(found,)]
    service.ask_cloud(op="start", id=host.cloud_id)
    assert look(service, host.workspace_id) == ()
    assert open_cases(service) == []


@pytest.mark.invariant(22)
def test_an_object_that_no_resource_knows_is_a_finding(service: RunningService, host: ResourceDetail) -> None:
    workspaces = service.callers("xxh.reviewer").list_workspaces()
    key = next(item.key for item in workspaces if item.id == host.workspace_id)
    spec = {"zone": "extranet", "name": "ghost"}
    made = service.ask_cloud(
        op="create", kind="network", key=f"{key}/network/ghost", spec=spec, tags={}, run=""
    )
    (found,) = look(service, host.workspace_id)
    assert (found.address, found.unknown, found.gone) == ("network/ghost", True, False)
    assert open_cases(service) == [(found,)]
    service.ask_cloud(op="destroy", id=made["object"]["id"])
    assert look(service, host.workspace_id) == ()
    assert open_cases(service) == []


def test_while_the_cloud_is_away_a_look_fails_with_a_reason_and_opens_no_case(
    service: RunningService, host: ResourceDetail
) -> None:
    assert service.cloud is not None
    service.cloud.kill()
    service.cloud.wait()
    try:
        run = service.callers("xxh.reviewer").check_drift(host.workspace_id)
        ended = service.ended_run(run.id)
    finally:
        service.start_cloud()
    assert ended.status == "failed"
    assert ended.reason
    assert ended.next_step
    assert open_cases(service) == []
