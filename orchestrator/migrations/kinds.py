"""Sides, purposes of bundles, directions, and outcomes of a cutover or rollback."""

from enum import StrEnum


class Side(StrEnum):
    """A side of a migration: the legacy host, or the host that a request has provisioned."""

    SOURCE = "source"
    TARGET = "target"

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.TARGET if self is Side.SOURCE else Side.SOURCE


class SideBilling(StrEnum):
    """How a side is billed."""

    NOT_BILLED = "not_billed"
    TRIAL = "trial"
    ACTIVE = "active"


class Purpose(StrEnum):
    """The approved use of a bundle: the kind of its plan, or reading both sides before there is one.

    A bundle for a cutover may also prove, follow, roll back and reopen; any bundle may read.
    """

    CHECK = "check"
    PREPARE = "prepare"
    CUTOVER = "cutover"
    ROLLBACK = "rollback"
    CLEAN_UP = "clean_up"


class Direction(StrEnum):
    """Of a switch: a cutover leads to the target, a rollback to the source."""

    CUTOVER = "cutover"
    ROLLBACK = "rollback"

    @property
    def to(self) -> Side:
        """The side that takes over."""
        return Side.TARGET if self is Direction.CUTOVER else Side.SOURCE


class SwitchOutcome(StrEnum):
    """How a cutover or rollback ended."""

    UNDER_WAY = "under_way"
    SWITCHED = "switched"
    """The side that takes over serves."""
    REFUSED = "refused"
    """Nothing was touched."""
    REVERTED = "reverted"
    """The fence was lifted; the side that served before serves again."""
    UNKNOWN = "unknown"
    """Inspect both sides."""


UNDECIDED = frozenset({SwitchOutcome.UNDER_WAY, SwitchOutcome.UNKNOWN})
"""The serving side is not known yet; a migration has at most one such switch."""
