"""Ports of the run workflow: a Terraform engine, an Ansible engine and a cloud.

The real adapters live in `orchestrator/adapters/`; `orchestrator/wiring.py` chooses them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from orchestrator.core.stop_reasons import StopReason

LogSink = Callable[[str], None]
EventSink = Callable[[Mapping[str, Any]], None]
ShouldStop = Callable[[], StopReason | None]


@dataclass(frozen=True)
class EngineResult:
    """How one engine process ended.

    `returncode` is negative when a signal ended the process. `stopped_because` is set when the worker
    ended it.
    """

    returncode: int
    stopped_because: StopReason | None = None
    events: tuple[Mapping[str, Any], ...] = ()
    stderr_tail: str = ""


class EngineError(Exception):
    """The process that should print a value, such as the JSON of a plan, failed."""

    def __init__(self, command: str, result: EngineResult) -> None:
        self.result = result
        why = result.stopped_because or result.stderr_tail.strip() or f"return code {result.returncode}"
        super().__init__(f"{command}: {why}")


class PlanMode(StrEnum):
    """Kind of a Terraform plan: the changes, the destruction of everything, or a comparison with reality."""

    CHANGE = "change"
    DESTROY = "destroy"
    REFRESH_ONLY = "refresh_only"


@dataclass(frozen=True)
class EngineRun:
    """Inputs of one engine process besides its folder.

    `environment` is the whole extra environment, `keep_open` are file descriptors that the child
    inherits (the lease's socket), `secrets` are texts that the log shows as ``***``. A play passes its
    events to `event` as they occur.
    """

    run_id: str
    environment: Mapping[str, str]
    log: LogSink
    should_stop: ShouldStop
    keep_open: tuple[int, ...] = ()
    timeout_seconds: float = 3600
    idle_seconds: float = 900
    secrets: tuple[str, ...] = field(default=(), repr=False)
    event: EventSink | None = None


class CloudError(Exception):
    """A cloud does not answer, or refuses."""


class TerraformEngine(Protocol):
    """Runs Terraform in a prepared folder; every call is one process in a session of its own."""

    def version(self) -> str:
        """Version of the executable, e.g. ``1.11.4``."""

    def init(self, folder: Path, run: EngineRun) -> EngineResult:
        """Install providers from the mirror; the lock file is enforced."""

    def plan(self, folder: Path, run: EngineRun, mode: PlanMode = PlanMode.CHANGE) -> EngineResult:
        """Write `folder/plan.bin`. Return code 0 means no changes, 2 changes, 1 an error."""

    def show(self, folder: Path, run: EngineRun) -> dict[str, Any]:
        """Return the JSON form of `folder/plan.bin`."""

    def apply(self, folder: Path, run: EngineRun) -> EngineResult:
        """Apply exactly `folder/plan.bin`."""


class AnsibleEngine(Protocol):
    """Runs one playbook from a read-only bundle."""

    def version(self) -> str:
        """Version of ansible-core."""

    def run(self, folder: Path, playbook: str, run: EngineRun) -> EngineResult:
        """`folder` holds project/, inventory/hosts.json and vars.json."""


@dataclass(frozen=True)
class CloudObject:
    """One object that really exists in a cloud, whatever Terraform's state says.

    `key` is ``<workspace>/<kind>/<name>``; `kind` is instance, volume, network, port or
    security_group; `state` is running, stopped, present or error. `connection` is how Ansible reaches an
    instance, {plugin, ...}.
    """

    key: str
    kind: str
    cloud_id: str
    state: str
    address: str | None
    spec: Mapping[str, Any]
    connection: Mapping[str, Any] = field(default_factory=dict)


class CloudInventory(Protocol):
    """The list of real objects in a cloud, independent of Terraform's state."""

    def list_objects(self, workspace: str) -> Sequence[CloudObject]:
        """Return every object whose key begins with the key of the workspace."""
