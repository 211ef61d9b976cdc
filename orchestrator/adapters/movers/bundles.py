"""The bundle of a transfer: playbooks, inventory and variables, and its steps as an approver sees them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from orchestrator.adapters.playbook_bundles import play_files, playbook_bundle
from orchestrator.migrations.kinds import Purpose, Side
from orchestrator.migrations.movers import Step
from orchestrator.migrations.transfer import MigrationHost, Transfer

_READING: Final = ("read_transfer.yml", "check_transfer.yml")
_SWITCHING: Final = (
    *("cut_over.yml", "prove_cutover.yml", "follow_cutover.yml"),
    *("roll_back.yml", "prove_rollback.yml", "follow_rollback.yml"),
    *("reopen_source.yml", "reopen_target.yml", "reopen_source_alone.yml"),
)
PLAYBOOKS: Final[Mapping[Purpose, tuple[str, ...]]] = {
    Purpose.CHECK: _READING,
    Purpose.PREPARE: (*_READING, "prepare_transfer.yml"),
    Purpose.CUTOVER: (*_READING, *_SWITCHING),
    Purpose.ROLLBACK: (
        *_READING,
        *(name for name in _SWITCHING if name not in {"cut_over.yml", "prove_cutover.yml"}),
    ),
    Purpose.CLEAN_UP: (*_READING, "clean_up_transfer.yml", "clean_up_copies.yml"),
}
"""The playbooks that a bundle may play, by its approved purpose."""

_BOTH: Final = tuple(Side)
_STEPS: Final[Mapping[Purpose, tuple[tuple[str, tuple[str, ...], str, str], ...]]] = {
    Purpose.CHECK: (("check_transfer.yml", (*_BOTH, "names"), "Check both sides", "检查前提条件"),),
    Purpose.PREPARE: (
        (
            "prepare_transfer.yml",
            ("names",),
            "Allow each side to point the name to itself",
            "登记域名指向令牌",
        ),
        (
            "prepare_transfer.yml",
            (Side.SOURCE,),
            "Publish the database, serve the folders",
            "发布数据库，提供文件夹",
        ),
        (
            "prepare_transfer.yml",
            (Side.TARGET,),
            "Create tables and roles without write access; start the copies",
            "建表建角色（禁止写入），开始复制",
        ),
        (
            "prepare_transfer.yml",
            (Side.SOURCE,),
            "Prepare the rollback path, idle",
            "准备回退通道（暂不传输）",
        ),
    ),
    Purpose.CUTOVER: (
        (
            "cut_over.yml",
            (Side.TARGET,),
            "Fence the source, transfer the last changes, open the target, point the name to it",
            "源端停写，传输最后变更，目标端恢复写入，域名指向目标端",
        ),
        ("prove_cutover.yml", _BOTH, "Read both sides as they were at the fence", "读取停写时两端内容"),
        ("follow_cutover.yml", _BOTH, "Replicate from the target to the source", "由目标端向源端反向复制"),
        (
            "roll_back.yml",
            (Side.SOURCE,),
            "Only if a check fails or the cutover takes too long: roll back",
            "仅在检查失败或超时时：自动回退",
        ),
    ),
    Purpose.ROLLBACK: (
        ("follow_cutover.yml", _BOTH, "Let the source catch up with the target", "源端追上目标端"),
        (
            "roll_back.yml",
            (Side.SOURCE,),
            "Fence the target, transfer its last writes, open the source, point the name to it",
            "目标端停写，带回其已接受的写入，源端恢复写入，域名指向源端",
        ),
        ("prove_rollback.yml", _BOTH, "Read both sides as they were at the fence", "读取停写时两端内容"),
        ("follow_rollback.yml", _BOTH, "Replicate from the source to the target", "由源端向目标端复制"),
    ),
    Purpose.CLEAN_UP: (
        (
            "clean_up_transfer.yml",
            (*_BOTH, "names"),
            "Remove the mover's slots, publications, roles, services and files",
            "清除复制槽、发布、角色、服务与文件",
        ),
    ),
}


def steps(transfer: Transfer, purpose: Purpose) -> tuple[Step, ...]:
    """Return the steps that an approver sees; hosts by their names in the inventory."""
    names = {part: host.name for part, host in transfer.hosts().items()}
    return tuple(
        Step(playbook, tuple(names[part] for part in parts if part in names), en, zh)
        for playbook, parts, en, zh in _STEPS[purpose]
        if any(part in names for part in parts)
    )


def transfer_bundle(playbooks: Path, transfer: Transfer, purpose: Purpose) -> dict[str, bytes]:
    """Return the files by name, sorted: byte-identical for identical input, without any secret."""
    project = play_files(PLAYBOOKS[purpose], playbooks)
    files = playbook_bundle(project, [], {"purpose": purpose.value, "transfer": transfer.variables()})
    files["inventory/hosts.json"] = _json(_inventory(transfer.hosts()))
    return files


def _inventory(hosts: Mapping[str, MigrationHost]) -> dict[str, Any]:
    """Return an inventory with groups by connection plugin, and by role in the transfer."""
    groups: dict[str, Any] = {}
    for part, host in hosts.items():
        connection = dict(host.connection)
        variables: dict[str, Any] = {"ansible_host": host.address, "side": part}
        if "host_root" in connection:
            variables["ansible_sandbox_root"] = connection["host_root"]
        groups.setdefault(str(connection.get("plugin", "ssh")), {"hosts": {}})["hosts"][host.name] = variables
        groups.setdefault(part, {"hosts": {}})["hosts"][host.name] = {}
    return groups


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()
