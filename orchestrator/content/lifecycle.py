"""States of a content revision (domain §6.13)."""

from enum import StrEnum

from orchestrator.core.lifecycle import Lifecycle


class RevisionStatus(StrEnum):
    """The status of a content revision."""

    PROPOSED = "proposed"
    LOADED = "loaded"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


REVISION_LIFECYCLE: Lifecycle[RevisionStatus] = Lifecycle(
    noun="content revision",
    transitions={
        RevisionStatus.PROPOSED: {RevisionStatus.LOADED, RevisionStatus.REJECTED, RevisionStatus.SUPERSEDED},
    },
)
