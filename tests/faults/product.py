"""The whole product with quick heartbeats, and the means to break it at a chosen moment.

A gate stands before every Terraform command and after `apply`: closed by a test, it holds Terraform
there until the test opens it, so that a fault hits exactly between two steps.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from orchestrator.adapters.terraform import find_terraform
from orchestrator.client.api import FINAL
from orchestrator.client.models import PlanDetail, RequestDetail, RunDetail, RunStatus
from orchestrator.core.sealing import load_keys
from orchestrator.settings import Settings
from tests import acts
from tests.callers import Caller
from tests.factories import make_draft, make_line
from tests.running import Process, RunningService, wait_until

Document = dict[str, Any]

QUICK = {"GOVCLOUD_HEARTBEAT_SECONDS": "1", "GOVCLOUD_STALLED_SECONDS": "3"}
SMALL = make_line(vcpu=1, memory_gb=1, disk_gb=1, backup_gb=0)
"""One host with one disk: five objects of the cloud."""

_ENGINES: Mapping[str, frozenset[str]] = {
    "terraform": frozenset({"terraform", "tofu", "govcloud-terraform", "gated-terraform"}),
    "provider": frozenset({"serve.py"}),
    "ansible": frozenset({"ansible-playbook", "orchestrator.adapters.ansible_play"}),
}
"""Kind of engine -> the names by which its processes go."""

_GATED = """\
#!/bin/sh
# Terraform, held where a test closed a gate.
gate() {{
  [ -e {gates}/$1.closed ] || return 0
  : > {gates}/$1.reached
  while [ -e {gates}/$1.closed ]; do sleep 0.05; done
}}
if [ "$1" = version ] && [ -e {gates}/version ]; then
  cat {gates}/version
  exit
fi
gate "$1"
if [ "$1" = apply ] && [ -e {gates}/applied.closed ]; then
  {terraform} "$@"
  code=$?
  gate applied
  exit $code
