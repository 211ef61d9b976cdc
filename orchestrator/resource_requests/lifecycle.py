"""States of a resource request (domain §4.2)."""

from enum import StrEnum

from orchestrator.core.lifecycle import Lifecycle


class RequestStatus(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    AWAITING_ENDORSEMENT = "awaiting_endorsement"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    ACCEPTED = "accepted"
    UNDER_REVIEW = "under_review"
    APPROVED = "approved"
    PLANNED = "planned"
    CANCELLING = "cancelling"
    IN_TRIAL = "in_trial"
    FULFILLED = "fulfilled"
    TRIAL_ENDED = "trial_ended"
    REFUSED = "refused"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


S = RequestStatus

REQUEST_LIFECYCLE: Lifecycle[RequestStatus] = Lifecycle(
    noun="resource request",
    transitions={
        S.DRAFT: {S.AWAITING_ENDORSEMENT, S.CANCELLED},
        S.AWAITING_ENDORSEMENT: {S.DRAFT, S.SUBMITTED, S.REFUSED, S.CANCELLED},
        S.SUBMITTED: {S.REFUSED, S.RETURNED, S.ACCEPTED, S.CANCELLED, S.EXPIRED},
        S.RETURNED: {S.SUBMITTED, S.REFUSED, S.CANCELLED, S.EXPIRED},
        S.ACCEPTED: {S.UNDER_REVIEW, S.CANCELLED, S.EXPIRED},
        S.UNDER_REVIEW: {S.REJECTED, S.RETURNED, S.APPROVED, S.CANCELLED, S.EXPIRED},
        S.APPROVED: {S.PLANNED, S.CANCELLING, S.CANCELLED, S.EXPIRED},
        S.PLANNED: {S.APPROVED, S.IN_TRIAL, S.FULFILLED},
        # A failed apply left objects behind: a plan of its own removes them, or a new plan completes them.
        S.CANCELLING: {S.APPROVED, S.CANCELLED},
        S.IN_TRIAL: {S.FULFILLED, S.TRIAL_ENDED},
    },
)

HOLDING = frozenset(
    {S.SUBMITTED, S.RETURNED, S.ACCEPTED, S.UNDER_REVIEW, S.APPROVED, S.PLANNED, S.CANCELLING}
)
"""In these states a request holds quota, pool and budget."""

PENDING = HOLDING | {S.DRAFT, S.AWAITING_ENDORSEMENT}
"""In these states a request has neither ended nor been carried out."""

PLANNABLE = frozenset({S.APPROVED, S.CANCELLING})
"""In these states a Terraform plan can be ordered."""

RELEASING = frozenset({S.REFUSED, S.REJECTED, S.CANCELLED, S.EXPIRED})
"""Entering one of these states releases the hold."""
