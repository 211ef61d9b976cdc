"""States of a migration (domain §4.2)."""

from enum import StrEnum

from orchestrator.core.lifecycle import Lifecycle


class MigrationStatus(StrEnum):
    """Status of a migration; the serving side is recorded apart."""

    REGISTERED = "registered"
    ASSESSED = "assessed"
    DESIGNED = "designed"
    RESOURCES_READY = "resources_ready"
    REPLICATING = "replicating"
    REHEARSED = "rehearsed"
    SCHEDULED = "scheduled"
    CUTTING_OVER = "cutting_over"
    TRIAL_RUN = "trial_run"
    ROLLED_BACK = "rolled_back"
    ACCEPTED = "accepted"
    FINALISED = "finalised"
    LEGACY_RETIRED = "legacy_retired"
    ABORTED = "aborted"


S = MigrationStatus

MIGRATION_LIFECYCLE: Lifecycle[MigrationStatus] = Lifecycle(
    noun="migration",
    transitions={
        S.REGISTERED: {S.ASSESSED, S.ABORTED},
        S.ASSESSED: {S.DESIGNED, S.ABORTED},
        S.DESIGNED: {S.RESOURCES_READY, S.ABORTED},
        S.RESOURCES_READY: {S.REPLICATING, S.DESIGNED, S.ABORTED},
        S.REPLICATING: {S.REHEARSED, S.DESIGNED, S.ABORTED},
        S.REHEARSED: {S.SCHEDULED, S.DESIGNED, S.ABORTED},
        S.SCHEDULED: {S.CUTTING_OVER, S.REHEARSED, S.ABORTED},
        S.CUTTING_OVER: {S.TRIAL_RUN, S.ROLLED_BACK},
        S.TRIAL_RUN: {S.ROLLED_BACK, S.ACCEPTED},
        S.ROLLED_BACK: {S.REHEARSED, S.DESIGNED, S.ABORTED},
        S.ACCEPTED: {S.ROLLED_BACK, S.FINALISED},
        S.FINALISED: {S.LEGACY_RETIRED},
    },
)

ENDED = frozenset({S.LEGACY_RETIRED, S.ABORTED})
"""Final; the hosts of the request are free for another migration."""

BEFORE_PREPARATION = frozenset({S.REGISTERED, S.ASSESSED, S.DESIGNED})
"""Nothing of a mover is on any host."""

MAY_CLEAN_UP = frozenset({S.DESIGNED, S.REPLICATING, S.REHEARSED, S.SCHEDULED, S.ROLLED_BACK})
"""The source serves, and copies of a mover may lie on the target."""

MAY_CUT_OVER = frozenset({S.REHEARSED, S.ROLLED_BACK})
"""The source serves, both directions are prepared: a cutover may be planned."""

MAY_ROLL_BACK = frozenset({S.TRIAL_RUN, S.ACCEPTED})
"""The target serves and the rollback path is open."""
