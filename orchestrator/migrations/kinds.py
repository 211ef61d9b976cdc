"""Purposes of bundles, directions, and outcomes of a cutover or rollback."""

from enum import StrEnum

from orchestrator.migrations.transfer import Side


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
        return "target" if self is Direction.CUTOVER else "source"


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
