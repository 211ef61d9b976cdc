"""Client of the sandbox cloud: lists its objects, and starts and stops instances.

The cloud is a separate program; the protocol is one JSON line each way over a unix socket.
"""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from orchestrator.runs.engine import CloudError, CloudObject

_SECONDS_TO_ANSWER: Final = 60.0


class SandboxCloudError(CloudError):
    """The sandbox cloud refuses or does not answer. `code` is like an HTTP status, 503 without an answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class SandboxCloud:
    """The cloud behind one socket. Every method raises SandboxCloudError."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path

    def list_objects(self, workspace: str) -> Sequence[CloudObject]:
        """Return the existing objects of the workspace by key, independent of Terraform's state."""
        answer = self._ask(op="list", workspace=workspace)
        return [_cloud_object(record) for record in answer["objects"]]

    def create(self, kind: str, key: str, **spec: Any) -> dict[str, Any]:
        """Create an object without a request, such as a legacy host, or return the one with this key."""
        record: dict[str, Any] = self._ask(op="create", kind=kind, key=key, spec=spec, tags={}, run="")[
            "object"
        ]
        return record

    def stop_instance(self, instance: str) -> None:
        """Stop an instance, given by id or key, outside of Terraform."""
        self._ask(op="stop", id=instance)

    def start_instance(self, instance: str) -> None:
        """Start an instance, given by id or key."""
        self._ask(op="start", id=instance)

    def is_running(self) -> bool:
        """Return True if the cloud answers."""
        try:
            self._ask(op="ping")
        except SandboxCloudError:
            return False
        return True

    def _ask(self, **request: Any) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_SECONDS_TO_ANSWER)
                connection.connect(str(self._path))
                connection.sendall(json.dumps(request).encode() + b"\n")
                answer: dict[str, Any] = json.loads(connection.makefile("rb").readline())
        except (OSError, ValueError) as error:
            raise SandboxCloudError(
                503,
                f"The sandbox cloud does not answer at {self._path} ({error}). Start it with `govcloud up`.",
            ) from error
        if not answer["ok"]:
            raise SandboxCloudError(answer["error"]["code"], answer["error"]["message"])
        return answer


def _cloud_object(record: dict[str, Any]) -> CloudObject:
    return CloudObject(
        key=record["key"],
        kind=record["kind"],
        cloud_id=record["id"],
        state=record["state"],
        address=record["address"],
        spec=record["spec"],
        connection=_connection(record),
    )


def _connection(record: dict[str, Any]) -> dict[str, Any]:
    return {"plugin": "sandbox", "host_root": record["host_root"]} if record.get("host_root") else {}
