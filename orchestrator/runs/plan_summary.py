"""Describe a plan in Chinese and English sentences, with sizes and logical names only; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.core.object_kinds import ObjectKind
from orchestrator.runs.saved_plan import PlannedAction, PlannedObject

_KINDS: Mapping[str, tuple[str, str]] = {
    ObjectKind.INSTANCE: ("host", "云主机"),
    ObjectKind.VOLUME: ("disk", "云硬盘"),
    ObjectKind.NETWORK: ("network", "网络"),
    ObjectKind.SECURITY_GROUP: ("security group", "安全组"),
    ObjectKind.PORT: ("network port", "网络端口"),
}
_SHOWN = frozenset({"arch", "image", "memory_gb", "pool", "power", "size_gb", "tier", "vcpu"})
"""Attributes whose values appear in a sentence; of any other, such as a label, only the name appears."""
_ACTS = {
    PlannedAction.CREATE: ("Creates", "新建"),
    PlannedAction.UPDATE: ("Changes", "变更"),
    PlannedAction.DELETE: ("Destroys", "销毁"),
    PlannedAction.REPLACE: ("Destroys and creates again", "销毁并重建"),
}
_NEVER_WORKED = ("it was created but never worked", "该资源已创建，但从未正常工作")


@dataclass(frozen=True)
class Sentence:
    """One sentence in both languages; `action` selects its colour."""

    action: str
    en: str
    zh: str


def counts(objects: Iterable[PlannedObject]) -> dict[str, int]:
    """Return the number of resources that the plan creates, updates, deletes and replaces."""
    totals: dict[str, int] = dict.fromkeys(_ACTS, 0)
    for planned in objects:
        if planned.action in totals:
            totals[planned.action] += 1
    return totals


def sentences(objects: Iterable[PlannedObject]) -> list[Sentence]:
    """Return one sentence for each resource that the plan touches; hosts and disks first."""
    order = list(_KINDS)
    touched = [planned for planned in objects if planned.action in _ACTS]
    touched.sort(
        key=lambda planned: (
            order.index(planned.kind) if planned.kind in order else len(order),
            planned.logical,
        )
    )
    return [_sentence(planned) for planned in touched]


def _sentence(planned: PlannedObject) -> Sentence:
    act_en, act_zh = _ACTS[planned.action]
    kind_en, kind_zh = _KINDS.get(planned.kind, (planned.kind, planned.kind))
    name = planned.logical.split("/", 1)[1]
    size = _size(planned)
    changed = _changed(planned) if planned.action in (PlannedAction.UPDATE, PlannedAction.REPLACE) else ""
    left_en, left_zh = _NEVER_WORKED if planned.never_worked else ("", "")
    why_en = "; ".join(filter(None, (left_en, changed)))
    why_zh = "；".join(filter(None, (left_zh, changed)))
    return Sentence(
        action=planned.action,
        en=f"{act_en} {kind_en} {name}{f' ({size})' if size else ''}{f': {why_en}' if why_en else ''}.",
        zh=f"{act_zh}{kind_zh} {name}{f'（{size}）' if size else ''}{f'：{why_zh}' if why_zh else ''}。",
    )


def _size(planned: PlannedObject) -> str:
    facts: Mapping[str, Any] = planned.after or planned.before
    if planned.kind == ObjectKind.INSTANCE:
        return f"{facts.get('vcpu')} vCPU, {facts.get('memory_gb')} GB"
    if planned.kind == ObjectKind.VOLUME:
        return f"{facts.get('size_gb')} GB {facts.get('tier')}"
    return ""


def _changed(planned: PlannedObject) -> str:
    shown = [
        f"{name} {old} → {new}" if name in _SHOWN else name
        for name, old, new in planned.changed_attributes()
        if not planned.unknown.get(name)
    ]
    return ", ".join(shown)