fi
exec {terraform} "$@"
"""


class Product(RunningService):
    """Cloud, web and workers, each of which a test may kill and start again."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url, **QUICK)
        self.gates = self.home / "gates"
        self.gates.mkdir()
        self.gates.chmod(0o777)
        program = self.home / "gated-terraform"
        program.write_text(_GATED.format(gates=self.gates, terraform=find_terraform(Settings())))
        program.chmod(0o755)
        self._environment |= {"TERRAFORM_BIN": str(program)}

    # --- gates -----------------------------------------------------------------------------------

    def close_gate(self, name: str) -> None:
        """Hold the next Terraform before ``plan`` or ``apply``, or at its end: ``applied``."""
        (self.gates / f"{name}.closed").touch()

    def at_gate(self, name: str) -> None:
        """Wait until a Terraform is held there."""
        wait_until((self.gates / f"{name}.reached").exists, f"Terraform comes to the gate {name!r}")

    def pretend_version(self, version: str) -> None:
        """Let Terraform say that it is of this version, to workers that have not asked yet."""
        (self.gates / "version").write_text(json.dumps({"terraform_version": version}))

    def open_gates(self) -> None:
        """Let everything go on; nothing is held from now on."""
        for path in self.gates.iterdir():
            path.unlink()

    # --- processes -------------------------------------------------------------------------------

    def engines(self, kind: str = "") -> list[int]:
        """Processes of Terraform, of its provider and of Ansible that work in this home."""
        wanted = _ENGINES[kind] if kind else frozenset[str]().union(*_ENGINES.values())
        return [pid for pid in self.leftovers() if wanted & _names(pid)]

    def worker_of(self, run_id: UUID) -> Process:
        """The worker that has the run in hand."""
        name = str(self.value("SELECT worker FROM runs WHERE id = :id", id=run_id))
        return next(worker for worker in self.workers if worker.pid == int(name.split(":")[1]))

    def kill_worker_of(self, run_id: UUID) -> None:
        """Kill the run's worker; its child processes live on."""
        worker = self.worker_of(run_id)
        worker.kill()
        worker.wait()
        self.workers.remove(worker)

    def kill_engines(self, kind: str = "") -> None:
        """End engine processes without a word."""
        for pid in self.engines(kind):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def start_cramped_worker(self, most: int) -> Process:
        """A worker that, with all it starts, can write no file of more than `most` bytes."""
        python = [sys.executable, "-B", "-m", "orchestrator", "worker"]
        worker = self._spawn("cramped", ["prlimit", f"--fsize={most}", "--", *python])
        self.workers.append(worker)
        return worker

    def restart_cloud(self) -> None:
        """End the cloud without a word, and start it again."""
        self.kill_cloud()
        self.start_cloud()

    def kill_cloud(self) -> None:
        """End the cloud without a word."""
        assert self.cloud is not None
        self.cloud.kill()
        self.cloud.wait()

    def end_workers(self) -> None:
        """End every worker once its work is done."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(60)
        self.workers = []

    def make_whole(self) -> None:
        """Start missing processes: cloud, web and two workers; nothing is held."""
        self.open_gates()
        if self.cloud is None or self.cloud.poll() is not None:
            self.start_cloud()
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < 2:
            self.start_worker()
        if self.web is None or self.web.poll() is not None:
            self.start_web()

    # --- the database ----------------------------------------------------------------------------

    def rows(self, statement: str, **values: Any) -> list[Mapping[str, Any]]:
        """Return the rows of a query."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement), values).mappings()]

    def value(self, statement: str, **values: Any) -> Any:
        """The one value that a query answers."""
        with self.engine.connect() as connection:
            return connection.execute(text(statement), values).scalar_one()

    def change(self, statement: str, **values: Any) -> None:
        """Change the database behind the product's back."""
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def state(self, workspace_id: UUID) -> Document:
        """The newest Terraform state of a workspace in clear; empty when there is none."""
        sealed = self.rows(
            "SELECT data FROM state_versions WHERE workspace_id = :id ORDER BY version DESC LIMIT 1",
            id=workspace_id,
        )
        keys = load_keys(self.settings.keys_path)
        return json.loads(keys.decrypt(sealed[0]["data"])) if sealed else {}

    # --- what people do --------------------------------------------------------------------------

    def approved(self, draft: Mapping[str, Any] | None = None) -> PlanDetail:
        """A plan that only waits for its apply; by default of one small host with a disk."""
        request = acts.approve(self.callers, draft or make_draft(SMALL))
        return self.planned(request)

    def planned(self, request: RequestDetail) -> PlanDetail:
        """A new approved plan of an approved request."""
        return acts.approve_plan(self, acts.plan(self, request))

    @property
    def reader(self) -> Caller:
        """The centre's reviewer, who sees everything."""
        return self.callers("xxh.reviewer")

    def running(self, run_id: UUID) -> RunDetail:
        """The run once a worker has it in hand."""
        return self.reached(run_id, RunStatus.RUNNING, RunStatus.VERIFYING)

    def reached(self, run_id: UUID, *statuses: RunStatus, seconds: float = 30) -> RunDetail:
        """The run once it stands in one of these states."""

        def there() -> RunDetail | None:
            run = self.reader.read_run(run_id)
            return run if run.status in statuses else None

        run: RunDetail = wait_until(there, f"run {run_id} is {' or '.join(statuses)}", seconds)
        return run

    # --- the cloud -------------------------------------------------------------------------------

    def slow(self, kind: str, seconds: float) -> None:
        """The next create of this kind takes so long."""
        self.ask_cloud(op="fault", kind=kind, mode="delay", seconds=seconds)

    def objects(self, workspace_key: str) -> dict[str, Document]:
        """Logical address -> object, as the cloud itself knows them."""
        found: Sequence[Document] = self.ask_cloud(op="list", workspace=workspace_key)["objects"]
        return {item["key"].split("/", 1)[1]: item for item in found}

    def creating(self, plan: PlanDetail, address: str) -> None:
        """Wait until the cloud is in the middle of making this object."""
        key = self.workspace_key(plan)

        def begun() -> bool:
            made = self.objects(key).get(address)
            return made is not None and made["state"] == "error"

        wait_until(begun, f"the cloud makes {address}")

    def workspace_key(self, plan: PlanDetail) -> str:
        """The key of the plan's workspace."""
        return str(self.value("SELECT key FROM workspaces WHERE id = :id", id=plan.workspace_id))

    def no_run_in_progress(self) -> bool:
        """True when every run has come to an end."""
        return not self.rows("SELECT id FROM runs WHERE status <> ALL(:final)", final=list(FINAL))


def _names(pid: int) -> set[str]:
    """The base names of the words of a process's command line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return set()
    return {Path(word.decode(errors="replace")).name for word in words}
