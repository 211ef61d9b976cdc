"""The second part of `govcloud demo`: a live legacy system moves onto the new hosts, back, and over again.

The legacy system is made and seeded beside the first part. Clients write to it all the time; what they were
acknowledged is compared with what the serving side holds in the end.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from orchestrator.adapters.ansible import AnsibleRunnerEngine
from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.client.api import ApiClient
from orchestrator.client.models import (
    DigestBody,
    MigrationDetail,
    MigrationRegistration,
    MigrationStatus,
    PauseMeasurement,
    PlanStatus,
    RetirementBody,
    RunDetail,
    SwitchDetail,
)
from orchestrator.demo.case import APPLIER, APPROVER, REVIEWER, Case, ignore
from orchestrator.demo.city import DemoStopped
from orchestrator.demo.sample_system import SampleClients, SampleSystem, lost, make_host
from orchestrator.migrations.pause import WritePause, write_pause
from orchestrator.migrations.transfer import MigrationHost
from orchestrator.settings import Settings

SAMPLE_NAME: Final = "flood.slj.example"
PLAN: Final = "sample-flood-warning.yml"
SECOND_APPROVER: Final = "zhb.approver"
SEED: Final = {"megabytes": 200, "files": 5000, "file_bytes": 4_000}
SECONDS_AROUND: Final = 3.0
SECONDS_TO_SEED: Final = 300.0


@dataclass
class LegacyRoom:
    """The legacy host with its data, and the name service; made in the background."""

    settings: Settings
    workspace: str = ""
    name: str = ""
    source: MigrationHost | None = None
    names: MigrationHost | None = None
    failure: Exception | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Make and seed it in a thread of its own."""
        threading.Thread(target=self._make, daemon=True).start()

    def _make(self) -> None:
        try:
            self._make_hosts()
        except Exception as error:  # noqa: BLE001 - `wait` raises it again.
            self.failure = error
        finally:
            self.ended.set()

    def _make_hosts(self) -> None:
        cloud = SandboxCloud(self.settings.sandbox_socket)
        number = 1
        while cloud.list_objects(f"legacy-{number}"):
            number += 1
        self.workspace, self.name = f"legacy-{number}", f"flood-{number}.slj.example"
        self.source = make_host(cloud, "legacy-1", self.workspace, "vrf-shuili")
        self.names = make_host(cloud, "names-1", "names", "management")
        self.system.serve_names(self.names, {self.name: self.source.address})
        self.system.install(self.source, SEED)

    @property
    def folder(self) -> Path:
        """Where bundles and the clients' records lie."""
        folder = self.settings.home / "demo"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @property
    def system(self) -> SampleSystem:
        """The engine and bundle that install the sample system."""
        return SampleSystem(AnsibleRunnerEngine(), self.settings.content_dir / "playbooks", self.folder)

    def wait(self) -> tuple[MigrationHost, MigrationHost]:
        """Source and name service. Raises DemoStopped when they could not be made."""
        if not self.ended.wait(SECONDS_TO_SEED) or self.failure or not (self.source and self.names):
            raise DemoStopped(f"The legacy system could not be made: {self.failure or 'it takes too long'}")
        return self.source, self.names

    def target(self, case: Case) -> MigrationHost:
        """The first new host, with the application installed and nothing in it."""
        resource = next(one for one in case.resources() if one.kind == "instance")
        cloud = SandboxCloud(self.settings.sandbox_socket)
        instance = next(
            cloud_object
            for cloud_object in cloud.list_objects(case.workspace().key)
            if cloud_object.cloud_id == resource.cloud_id
        )
        host = MigrationHost(resource.address.split("/")[1], instance.address or "", instance.connection)
        self.system.install(host)
        return host

    def clients(self, number: str) -> SampleClients:
        """Clients that write through the name from now on."""
        _, names = self.wait()
        record = self.folder / f"record-{number}"
        return SampleClients(self.settings.content_dir / "playbooks", names, self.name, record)

    def plan(self, host: str, system: str) -> str:
        """The sample plan, for this play's legacy system and target."""
        text = (self.settings.content_dir / "migration_plans" / PLAN).read_text("utf-8")
        ours = {
            "workspace: legacy\n": f"workspace: {self.workspace}\n",
            "host: web ": f"host: {host} ",
            f"record: {SAMPLE_NAME}\n": f"record: {self.name}\n",
            "system: SYS-019\n": f"system: {system}\n",
        }
        for sample, our in ours.items():
            text = text.replace(sample, our)
        return text


Act = Callable[[ApiClient, UUID], RunDetail]


