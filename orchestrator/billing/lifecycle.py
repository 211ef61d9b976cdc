"""States of a usage statement (domain §4.2)."""

from enum import StrEnum

from orchestrator.core.lifecycle import Lifecycle


class StatementStatus(StrEnum):
    """Status of a statement; from *issued* on its number and amounts are fixed."""

    OPEN = "open"
    METERED = "metered"
    ISSUED = "issued"
    DISPUTED = "disputed"
    UPHELD = "upheld"
    ESCALATED = "escalated"
    CONFIRMED = "confirmed"
    SETTLED = "settled"
    LOCKED = "locked"


S = StatementStatus

STATEMENT_LIFECYCLE: Lifecycle[StatementStatus] = Lifecycle(
    noun="usage statement",
    transitions={
        S.OPEN: {S.METERED},
        # Opened again for an event of the month that was recorded before the statement was issued.
        S.METERED: {S.OPEN, S.ISSUED},
        S.ISSUED: {S.DISPUTED, S.ESCALATED, S.CONFIRMED},
        S.DISPUTED: {S.UPHELD, S.ISSUED},
        S.ESCALATED: {S.DISPUTED, S.CONFIRMED},
        S.CONFIRMED: {S.SETTLED},
        S.SETTLED: {S.LOCKED},
    },
)

CAN_BE_METERED = (S.OPEN, S.METERED)
"""Not issued yet: a late event is metered into the statement."""

UNDECIDED = (*CAN_BE_METERED, S.DISPUTED)
"""The statement of the next month waits for these."""
