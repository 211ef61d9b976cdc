"""Statuses of a person."""

from enum import StrEnum

from orchestrator.core.lifecycle import Lifecycle


class PersonStatus(StrEnum):
    """Whether a person can act. People are never deleted, because the audit names them."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"


PERSON_LIFECYCLE: Lifecycle[PersonStatus] = Lifecycle(
    noun="person",
    transitions={
        PersonStatus.ACTIVE: {PersonStatus.DEACTIVATED},
        PersonStatus.DEACTIVATED: {PersonStatus.ACTIVE},
    },
)
