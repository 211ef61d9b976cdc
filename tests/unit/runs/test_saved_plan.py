"""Permitted changes of a plan by request, and the members that its approval binds."""

from dataclasses import fields
from typing import Any

import pytest

from orchestrator.runs import plan_summary, state_files
from orchestrator.runs.saved_plan import (
    CloudContract,
    Expectation,
    PlanMembers,
    changes_digest,
    judge,
    planned_objects,
)
from orchestrator.runs.state_files import StateHeader

TAGS = {"request": "GC-2019-0001", "department": "SLJ", "system": "SYS-019"}
CONTRACT = CloudContract(
    kinds={"sandbox_instance": "instance", "sandbox_volume": "volume", "sandbox_port": "port"},
    decisive={"sandbox_instance": ["vcpu", "pool"]},
)
SIZES: dict[str, dict[str, Any]] = {"instance/web": {"vcpu": 4, "pool": "EXT-X86"}}
SPEC: dict[str, Any] = {"vcpu": 4, "pool": "EXT-X86", "tags": TAGS}


def change(actions: list[str], **changed: Any) -> dict[str, Any]:
    """One resource change of `terraform show -json`."""
    inner: dict[str, Any] = {"actions": actions, "before": SPEC, "after": SPEC, "after_unknown": {}}
    outer: dict[str, Any] = {
        "mode": "managed",
        "type": "sandbox_instance",
        "name": "instance",
        "index": "web",
    }
    inner |= {key: value for key, value in changed.items() if key in inner}
    outer |= {key: value for key, value in changed.items() if key not in inner}
    return outer | {"address": f"{outer['type']}.{outer['name']}", "change": inner}


def codes(
    kind: str,
    *changes: dict[str, Any],
    sizes: dict[str, dict[str, Any]] | None = None,
    delivered: dict[str, str] | None = None,
) -> list[str]:
    objects = planned_objects({"resource_changes": list(changes)}, CONTRACT, delivered or {})
    expected = Expectation(kind, TAGS, SIZES if sizes is None else sizes)
    return [finding.code for finding in judge(objects, CONTRACT, expected)]


CREATE, UPDATE, DELETE, NOTHING = ["create"], ["update"], ["delete"], ["no-op"]
REPLACE = ["delete", "create"]


@pytest.mark.parametrize(
    ("kind", "changes", "found"),
    [
        ("provision", [change(CREATE)], []),
        ("change", [change(UPDATE)], []),
        ("change", [change(NOTHING)], []),
        ("provision", [change(DELETE)], ["destroy", "missing"]),
        ("provision", [change(REPLACE)], ["destroy"]),
        ("change", [change(REPLACE)], ["destroy"]),
        ("change", [change(CREATE), change(DELETE, index="old")], []),
        ("change", [change(CREATE), change(REPLACE, index="old")], ["destroy", "unrequested"]),
        ("provision", [change(CREATE), change(DELETE, index="old")], ["destroy"]),
        ("provision", [change(CREATE, after=SPEC | {"vcpu": 8})], ["size"]),
        ("provision", [change(CREATE, after=SPEC | {"tags": {}})], ["tags"]),
        ("provision", [change(CREATE, after=SPEC | {"tags": TAGS | {"system": "SYS-001"}})], ["tags"]),
        ("provision", [change(CREATE, after_unknown={"vcpu": True})], ["unknown"]),
        ("provision", [change(CREATE, after_unknown={"id": True})], []),
        ("provision", [change(CREATE), change(CREATE, type="aws_instance")], ["unexpected-type"]),
        ("provision", [], ["missing"]),
        ("provision", [change(CREATE, index="db")], ["missing", "unrequested"]),
        ("provision", [change(CREATE), change(CREATE, index="db")], ["unrequested"]),
        ("provision", [change(CREATE), change(CREATE, type="sandbox_volume")], ["unrequested"]),
        ("provision", [change(CREATE), change(CREATE, type="sandbox_port")], []),
        ("change", [change(NOTHING), change(UPDATE, index="db")], ["unrequested"]),
        ("release", [change(DELETE), change(CREATE, index="db")], ["unrequested"]),
    ],
)
def test_a_plan_is_held_against_its_request(kind: str, changes: list[Any], found: list[str]) -> None:
    assert sorted(codes(kind, *changes)) == sorted(found)


def left(actions: list[str], **fields: Any) -> dict[str, Any]:
    """A change that discards the object i-2, which a failed create left behind."""
    return change(actions, before=SPEC | {"id": "i-2"}) | fields


TAINTED = {"action_reason": "replace_because_tainted"}
DEPOSED = {"deposed": "d40b1e7c"}


