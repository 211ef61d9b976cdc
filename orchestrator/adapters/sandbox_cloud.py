"""The sandbox cloud seen from the product: what exists in it, and the switch of an instance.

It speaks the cloud's own protocol, one JSON line each way over a unix socket; the cloud is another program.
"""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from orchestrator.runs.engine import CloudError, CloudObject

_SECONDS_TO_ANSWER: Final = 60.0


class SandboxCloudError(CloudError):
    """The sandbox cloud does not answer, or refuses; `code` is HTTP-like, 503 when it does not answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class SandboxCloud:
    """The cloud behind one socket. Every method raises SandboxCloudError."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path

    def list_objects(self, workspace: str) -> Sequence[CloudObject]:
        """Every object of the workspace, whatever Terraform's state says, in the order of their keys."""
        answer = self._ask(op="list", workspace=workspace)
        return [_cloud_object(each) for each in answer["objects"]]

    def create(self, kind: str, key: str, **spec: Any) -> dict[str, Any]:
        """An object that no request has ordered, such as a legacy host; the same key and spec adopts."""
        answer = self._ask(op="create", kind=kind, key=key, spec=spec, tags={}, run="")
        made: dict[str, Any] = answer["object"]
        return made

    def stop_instance(self, instance: str) -> None:
        """Stop an instance, named by its id or key, as if somebody did it behind Terraform's back."""
        self._ask(op="stop", id=instance)

    def start_instance(self, instance: str) -> None:
        """Start an instance, named by its id or key."""
        self._ask(op="start", id=instance)

    def is_running(self) -> bool:
        """True when the cloud answers."""
        try:
            self._ask(op="ping")
        except SandboxCloudError:
            return False
        return True

    def _ask(self, **request: Any) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as door:
                door.settimeout(_SECONDS_TO_ANSWER)
                door.connect(str(self._path))
                door.sendall(json.dumps(request).encode() + b"\n")
                answer: dict[str, Any] = json.loads(door.makefile("rb").readline())
        except (OSError, ValueError) as error:
            raise SandboxCloudError(
                503, f"The sandbox cloud does not answer at {self._path} ({error}); `govcloud up` starts it."
            ) from error
        if not answer["ok"]:
            raise SandboxCloudError(answer["error"]["code"], answer["error"]["message"])
        return answer


def _cloud_object(found: dict[str, Any]) -> CloudObject:
    return CloudObject(
        key=found["key"],
        kind=found["kind"],
        cloud_id=found["id"],
        state=found["state"],
        address=found["address"],
        spec=found["spec"],
        connection=_connection(found),
    )


def _connection(found: dict[str, Any]) -> dict[str, Any]:
    return {"plugin": "sandbox", "host_root": found["host_root"]} if found.get("host_root") else {}
