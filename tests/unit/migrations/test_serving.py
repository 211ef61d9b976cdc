"""The serving side follows from the reports of both sides, and from nothing else."""

import pytest

from orchestrator.migrations.kinds import Side
from orchestrator.migrations.movers import Sides, SideState
from orchestrator.migrations.serving import judge

ADDRESSES: dict[Side, str] = {Side.SOURCE: "10.0.0.1", Side.TARGET: "198.18.0.1"}
TO_TARGET = (("c1", "fence", "target", 1),)
OPENED = (*TO_TARGET, ("c1", "open", "target", 2))
BACK = (*OPENED, ("c2", "fence", "source", 3))


def side(accepts: bool | None, fences: tuple[tuple[str, str, str, int], ...] = ()) -> SideState:
    return SideState(reachable=accepts is not None, prepared=True, accepts_writes=accepts, fences=fences)


@pytest.mark.parametrize(
    ("source", "target", "verdict"),
    [
        (True, False, "source"),
        (False, True, "target"),
        (True, True, "both"),
        (False, False, "neither"),
        (True, None, "source"),
        (None, True, "target"),
        (None, False, "unknown"),
        (False, None, "unknown"),
        (None, None, "unknown"),
    ],
)
def test_the_side_that_accepts_writes_serves(source: bool | None, target: bool | None, verdict: str) -> None:
    assert judge(Sides(side(source), side(target), None), ADDRESSES).verdict == verdict


@pytest.mark.parametrize(
    ("source", "target", "reopen"),
    [
        ((), (), "source"),
        (TO_TARGET, (), "source"),
        (TO_TARGET, TO_TARGET, "source"),
        (OPENED, OPENED, "target"),
        (OPENED, BACK, "target"),
        (BACK, BACK, "target"),
    ],
)
def test_when_nobody_serves_the_side_that_was_fenced_last_may_be_opened_again(
    source: tuple[tuple[str, str, str, int], ...],
    target: tuple[tuple[str, str, str, int], ...],
    reopen: Side,
) -> None:
    serving = judge(Sides(side(False, source), side(False, target), None), ADDRESSES)
    assert (serving.verdict, serving.reopen) == ("neither", reopen)


def test_a_name_that_leads_elsewhere_is_seen() -> None:
    sides = Sides(side(False), side(True), ADDRESSES[Side.SOURCE])
    assert judge(sides, ADDRESSES).name_follows is False
    assert judge(Sides(side(False), side(True), ADDRESSES[Side.TARGET]), ADDRESSES).name_follows is True
