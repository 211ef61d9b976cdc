"""Engines in memory, complete by their ports: a Terraform that keeps its state in our backend, an Ansible.

They stand in where rules are tested and the engines play no part.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from orchestrator.runs.engine import CloudObject, EngineResult, EngineRun, PlanMode

Change = dict[str, Any]
Objects = dict[str, dict[str, Any]]
_TYPES = {"network": "sandbox_network", "instance": "sandbox_instance", "volume": "sandbox_volume"}
_COMPUTED = ("id", "address")


@dataclass
class FakeCloud:
    """The existing objects, by logical address in each workspace.

    `refuses` makes every next change fail, `refused_kind` every creation of one kind.
    """

    objects: dict[str, Objects] = field(default_factory=dict)
    refuses: bool = False
    refused_kind: str = ""

    def list_objects(self, workspace: str) -> Sequence[CloudObject]:
        return [
            CloudObject(
                key=f"{workspace}/{address}",
                kind=address.split("/", 1)[0],
                cloud_id=spec["id"],
                state="running",
                address=spec.get("address"),
                connection={"plugin": "sandbox"} if "address" in spec else {},
                spec=spec,
            )
            for address, spec in sorted(self.objects.get(workspace, {}).items())
        ]


class FakeTerraform:
    """Plans from terraform.tfvars.json against state and cloud, and applies what it saved, once."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud = cloud

    def version(self) -> str:
        return "1.0.0-fake"

    def init(self, folder: Path, run: EngineRun) -> EngineResult:  # noqa: ARG002
        (folder / ".terraform").mkdir(exist_ok=True)
        return EngineResult(0)

    def plan(self, folder: Path, run: EngineRun, mode: PlanMode = PlanMode.CHANGE) -> EngineResult:
        values = json.loads((folder / "terraform.tfvars.json").read_text())
        state = _Backend(run).read()
        real = self.cloud.objects.get(values["workspace"], {})
        known = {address: spec for address, spec in _in_state(state).items() if address in real}
        wanted = {} if mode is PlanMode.DESTROY else _wanted(values)
        changes = [] if mode is PlanMode.REFRESH_ONLY else _changes(known, wanted)
        drift = _moves(_changes(_in_state(state), {name: dict(real[name]) for name in known}))
        document = {
            "serial": state["serial"],
            "workspace": values["workspace"],
            "changes": changes,
            "drift": drift,
        }
        (folder / "plan.bin").write_text(json.dumps(document, sort_keys=True))
        return EngineResult(2 if _moves(changes) or drift else 0)

    def show(self, folder: Path, run: EngineRun) -> dict[str, Any]:  # noqa: ARG002
        saved = json.loads((folder / "plan.bin").read_text())
        return {"resource_changes": saved["changes"], "resource_drift": saved["drift"]}

    def apply(self, folder: Path, run: EngineRun) -> EngineResult:
        saved = json.loads((folder / "plan.bin").read_text())
        backend = _Backend(run)
        state = backend.read()
        if state["serial"] != saved["serial"]:
            return EngineResult(1, stderr_tail="Saved plan is stale")
        with backend:
            objects = self.cloud.objects.setdefault(saved["workspace"], {})
            for change in _moves(saved["changes"]):
                is_refused = change["name"] == self.cloud.refused_kind and not change["change"]["before"]
                if self.cloud.refuses or is_refused:
                    backend.write(state, _planned(objects, saved["changes"]))
                    return EngineResult(1, stderr_tail="The cloud refused.")
                _carry_out(objects, change)
            backend.write(state, _planned(objects, saved["changes"]))
        return EngineResult(0)


