"""Invariant 38 for every state machine: each pair of states moves with one audit event, or not at all."""

import importlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmodel import Session

import orchestrator
from orchestrator.core import transitions
from orchestrator.core.errors import IllegalTransition
from orchestrator.core.lifecycle import Lifecycle
from orchestrator.core.transitions import Transition
from orchestrator.resource_requests.lifecycle import HOLDING, RequestStatus

NOON = datetime(2019, 6, 19, 4, tzinfo=UTC)
FINAL = {
    "resource request": {"refused", "rejected", "cancelled", "expired", "fulfilled", "trial_ended"},
    "resource": {"released"},
    "execution plan": {
        "rejected",
        "withdrawn",
        "stale",
        "expired",
        "superseded",
        "applied",
        "abandoned",
    },
    "run": {"succeeded", "failed", "cancelled"},
    "content revision": {"loaded", "rejected", "superseded"},
}
"""The states that the domain prints in bold."""
ENDLESS = {"person"}
"""People are never deleted: a deactivated account can be restored."""


def lifecycles() -> Iterator[Lifecycle[Any]]:
    """Every state machine of every domain package."""
    for file in sorted(Path(orchestrator.__path__[0]).glob("*/lifecycle.py")):
        module = importlib.import_module(f"orchestrator.{file.parent.name}.lifecycle")
        yield from (value for value in vars(module).values() if isinstance(value, Lifecycle))


ALL = {lifecycle.noun: lifecycle for lifecycle in lifecycles()}


def statuses(lifecycle: Lifecycle[Any]) -> list[Any]:
    """Every member of the enumeration behind a state machine."""
    kind: type[StrEnum] = type(next(iter(lifecycle.transitions)))
    return list(kind)


PAIRS = [
    pytest.param(lifecycle, before, after, id=f"{noun}: {before}-{after}")
    for noun, lifecycle in ALL.items()
    for before in statuses(lifecycle)
    for after in statuses(lifecycle)
]


@pytest.mark.invariant(38)
@pytest.mark.parametrize(("lifecycle", "before", "after"), PAIRS)
def test_a_transition_of_the_table_writes_one_event_and_any_other_changes_nothing(
    lifecycle: Lifecycle[Any], before: Any, after: Any
) -> None:
    row = SimpleNamespace(id="7", status=before, status_at=None, version=1)
    with Session() as session:
        session.info["product_clock_now"] = NOON
        if after in lifecycle.transitions.get(before, ()):
            transitions.transition(
                session, lifecycle, row, Transition(after, actor="person:1", organisation="SLJ")
            )
            (event,) = session.info["audit_pending"]
            assert json.loads(event)["data"] == {"from": str(before), "to": str(after)}
            assert (row.status, row.status_at, row.version) == (after, NOON, 2)
        else:
            with pytest.raises(IllegalTransition):
                transitions.transition(session, lifecycle, row, Transition(after, actor="person:1"))
            assert "audit_pending" not in session.info
            assert (row.status, row.version) == (before, 1)


@pytest.mark.invariant(38)
@pytest.mark.parametrize("noun", sorted(FINAL))
def test_exactly_the_states_that_the_domain_calls_final_have_no_way_out(noun: str) -> None:
    lifecycle = ALL[noun]
    assert {str(status) for status in statuses(lifecycle) if lifecycle.is_final(status)} == FINAL[noun]


@pytest.mark.parametrize("noun", sorted(ALL))
def test_every_state_can_be_reached_and_every_story_can_end(noun: str) -> None:
    lifecycle = ALL[noun]
    first = statuses(lifecycle)[0]
    reached, fresh = {first}, {first}
    while fresh:
        fresh = {after for status in fresh for after in lifecycle.transitions.get(status, ())} - reached
        reached |= fresh
    assert reached == set(statuses(lifecycle))
    ends = {status for status in reached if lifecycle.is_final(status)}
    for _ in reached:
        ends |= {status for status in reached if lifecycle.transitions.get(status, frozenset()) & ends}
    assert ends == (set() if noun in ENDLESS else reached)


def test_a_request_that_ended_holds_nothing() -> None:
    lifecycle = ALL["resource request"]
    ended = {RequestStatus.REFUSED, RequestStatus.REJECTED, RequestStatus.CANCELLED, RequestStatus.EXPIRED}
    assert not HOLDING & ended
    assert all(not lifecycle.is_final(status) for status in HOLDING)
    assert all(lifecycle.is_final(status) for status in ended)
