"""A live legacy system, its clients, and the acts of its migration; tests of migrations begin with it."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from orchestrator.adapters.ansible import AnsibleRunnerEngine
from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.client.api import ApiClient
from orchestrator.client.models import (
    DigestBody,
    MigrationDetail,
    MigrationRegistration,
    PlanSummary,
    RequestDetail,
    RunDetail,
    SwitchDetail,
)
from orchestrator.demo.sample_system import SampleClients, SampleSystem, make_host
from orchestrator.migrations.transfer import MigrationHost
from tests import acts
from tests.factories import make_draft, make_line
from tests.running import ROOT, RunningService

T = TypeVar("T")
Act = Callable[[ApiClient, UUID], RunDetail]
NAME = "flood.slj.example"
PLAYBOOKS = ROOT / "playbooks"
PLAN = ROOT / "migration_plans" / "sample-flood-warning.yml"
SEED = {"megabytes": 8, "files": 120, "file_bytes": 2_000}
REVIEWER, APPLIER, OFFICER = "xxh.reviewer", "csp1.applier", "slj.officer"
APPROVERS = ("xxh.approver", "zhb.approver")


class Legacy:
    """The sample system on a legacy host, the name service, and clients that write all the time."""

    def __init__(self, service: RunningService, seed: Mapping[str, int] = SEED) -> None:
        self.service = service
        cloud = SandboxCloud(service.settings.sandbox_socket)
        self.folder = Path(tempfile.mkdtemp(prefix="legacy-", dir=service.home))
        self.system = SampleSystem(AnsibleRunnerEngine(), PLAYBOOKS, self.folder)
        self.host = make_host(cloud, "legacy-1", "legacy", "vrf-shuili")
        self.names = make_host(cloud, "names-1", "names", "management")
        self.system.serve_names(self.names, {NAME: self.host.address})
        self.system.install(self.host, seed)
        self._clients = 0

    def clients(self) -> SampleClients:
        """Four more clients that write from now on."""
        self._clients += 1
        return SampleClients(PLAYBOOKS, self.names, NAME, self.folder / f"record-{self._clients}")

    def target(self, request: RequestDetail) -> MigrationHost:
        """The provisioned host, with the application on it and nothing in it."""
        cloud = SandboxCloud(self.service.settings.sandbox_socket)
        (row,) = [each for each in acts.resources(self.service, request) if each.kind == "instance"]
        workspaces = self.service.callers(REVIEWER).list_workspaces()
        (key,) = [each.key for each in workspaces if each.id == row.workspace_id]
        (made,) = [each for each in cloud.list_objects(key) if each.cloud_id == row.cloud_id]
        assert made.address is not None
        host = MigrationHost("web", made.address, made.connection)
        self.system.install(host)
        return host


def provision(service: RunningService) -> RequestDetail:
    """A request of the water bureau whose one host exists."""
    line = make_line(vcpu=2, memory_gb=4, disk_gb=50, backup_gb=0, ports=[5432, 8080, 8730])
    return acts.provision(service, make_draft(line))


class MigrationCase:
    """One migration under way, each act by the person whose act it is."""

    def __init__(self, service: RunningService, request: RequestDetail, plan: str | None = None) -> None:
        self.service = service
        content = MigrationRegistration(plan=plan or PLAN.read_text("utf-8"), request=request.number)
        self.id: UUID = service.callers("slj.clerk").register_migration(content).id

    def read(self) -> MigrationDetail:
        return self.service.callers(REVIEWER).read_migration(self.id)

    def act(self, by: str, act: Callable[[ApiClient, UUID], T]) -> T:
        """Do an act; return the answer."""
        return act(self.service.callers(by), self.id)

    def run(self, by: str, act: Act, seconds: float = 120) -> RunDetail:
        """The run that an act ordered, once it has ended."""
        return self.service.ended_run(self.act(by, act).id, seconds)

    def plan(self, act: str) -> PlanSummary:
        """The newest plan for an act."""
        return [each for each in self.read().plans if each.act == act][-1].plan

    def digest(self, act: str) -> DigestBody:
        """The digest of the newest plan for an act, as an approver sends it."""
        return acts.digest_of(self.plan(act))

    def well(self, by: str, act: Act) -> RunDetail:
        run = self.run(by, act)
        assert run.status == "succeeded", (run.reason, self.service.log_lines(run.id)[-30:])
        return run

    def checked(self) -> MigrationDetail:
        """The migration after a preflight that nothing stood in the way of."""
        self.well(REVIEWER, ApiClient.preflight_migration)
        found = self.read()
        assert found.status == "designed", (found.reason, found.preflight)
        return found

    def approved(self, act: str) -> None:
        """The plan to prepare or to finalise is approved."""
        self.service.callers(APPROVERS[0]).approve_migration(self.id, self.digest(act))

    def prepared(self) -> MigrationDetail:
        """Everything is copied and both directions are prepared."""
        self.checked()
        self.approved("prepare")
        self.well(APPLIER, ApiClient.start_migration)
        return self.read()

    def scheduled(self) -> MigrationDetail:
        """The next cutover is planned, and two persons have approved it."""
        run = self.run(REVIEWER, ApiClient.plan_cutover_migration)
        found = self.plan("cutover")
        assert found.status == "submitted", (run.reason, found, self.service.log_lines(run.id)[-30:])
        for approver in APPROVERS:
            self.approve_cutover(approver)
        return self.read()

    def approve_cutover(self, approver: str) -> None:
        """One person approves the planned cutover."""
        self.service.callers(approver).approve_cutover_migration(self.id, self.digest("cutover"))

    def cut_over(self) -> SwitchDetail:
        """Cut over and return the switch, which must succeed."""
        self.scheduled()
        self.well(APPLIER, ApiClient.cut_over_migration)
        return self.read().switches[-1]
