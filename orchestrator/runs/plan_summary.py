"""A plan in plain words, Chinese and English; pure. Only sizes and logical names appear in sentences."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.core.object_kinds import ObjectKind
from orchestrator.runs.saved_plan import CREATE, DELETE, REPLACE, UPDATE, PlannedObject

_KINDS: Mapping[str, tuple[str, str]] = {
    ObjectKind.INSTANCE: ("host", "云主机"),
    ObjectKind.VOLUME: ("disk", "云硬盘"),
    ObjectKind.NETWORK: ("network", "网络"),
    ObjectKind.SECURITY_GROUP: ("security group", "安全组"),
    ObjectKind.PORT: ("network port", "网络端口"),
}
_SHOWN = frozenset({"arch", "image", "memory_gb", "pool", "power", "size_gb", "tier", "vcpu"})
"""Attributes whose values stand in a sentence; of any other, such as a label, only the name does."""
_ACTS = {
    CREATE: ("Creates", "新建"),
    UPDATE: ("Changes", "变更"),
    DELETE: ("Destroys", "销毁"),
    REPLACE: ("Destroys and creates again", "销毁并重建"),
}
_NEVER_WORKED = ("it was created but never worked", "该资源已创建，但从未正常工作")


@dataclass(frozen=True)
class Sentence:
    """One statement in both languages; `action` colours it."""

    action: str
    en: str
    zh: str


def counts(objects: Iterable[PlannedObject]) -> dict[str, int]:
    """How many resources the plan creates, updates, deletes and replaces."""
    totals = dict.fromkeys(_ACTS, 0)
    for item in objects:
        if item.action in totals:
            totals[item.action] += 1
    return totals


def sentences(objects: Iterable[PlannedObject]) -> list[Sentence]:
    """One sentence for every resource that the plan touches; hosts and disks first."""
    order = list(_KINDS)
    touched = [item for item in objects if item.action in _ACTS]
    touched.sort(
        key=lambda item: (order.index(item.kind) if item.kind in order else len(order), item.logical)
    )
    return [_sentence(item) for item in touched]


def _sentence(item: PlannedObject) -> Sentence:
    act_en, act_zh = _ACTS[item.action]
    kind_en, kind_zh = _KINDS.get(item.kind, (item.kind, item.kind))
    name = item.logical.split("/", 1)[1]
    size = _size(item)
    changed = _changed(item) if item.action in (UPDATE, REPLACE) else ""
    left_en, left_zh = _NEVER_WORKED if item.never_worked else ("", "")
    why_en = "; ".join(filter(None, (left_en, changed)))
    why_zh = "；".join(filter(None, (left_zh, changed)))
    return Sentence(
        action=item.action,
        en=f"{act_en} {kind_en} {name}{f' ({size})' if size else ''}{f': {why_en}' if why_en else ''}.",
        zh=f"{act_zh}{kind_zh} {name}{f'（{size}）' if size else ''}{f'：{why_zh}' if why_zh else ''}。",
    )


def _size(item: PlannedObject) -> str:
    facts: Mapping[str, Any] = item.after or item.before
    if item.kind == ObjectKind.INSTANCE:
        return f"{facts.get('vcpu')} vCPU, {facts.get('memory_gb')} GB"
    if item.kind == ObjectKind.VOLUME:
        return f"{facts.get('size_gb')} GB {facts.get('tier')}"
    return ""


def _changed(item: PlannedObject) -> str:
    shown = [
        f"{name} {old} → {new}" if name in _SHOWN else name
        for name, old, new in item.changed_attributes()
        if not item.unknown.get(name)
    ]
    return ", ".join(shown)
