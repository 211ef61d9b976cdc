"""A live legacy system, its clients, and the acts of its migration; tests of migrations begin with it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.adapters.ansible import AnsibleRunnerEngine
from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.demo.sample_system import SampleClients, SampleSystem, make_host
from orchestrator.migrations.transfer import MigrationHost
from tests import acts
from tests.factories import make_draft, make_line
from tests.running import ROOT, RunningService

Document = dict[str, Any]
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

    def target(self, request: Document) -> MigrationHost:
        """The provisioned host, with the application on it and nothing in it."""
        cloud = SandboxCloud(self.service.settings.sandbox_socket)
        (row,) = [each for each in acts.resources(self.service, request) if each["kind"] == "instance"]
        workspaces = self.service.callers(REVIEWER).done("GET", "/workspaces")
        (key,) = [each["key"] for each in workspaces if each["id"] == row["workspace_id"]]
        (made,) = [each for each in cloud.list_objects(key) if each.cloud_id == row["cloud_id"]]
        assert made.address is not None
        host = MigrationHost("web", made.address, made.connection)
        self.system.install(host)
        return host


def provision(service: RunningService) -> Document:
    """A request of the water bureau whose one host exists."""
    line = make_line(vcpu=2, memory_gb=4, disk_gb=50, backup_gb=0, ports=[5432, 8080, 8730])
    return acts.provision(service, make_draft(line))


class MigrationCase:
    """One migration under way, each act by the person whose act it is."""

    def __init__(self, service: RunningService, request: Document, plan: str | None = None) -> None:
        self.service = service
        body = {"plan": plan or PLAN.read_text("utf-8"), "request": request["number"]}
        self.id: str = service.callers("slj.clerk").done("POST", "/migrations", json=body)["id"]

    def read(self) -> Document:
        found: Document = self.service.callers(REVIEWER).done("GET", f"/migrations/{self.id}")
        return found

    def act(self, by: str, act: str, **body: Any) -> Document:
        """Do an act; return the answer."""
        options = {"json": body} if body else {}
        found: Document = self.service.callers(by).done("POST", f"/migrations/{self.id}/{act}", **options)
        return found

    def run(self, by: str, act: str, seconds: float = 120) -> Document:
        """The run that an act ordered, once it has ended."""
        return self.service.ended_run(self.act(by, act)["id"], seconds)

    def plan(self, act: str) -> Document:
        """The newest plan for an act."""
        found: Document = [each for each in self.read()["plans"] if each["act"] == act][-1]["plan"]
        return found

    def well(self, by: str, act: str) -> Document:
        run = self.run(by, act)
        assert run["status"] == "succeeded", (run["reason"], self.service.log_lines(run["id"])[-30:])
        return run

    def checked(self) -> Document:
        """The migration after a preflight that nothing stood in the way of."""
        self.well(REVIEWER, "preflight")
        found = self.read()
        assert found["status"] == "designed", (found["reason"], found["preflight"])
        return found

    def approved(self, act: str) -> None:
        """The plan to prepare or to finalise is approved."""
        self.act(APPROVERS[0], "approve", digest=self.plan(act)["tuple_digest"])

    def prepared(self) -> Document:
        """Everything is copied and both directions are prepared."""
        self.checked()
        self.approved("prepare")
        self.well(APPLIER, "start")
        return self.read()

    def scheduled(self) -> Document:
        """The next cutover is planned, and two persons have approved it."""
        run = self.run(REVIEWER, "plan-cutover")
        found = self.plan("cutover")
        assert found["status"] == "submitted", (run["reason"], found, self.service.log_lines(run["id"])[-30:])
        for approver in APPROVERS:
            self.act(approver, "approve-cutover", digest=self.plan("cutover")["tuple_digest"])
        return self.read()

    def cut_over(self) -> Document:
        """Cut over and return the switch, which must succeed."""
        self.scheduled()
        self.well(APPLIER, "cut-over")
        switch: Document = self.read()["switches"][-1]
        return switch
