"""Changes of a saved plan, whether it may be submitted, and the tuple that an approval binds; pure.

An approval binds a tuple (architecture §5): the page shows `tuple_digest`, the approve call carries it, and
the apply recomputes and compares every member.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator.core.object_kinds import ObjectKind
from orchestrator.core.plan_kinds import PlanKind

SIZED = frozenset({ObjectKind.INSTANCE, ObjectKind.VOLUME})
"""Kinds whose objects are requested one by one in a quoted size; other kinds belong to these."""

TAINTED = "replace_because_tainted"
"""Terraform's `action_reason` for replacing an object whose create failed after it existed."""


class PlannedAction(StrEnum):
    """The action of a plan on one object, as Terraform names it; `replace` deletes and creates the object."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE = "replace"
    NO_OP = "no-op"
    READ = "read"


@dataclass(frozen=True)
class PlanMembers:
    """The members of the approved tuple; a baseline plan has no plan file and no state."""

    plan_id: str
    kind: str
    workspace: str
    bundle_digest: str
    lock_file_digest: str
    engine_version: str
    plan_file_sha256: str
    changes_digest: str
    state_lineage: str
    state_serial: int
    catalogue: str
    monthly_fen: int
    hold: str
    expires_at: str

    def digest(self) -> str:
        """Return the SHA-256 over the canonical form of every member."""
        return hashlib.sha256(_canonical(asdict(self)).encode()).hexdigest()

    def differences(self, other: "PlanMembers") -> list[str]:
        """Return the names of the members in which two tuples differ."""
        mine, theirs = asdict(self), asdict(other)
        return [name for name in mine if mine[name] != theirs[name]]


@dataclass(frozen=True)
class CloudContract:
    """Resource types of a cloud's folder: type -> kind, with the attributes that decide cost and place."""

    kinds: Mapping[str, str]
    decisive: Mapping[str, Sequence[str]]
    sizes_in: Mapping[str, str] = field(default_factory=dict)
    """Types that carry their sizes and tags as the members of one attribute -> the name of that attribute."""


@dataclass(frozen=True)
class PlannedObject:
    """One resource that the plan touches; `logical` is ``<kind>/<key>``.

    `never_worked`: Terraform discards an object that a failed create left behind and that was never
    delivered. `deposed`: it is such an object beside the current one of the same address.
    """

    address: str
    logical: str
    type: str
    kind: str
    action: PlannedAction
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    unknown: Mapping[str, Any] = field(default_factory=dict)
    never_worked: bool = False
    deposed: bool = False

    def changed_attributes(self) -> list[tuple[str, Any, Any]]:
        """Return the differences as (attribute, before, after), sorted; unknown values are None."""
        names = sorted({*self.before, *self.after})
        pairs = [(name, self.before.get(name), self.after.get(name)) for name in names]
        return [(name, old, new) for name, old, new in pairs if old != new]


def stored_objects(changes: Mapping[str, Any]) -> list[PlannedObject]:
    """Return the objects of a plan from the stored changes of its artifact."""
    return [
        PlannedObject(**{**document, "action": PlannedAction(document["action"])})
        for document in changes.get("objects", [])
    ]


@dataclass(frozen=True)
class PlanFinding:
    """A problem that keeps a plan from being submitted (`blocks`), or a note for the approver."""

    code: str
    address: str
    message: str
    message_zh: str
    blocks: bool = True


@dataclass(frozen=True)
class Expectation:
    """Limits from the request: its kind, its tags and the quoted sizes."""

    kind: str
    tags: Mapping[str, str]
    sizes: Mapping[str, Mapping[str, Any]]


def planned_objects(
    plan: Mapping[str, Any], contract: CloudContract, delivered: Mapping[str, str]
) -> list[PlannedObject]:
    """Return every managed resource of `terraform show -json`, ordered by address.

    `delivered` maps logical addresses of delivered resources to their cloud ids, "" for an unknown id.
    """
    changes = [change for change in plan.get("resource_changes", []) if change.get("mode") != "data"]
    ordered = sorted(changes, key=lambda change: change["address"])
    return [_planned(change, contract, delivered) for change in ordered]


def _planned(
    change: Mapping[str, Any], contract: CloudContract, delivered: Mapping[str, str]
) -> PlannedObject:
    kind = contract.kinds.get(change["type"], change["type"])
    inner = change["change"]
    logical = f"{kind}/{change.get('index', change['name'])}"
    return PlannedObject(
        address=change["address"],
        logical=logical,
        type=change["type"],
        kind=kind,
        action=_action(inner["actions"]),
        before=_spread(change["type"], inner.get("before") or {}, contract),
        after=_spread(change["type"], inner.get("after") or {}, contract),
        unknown=inner.get("after_unknown") or {},
        never_worked=_never_worked(change, delivered.get(logical)),
        deposed="deposed" in change,
    )


