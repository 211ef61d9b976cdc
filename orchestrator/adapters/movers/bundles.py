"""The bundle of a move: our playbooks, an inventory by what each host is for, the move as variables."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from orchestrator.adapters.playbook_bundles import play_files, playbook_bundle
from orchestrator.migrations.move import Move, MoveHost
from orchestrator.migrations.movers import Act, Step

_READING: Final = ("read_move.yml", "check_move.yml")
_CUTTING: Final = (
    *("cut_move.yml", "prove_cut.yml", "follow_cut.yml"),
    *("return_move.yml", "prove_return.yml", "follow_return.yml"),
    *("reopen_source.yml", "reopen_target.yml", "reopen_source_alone.yml"),
)
PLAYBOOKS: Final[Mapping[Act, tuple[str, ...]]] = {
    "check": _READING,
    "arm": (*_READING, "arm_move.yml"),
    "cut": (*_READING, *_CUTTING),
    "return": (*_READING, *(name for name in _CUTTING if name not in {"cut_move.yml", "prove_cut.yml"})),
    "disarm": (*_READING, "disarm_move.yml", "abandon_move.yml"),
}
"""Which playbooks a bundle may be used for, by what it was approved for."""

_BOTH: Final = ("source", "target")
_STEPS: Final[Mapping[Act, tuple[tuple[str, tuple[str, ...], str, str], ...]]] = {
    "check": (("check_move.yml", (*_BOTH, "names"), "Look for what stands in the way", "检查前提条件"),),
    "arm": (
        ("arm_move.yml", ("names",), "Let each side switch the name its way", "登记名称切换令牌"),
        ("arm_move.yml", ("source",), "Publish the database, offer the folders", "发布数据库，提供文件夹"),
        (
            "arm_move.yml",
            ("target",),
            "Make tables and roles, closed to writers; start the copies",
            "建表建角色（禁止写入），开始复制",
        ),
        ("arm_move.yml", ("source",), "Prepare the way back, silent", "准备静默的回退通道"),
    ),
    "cut": (
        (
            "cut_move.yml",
            ("target",),
            "Fence the source, bring the last changes, open the target, switch the name",
            "隔离源端，传输最后变更，开放目标端，切换名称",
        ),
        ("prove_cut.yml", _BOTH, "Read both sides as they were at the fence", "读取隔离时刻两端内容"),
        ("follow_cut.yml", _BOTH, "Let the source follow the target", "源端跟随目标端"),
        (
            "return_move.yml",
            ("source",),
            "Only when a check fails or the cut takes too long: return",
            "仅在检查失败或超时时：自动回退",
        ),
    ),
    "return": (
        ("follow_cut.yml", _BOTH, "Let the source catch up with the target", "源端追上目标端"),
        (
            "return_move.yml",
            ("source",),
            "Fence the target, bring what it accepted, open the source, switch the name",
            "隔离目标端，带回其已接受的写入，开放源端，切换名称",
        ),
        ("prove_return.yml", _BOTH, "Read both sides as they were at the fence", "读取隔离时刻两端内容"),
        ("follow_return.yml", _BOTH, "Let the target follow the source", "目标端跟随源端"),
    ),
    "disarm": (
        (
            "disarm_move.yml",
            (*_BOTH, "names"),
            "Take away slots, publications, roles, services and files of the mover",
            "清除复制槽、发布、角色、服务与文件",
        ),
    ),
}


def steps(move: Move, act: Act) -> tuple[Step, ...]:
    """What whoever approves is shown; hosts by their names in the inventory."""
    names = {part: host.name for part, host in move.hosts().items()}
    return tuple(
        Step(playbook, tuple(names[part] for part in parts if part in names), en, zh)
        for playbook, parts, en, zh in _STEPS[act]
        if any(part in names for part in parts)
    )


def move_bundle(playbooks: Path, move: Move, act: Act) -> dict[str, bytes]:
    """Files by name, sorted; byte-identical for identical input, and without any secret."""
    project = play_files(PLAYBOOKS[act], playbooks)
    files = playbook_bundle(project, [], {"act": act, "move": move.variables()})
    files["inventory/hosts.json"] = _json(_inventory(move.hosts()))
    return files


def _inventory(hosts: Mapping[str, MoveHost]) -> dict[str, Any]:
    """One group for the way to reach a host, one for what it is for."""
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
