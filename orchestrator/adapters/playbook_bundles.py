"""The bundle of a playbook run: our playbooks and roles, one generated inventory, one file of variables."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_LEFT_OUT = frozenset({"__pycache__"})


def playbook_bundle(
    playbooks: Path, hosts: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]
) -> dict[str, bytes]:
    """Files by name, sorted. `hosts` have name, address and connection, all from outputs, and a label.

    Values are data: the engine marks every one of them as unsafe, so that none is ever a template.
    """
    project = {
        f"project/{path.relative_to(playbooks).as_posix()}": path.read_bytes()
        for path in playbooks.rglob("*")
        if path.is_file() and not _LEFT_OUT & set(path.parts)
    }
    generated = {"inventory/hosts.json": _json(_inventory(hosts)), "vars.json": _json(variables)}
    return dict(sorted({**project, **generated}.items()))


def _inventory(hosts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for host in hosts:
        connection = dict(host["connection"])
        group = str(connection.pop("plugin", "ssh"))
        variables = {"ansible_host": host["address"], "host_label": host["label"]}
        if "host_root" in connection:
            variables["ansible_sandbox_root"] = connection["host_root"]
        groups.setdefault(group, {"hosts": {}})["hosts"][host["name"]] = variables
    return groups


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()