def _never_worked(change: Mapping[str, Any], delivered_id: str | None) -> bool:
    """Return whether the plan discards the remains of a failed create, and no delivered object."""
    if change.get("action_reason") != TAINTED and "deposed" not in change:
        return False
    left_id = (change["change"].get("before") or {}).get("id")
    return delivered_id is None or bool(delivered_id and left_id and left_id != delivered_id)


def _spread(kind: str, attributes: Mapping[str, Any], contract: CloudContract) -> Mapping[str, Any]:
    """Return the attributes, with sizes and tags moved up from the attribute in which the type has them."""
    inner = attributes.get(contract.sizes_in.get(kind, ""))
    return {**attributes, **inner} if isinstance(inner, Mapping) else attributes


def _action(actions: Sequence[str]) -> PlannedAction:
    return PlannedAction.REPLACE if len(actions) > 1 else PlannedAction(actions[0])


def changes_digest(plan: Mapping[str, Any]) -> str:
    """Return the SHA-256 over the plan's changes, without the time and the host of planning."""
    changes = [
        {"address": change["address"], "change": change["change"]}
        for change in sorted(plan.get("resource_changes", []), key=lambda change: change["address"])
    ]
    return hashlib.sha256(_canonical({"resources": changes}).encode()).hexdigest()


def judge(
    objects: Iterable[PlannedObject], contract: CloudContract, expected: Expectation
) -> list[PlanFinding]:
    """Check the plan against the request: known types, no destroy, quoted sizes and tags, nothing else."""
    findings: list[PlanFinding] = []
    touched = list(objects)
    for planned in touched:
        findings.extend(_type_findings(planned, contract))
        findings.extend(_destroy_findings(planned, expected))
        if planned.action in (PlannedAction.CREATE, PlannedAction.UPDATE, PlannedAction.REPLACE):
            findings.extend(_unknown_findings(planned, contract))
            findings.extend(_size_findings(planned, expected))
            findings.extend(_tag_findings(planned, expected))
    findings.extend(_missing_findings(touched, expected))
    return findings


def _type_findings(planned: PlannedObject, contract: CloudContract) -> list[PlanFinding]:
    if planned.type in contract.kinds:
        return []
    return [
        _finding(
            "unexpected-type", planned, f"{planned.type} is not a type of this cloud", "出现未登记的资源类型"
        )
    ]


def _destroy_findings(planned: PlannedObject, expected: Expectation) -> list[PlanFinding]:
    destroys = planned.action in (PlannedAction.DELETE, PlannedAction.REPLACE)
    if not destroys or expected.kind == PlanKind.RELEASE or planned.never_worked:
        return []
    if (
        expected.kind in (PlanKind.CHANGE, PlanKind.UNDO)
        and planned.logical not in expected.sizes
        and planned.action is PlannedAction.DELETE
    ):
        # A change that names fewer hosts destroys the others on purpose; the plan page says so.
        return []
    return [
        _finding("destroy", planned, "only a release may destroy this resource", "非释放类申请不得销毁该资源")
    ]


def _unknown_findings(planned: PlannedObject, contract: CloudContract) -> list[PlanFinding]:
    unknown = [name for name in contract.decisive.get(planned.type, ()) if planned.unknown.get(name)]
    text = f"{', '.join(unknown)} cannot be known before apply"
    return [_finding("unknown", planned, text, "关键属性在执行前未知")] if unknown else []


def _size_findings(planned: PlannedObject, expected: Expectation) -> list[PlanFinding]:
    quoted = expected.sizes.get(planned.logical)
    if quoted is None:
        unrequested = [
            _finding("unrequested", planned, "the request does not contain this resource", "申请中没有该资源")
        ]
        return unrequested if planned.kind in SIZED else []
    wrong = [name for name, value in quoted.items() if planned.after.get(name) != value]
    text = f"{', '.join(wrong)} differ from the quote"
    return [_finding("size", planned, text, "规格与报价不一致")] if wrong else []


def _tag_findings(planned: PlannedObject, expected: Expectation) -> list[PlanFinding]:
    tags = planned.after.get("tags")
    if tags is None or all(tags.get(name) == value for name, value in expected.tags.items()):
        return []
    return [_finding("tags", planned, "the tags are not those of the request", "标签与申请不一致")]


def _missing_findings(touched: Sequence[PlannedObject], expected: Expectation) -> list[PlanFinding]:
    if expected.kind == PlanKind.RELEASE:
        return []
    present = {planned.logical for planned in touched if planned.action is not PlannedAction.DELETE}
    missing = sorted(set(expected.sizes) - present)
    return [
        PlanFinding(
            "missing", address, f"{address} was requested but is not in the plan", "申请的资源未出现在计划中"
        )
        for address in missing
    ]


def _finding(code: str, planned: PlannedObject, text: str, text_zh: str) -> PlanFinding:
    return PlanFinding(
        code, planned.address, f"{planned.address}: {text}.", f"{planned.address}：{text_zh}。"
    )


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
