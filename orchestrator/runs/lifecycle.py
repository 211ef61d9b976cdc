"""States of execution plans and of runs (domain §4.2)."""

from enum import StrEnum

from orchestrator.core.lifecycle import Lifecycle


class PlanStatus(StrEnum):
    """The status of an execution plan; a plan is never edited, another one is generated."""

    GENERATED = "generated"
    CHECKED = "checked"
    REJECTED = "rejected"
    SUBMITTED = "submitted"
    WITHDRAWN = "withdrawn"
    APPROVED = "approved"
    STALE = "stale"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    APPLYING = "applying"
    VERIFYING = "verifying"
    APPLIED = "applied"
    FAILED = "failed"
    ABANDONED = "abandoned"


S = PlanStatus

PLAN_LIFECYCLE: Lifecycle[PlanStatus] = Lifecycle(
    noun="execution plan",
    transitions={
        S.GENERATED: {S.CHECKED, S.FAILED, S.WITHDRAWN},
        S.CHECKED: {S.REJECTED, S.SUBMITTED},
        S.SUBMITTED: {S.REJECTED, S.WITHDRAWN, S.APPROVED, S.STALE, S.EXPIRED, S.SUPERSEDED},
        S.APPROVED: {S.STALE, S.EXPIRED, S.SUPERSEDED, S.WITHDRAWN, S.APPLYING},
        S.APPLYING: {S.APPLIED, S.VERIFYING, S.STALE, S.FAILED},
        S.VERIFYING: {S.APPLIED, S.FAILED},
        S.FAILED: {S.ABANDONED},
    },
)

LIVE = frozenset({S.GENERATED, S.CHECKED, S.SUBMITTED, S.APPROVED, S.APPLYING, S.VERIFYING, S.FAILED})
"""A request has at most one plan in these states; a failed one blocks until a person abandons it."""


class RunStatus(StrEnum):
    """The status of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


R = RunStatus

RUN_LIFECYCLE: Lifecycle[RunStatus] = Lifecycle(
    noun="run",
    transitions={
        R.QUEUED: {R.RUNNING, R.CANCELLED, R.FAILED},
        R.RUNNING: {R.VERIFYING, R.SUCCEEDED, R.FAILED, R.CANCELLED},
        R.VERIFYING: {R.SUCCEEDED, R.FAILED},
    },
)