class _Backend:
    """Terraform's side of the http backend."""

    def __init__(self, run: EngineRun) -> None:
        self._address = run.environment["TF_HTTP_ADDRESS"]
        self._auth = (run.environment["TF_HTTP_USERNAME"], run.environment["TF_HTTP_PASSWORD"])
        self._lock = {"ID": str(uuid4()), "Operation": "OperationTypeApply"}

    def _call(self, method: str, **options: Any) -> httpx2.Response:
        return httpx2.request(
            method, self._address, auth=self._auth, timeout=30, **options
        ).raise_for_status()

    def __enter__(self) -> None:
        self._call("LOCK", json=self._lock)

    def __exit__(self, *_: object) -> None:
        self._call("UNLOCK", json=self._lock)

    def read(self) -> dict[str, Any]:
        answer = self._call("GET")
        if answer.status_code == 204:
            return {"version": 4, "serial": 0, "lineage": str(uuid4()), "resources": []}
        state: dict[str, Any] = answer.json()
        return state

    def write(self, before: Mapping[str, Any], objects: Objects) -> None:
        instances = {
            address.split("/", 1)[1]: {"address": spec["address"], "connection": {"plugin": "sandbox"}}
            for address, spec in objects.items()
            if address.startswith("instance/")
        }
        state = {
            "version": 4,
            "lineage": before["lineage"],
            "serial": before["serial"] + 1,
            "outputs": {"instances": {"value": instances}},
            "resources": [_resource(address, spec) for address, spec in sorted(objects.items())],
        }
        self._call("POST", json=state, params={"ID": self._lock["ID"]})


def _resource(address: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    kind, name = address.split("/", 1)
    instance = {"index_key": name, "attributes": dict(spec)}
    return {"mode": "managed", "type": _TYPES[kind], "name": kind, "instances": [instance]}


def _in_state(state: Mapping[str, Any]) -> Objects:
    kinds = {terraform: kind for kind, terraform in _TYPES.items()}
    return {
        f"{kinds[resource['type']]}/{instance['index_key']}": instance["attributes"]
        for resource in state["resources"]
        for instance in resource["instances"]
    }


def _wanted(values: Mapping[str, Any]) -> Objects:
    tags = {"tags": values["tags"]}
    return (
        {"network/main": {**values["network"], **tags}}
        | {f"instance/{key}": {**spec, **tags} for key, spec in values["instances"].items()}
        | {f"volume/{key}": {**spec, **tags} for key, spec in values["volumes"].items()}
    )


def _changes(present: Objects, wanted: Objects) -> list[Change]:
    changes: list[Change] = []
    for address in sorted({*present, *wanted}):
        kind, name = address.split("/", 1)
        before, after = present.get(address), wanted.get(address)
        if before is not None and after is not None:
            after = {key: before[key] for key in _COMPUTED if key in before} | after
        changes.append(
            {
                "address": f'{_TYPES[kind]}.{kind}["{name}"]',
                "mode": "managed",
                "type": _TYPES[kind],
                "name": kind,
                "index": name,
                "change": {"actions": [_action(before, after)], "before": before, "after": after},
            }
        )
    return changes


def _moves(changes: Sequence[Change]) -> list[Change]:
    return [change for change in changes if change["change"]["actions"] != ["no-op"]]


def _action(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    if before == after:
        return "no-op"
    if before is None:
        return "create"
    return "delete" if after is None else "update"


def _planned(objects: Objects, changes: Sequence[Change]) -> Objects:
    """The objects of the cloud that the plan named; the state never gets others."""
    named = {f"{change['name']}/{change['index']}" for change in changes}
    return {address: spec for address, spec in objects.items() if address in named}


def _carry_out(objects: Objects, change: Change) -> None:
    kind = change["name"]
    address, after = f"{kind}/{change['index']}", change["change"]["after"]
    if after is None:
        objects.pop(address, None)
        return
    present = objects.get(address, {"id": str(uuid4())})
    if kind == "instance":
        present.setdefault("address", f"127.64.0.{len(objects) + 1}")
    objects[address] = present | after


class FakeAnsible:
    """Reports an empty baseline of every host in the inventory."""

    def version(self) -> str:
        return "2.0.0-fake"

    def run(self, folder: Path, playbook: str, run: EngineRun) -> EngineResult:  # noqa: ARG002
        return EngineResult(0)
