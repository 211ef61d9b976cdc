"""Kinds of runs, decisions about a plan, and the two ways to carry an approved plan out."""

from enum import StrEnum


class RunKind(StrEnum):
    """The kind of a run."""

    PLAN = "plan"
    APPLY = "apply"
    DRIFT = "drift"
    INSPECT = "inspect"
    """Inspects both sides of a migration after a cutover or rollback with an unknown outcome."""


class Decision(StrEnum):
    """A person's decision about the plan that was shown."""

    APPROVED = "approved"
    RETURNED = "returned"
    REFUSED = "refused"


class ApplyAct(StrEnum):
    """The work of a worker that claims an apply run: the apply, or the verification after a lost worker."""

    APPLY = "apply"
    VERIFY = "verify"