@pytest.mark.parametrize(
    ("changes", "delivered", "found"),
    [
        ([left(REPLACE, **TAINTED)], {}, []),
        ([left(REPLACE[::-1], **TAINTED)], {}, []),
        ([left(REPLACE, **TAINTED)], {"instance/web": "i-1"}, []),
        ([left(REPLACE, **TAINTED)], {"instance/web": "i-2"}, ["destroy"]),
        ([left(REPLACE, **TAINTED)], {"instance/web": ""}, ["destroy"]),
        ([change(REPLACE) | TAINTED], {"instance/web": "i-2"}, ["destroy"]),
        ([left(REPLACE, action_reason="replace_because_cannot_update")], {}, ["destroy"]),
        ([change(NOTHING), left(DELETE, **DEPOSED)], {}, []),
        ([change(NOTHING), left(DELETE, **DEPOSED)], {"instance/web": "i-1"}, []),
        ([change(NOTHING), left(DELETE, **DEPOSED)], {"instance/web": "i-2"}, ["destroy"]),
    ],
)
@pytest.mark.parametrize("kind", ["provision", "change", "undo"])
def test_only_what_never_worked_is_replaced(
    kind: str, changes: list[Any], delivered: dict[str, str], found: list[str]
) -> None:
    assert codes(kind, *changes, delivered=delivered) == found


def test_a_replacement_of_what_never_worked_is_held_against_the_request_as_well() -> None:
    resized = left(REPLACE, **TAINTED)
    resized["change"]["after"] = SPEC | {"vcpu": 8, "tags": {}}
    assert codes("provision", resized) == ["size", "tags"]


@pytest.mark.parametrize(
    ("delivered", "english", "chinese"),
    [
        ({}, "it was created but never worked", "该资源已创建，但从未正常工作"),
        ({"instance/web": "i-2"}, "", ""),
    ],
)
def test_the_plan_says_that_it_replaces_what_never_worked(
    delivered: dict[str, str], english: str, chinese: str
) -> None:
    replaced = left(REPLACE, **TAINTED)
    replaced["change"]["after_unknown"] = {"id": True}
    objects = planned_objects({"resource_changes": [replaced]}, CONTRACT, delivered)
    (sentence,) = plan_summary.sentences(objects)
    why, why_zh = (f": {english}", f"：{chinese}") if english else ("", "")
    assert sentence.en == f"Destroys and creates again host web (4 vCPU, None GB){why}."
    assert sentence.zh == f"销毁并重建云主机 web（4 vCPU, None GB）{why_zh}。"


def test_an_undo_destroys_what_it_does_not_name_and_creates_nothing_unrequested() -> None:
    assert codes("undo", change(DELETE), sizes={}) == []
    assert codes("undo", change(NOTHING), change(DELETE, index="db")) == []
    assert codes("undo", change(DELETE)) == ["destroy", "missing"]
    assert codes("undo", change(CREATE), sizes={}) == ["unrequested"]


def test_a_state_names_what_is_tainted_and_leaves_out_what_is_deposed() -> None:
    instances = [
        {"index_key": "web", "attributes": {"id": "i-2"}, "status": "tainted"},
        {"index_key": "web", "attributes": {"id": "i-1"}, "deposed": "d40b1e7c"},
        {"index_key": "db", "attributes": {"id": "i-3"}},
    ]
    resource = {"mode": "managed", "type": "sandbox_instance", "name": "instance", "instances": instances}
    state = {"resources": [resource]}
    ids = {a: v["id"] for a, v in state_files.managed_objects(state, CONTRACT.kinds).items()}
    assert ids == {"instance/web": "i-2", "instance/db": "i-3"}
    assert state_files.tainted_addresses(state, CONTRACT.kinds) == {"instance/web"}


def test_a_release_destroys_everything_and_nothing_is_missing() -> None:
    assert codes("release", change(DELETE), change(DELETE, index="db")) == []


VALUES: dict[str, Any] = {
    field.name: 1 if field.type in (int, "int") else field.name for field in fields(PlanMembers)
}
MEMBERS = PlanMembers(**VALUES)


@pytest.mark.invariant(18)
@pytest.mark.parametrize("name", [field.name for field in fields(PlanMembers)])
def test_an_approval_binds_every_member(name: str) -> None:
    other = PlanMembers(**VALUES | {name: 2 if isinstance(VALUES[name], int) else "other"})
    assert other.digest() != MEMBERS.digest()
    assert MEMBERS.differences(other) == [name]


def test_the_digest_of_the_changes_depends_on_the_changes_alone() -> None:
    plan = {"resource_changes": [change(CREATE), change(CREATE, index="db", name="b")]}
    again = {"resource_changes": plan["resource_changes"][::-1], "timestamp": "2019-06-19T09:00:00Z"}
    other = {"resource_changes": [change(CREATE, after=SPEC | {"vcpu": 5}), plan["resource_changes"][1]]}
    assert changes_digest(plan) == changes_digest(again) != changes_digest(other)


@pytest.mark.parametrize(
    ("new", "current", "accepted"),
    [
        (StateHeader("a", 1), None, True),
        (StateHeader("a", 2), StateHeader("a", 1), True),
        (StateHeader("a", 1), StateHeader("a", 2), False),
        (StateHeader("b", 9), StateHeader("a", 1), False),
    ],
)
def test_a_state_follows_its_own_lineage_forward_only(
    new: StateHeader, current: StateHeader | None, accepted: bool
) -> None:
    assert (state_files.refusal(new, current) is None) is accepted


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b'{"lineage": "a"}', b'{"serial": "x"}', b"\xff"]
)
def test_what_is_no_state_has_no_header(body: bytes) -> None:
    assert state_files.header(body) is None