class MigrationCase:
    """One migration of the demo, and the acts on it; acts raise ApiProblem."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._migration: MigrationDetail | None = None

    @property
    def migration(self) -> MigrationDetail:
        """Return the migration as it was last read. Raises DemoStopped before it is registered."""
        if self._migration is None:
            raise DemoStopped("The migration is not registered yet.")
        return self._migration

    def register(self, plan: str) -> None:
        """The clerk registers it for the request that was just carried out."""
        content = MigrationRegistration(plan=plan, file=PLAN, request=self.case.request.number)
        self._migration = self.case.clerk.register_migration(content)

    def read(self) -> MigrationDetail:
        """The migration as it is now."""
        self._migration = self.case.cast[REVIEWER].read_migration(self.migration.id)
        return self._migration

    def run(self, by: str, act: Act, tell: Callable[[str], None] = ignore) -> None:
        """A run that an act orders, to its end."""
        self.case.follow(act(self.case.cast[by], self.migration.id), tell)
        self.read()

    def digest(self, act: str) -> DigestBody:
        """The digest of the newest plan for an act, as its page shows it."""
        plans = [step.plan for step in self.read().plans if step.act == act]
        if not plans or plans[-1].status != PlanStatus.SUBMITTED:
            raise DemoStopped(f"There is no plan to {act}: {self.migration.reason}")
        return DigestBody(digest=plans[-1].tuple_digest or "")

    def copy(self, tell: Callable[[str], None]) -> None:
        """Checked, approved, prepared, copied."""
        self.run(REVIEWER, ApiClient.preflight_migration)
        self.case.cast[APPROVER].approve_migration(self.migration.id, self.digest("prepare"))
        self.run(APPLIER, ApiClient.start_migration, tell)

    def cut_over(self, tell: Callable[[str], None]) -> SwitchDetail:
        """Planned, approved by two persons, switched, proven; the switch."""
        self.run(REVIEWER, ApiClient.plan_cutover_migration)
        shown = self.digest("cutover")
        for approver in (APPROVER, SECOND_APPROVER):
            self.case.cast[approver].approve_cutover_migration(self.migration.id, shown)
        return self._switched(ApiClient.cut_over_migration, tell)

    def back(self, tell: Callable[[str], None]) -> SwitchDetail:
        """Returned by the plan that was approved with the cutover; the switch."""
        return self._switched(ApiClient.roll_back_migration, tell)

    def _switched(self, act: Act, tell: Callable[[str], None]) -> SwitchDetail:
        self.run(APPLIER, act, tell)
        switch = self.migration.switches[-1]
        if not switch.proof_equal:
            reason = switch.reason or self.migration.reason
            raise DemoStopped(f"The {switch.direction} has no proof: {reason}")
        return switch

    def keep_pause(self, switch: SwitchDetail, seen: WritePause) -> None:
        """The clients' own measure is handed in and stands beside the script's."""
        pause = PauseMeasurement(longest_ms=seen.longest_ms, at_fence_ms=seen.at_fence_ms)
        self.case.cast[APPLIER].record_switch_pause(self.migration.id, switch.number, pause)

    def end(self, tell: Callable[[str], None]) -> None:
        """Accepted by the department, finalised by a plan of its own."""
        officer = self.case.cast[self.case.department.officer]
        self._migration = officer.accept_migration(self.migration.id)
        self.run(REVIEWER, ApiClient.plan_finalisation_migration)
        self.case.cast[APPROVER].approve_migration(self.migration.id, self.digest("clean_up"))
        self.run(APPLIER, ApiClient.finalise_migration, tell)
        if self.migration.status != MigrationStatus.FINALISED:
            raise DemoStopped(f"The migration is not final: {self.migration.reason}")

    def retire(self, day: date) -> None:
        """The record of the end of the legacy system."""
        record = RetirementBody(stopped_on=day, sanitisation="磁盘已按规定清除。", remark="")
        self._migration = self.case.cast[APPLIER].retire_migration(self.migration.id, record)


def moment(instant: datetime | None) -> float:
    """An instant of the API in seconds since 1970. Raises DemoStopped if there is none."""
    if instant is None:
        raise DemoStopped("The switch has not opened the other side.")
    return instant.timestamp()


def pause_of(switch: SwitchDetail, clients: SampleClients) -> WritePause:
    """The pause around a switch, from the clients' record of a few seconds before and after it."""
    opened = moment(switch.opened_at)
    time.sleep(max(0.0, opened + SECONDS_AROUND - time.time()))
    return write_pause(clients.acknowledged(), moment(switch.fenced_at), opened, SECONDS_AROUND)


def stay_on_target(switch: SwitchDetail, seconds: float) -> None:
    """Let the clients write to the target for `seconds` before the rollback."""
    time.sleep(max(0.0, moment(switch.opened_at) + seconds - time.time()))


def missing(clients: SampleClients, serving: MigrationHost) -> tuple[int, int]:
    """Acknowledged rows and files that the serving side lacks."""
    return lost(clients.acknowledged(), serving)
