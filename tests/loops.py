"""Loops of tests that must not be empty."""

from collections.abc import Iterable
from typing import TypeVar

Thing = TypeVar("Thing")


def at_least_one(things: Iterable[Thing]) -> list[Thing]:
    """Return the things as a list, and fail where there are none: a loop over them would assert nothing."""
    listed = list(things)
    assert listed, "There is nothing to loop over, so nothing would be asserted."
    return listed
