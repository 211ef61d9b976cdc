"""States of a resource (domain §4.2)."""

from enum import StrEnum

from orchestrator.core.lifecycle import Lifecycle


class ResourceStatus(StrEnum):
    """Where a resource stands; billing runs only in active, changing and suspended."""

    ORDERED = "ordered"
    PROVISIONING = "provisioning"
    FAILED = "failed"
    TRIAL = "trial"
    ACTIVE = "active"
    CHANGING = "changing"
    SUSPENDED = "suspended"
    RELEASING = "releasing"
    RELEASED = "released"


S = ResourceStatus

RESOURCE_LIFECYCLE: Lifecycle[ResourceStatus] = Lifecycle(
    noun="resource",
    transitions={
        S.ORDERED: {S.PROVISIONING},
        S.PROVISIONING: {S.FAILED, S.TRIAL, S.ACTIVE},
        S.FAILED: {S.PROVISIONING, S.RELEASED},
        S.TRIAL: {S.ACTIVE, S.RELEASING},
        # An accepted migration that goes back leaves its target on trial again (domain §6, 8d).
        S.ACTIVE: {S.CHANGING, S.SUSPENDED, S.RELEASING, S.TRIAL},
        S.CHANGING: {S.ACTIVE},
        S.SUSPENDED: {S.ACTIVE, S.RELEASING},
        S.RELEASING: {S.RELEASED},
    },
)

STANDING = frozenset({S.TRIAL, S.ACTIVE, S.CHANGING, S.SUSPENDED})
"""Delivered and still wanted."""

DELIVERED = STANDING | {S.RELEASING}
"""The department has used these, or could: no plan replaces them."""

BEGUN = frozenset({S.PROVISIONING, S.CHANGING, S.RELEASING})
"""An apply began on these; after one that failed they exist in part, or nobody knows yet."""
