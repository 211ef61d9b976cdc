"""Statuses of a resource request and their transitions (domain §4.2)."""

from enum import StrEnum

from orchestrator.core.lifecycle import Lifecycle


class RequestStatus(StrEnum):
    """The status of a request."""

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
        # A failed apply left objects behind: an undo plan removes them, or a new plan completes them.
        S.CANCELLING: {S.APPROVED, S.CANCELLED},
        S.IN_TRIAL: {S.FULFILLED, S.TRIAL_ENDED},
    },
)

HOLDING = frozenset(
    {S.SUBMITTED, S.RETURNED, S.ACCEPTED, S.UNDER_REVIEW, S.APPROVED, S.PLANNED, S.CANCELLING}
)
"""In these statuses a request holds quota, pools and budget."""

PENDING = HOLDING | {S.DRAFT, S.AWAITING_ENDORSEMENT}
"""In these statuses a request has neither ended nor been carried out."""

PLANNABLE = frozenset({S.APPROVED, S.CANCELLING})
"""In these statuses a Terraform plan can be ordered."""
