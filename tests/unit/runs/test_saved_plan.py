"""What a plan may do for which request, and what its approval binds."""

from dataclasses import fields
from typing import Any

import pytest

from orchestrator.runs import state_files
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


def codes(kind: str, *changes: dict[str, Any], sizes: dict[str, dict[str, Any]] | None = None) -> list[str]:
    objects = planned_objects({"resource_changes": list(changes)}, CONTRACT)
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
