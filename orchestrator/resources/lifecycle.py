"""Statuses of a resource (domain §4.2) and of a drift case."""

from enum import StrEnum

from orchestrator.core.lifecycle import Lifecycle


class ResourceStatus(StrEnum):
    """The status of a resource; it is billed only in active, changing and suspended."""

    PROVISIONING = "provisioning"
    FAILED = "failed"
    TRIAL = "trial"
    ACTIVE = "active"
    CHANGING = "changing"
    SUSPENDED = "suspended"
    RELEASING = "releasing"
    RELEASED = "released"


class DriftStatus(StrEnum):
    """The status of a drift case; a later drift check without a difference closes it."""

    OPEN = "open"
    CLOSED = "closed"


S = ResourceStatus

RESOURCE_LIFECYCLE: Lifecycle[ResourceStatus] = Lifecycle(
    noun="resource",
    transitions={
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
"""In these statuses a resource is delivered and still in use."""

DELIVERED = STANDING | {S.RELEASING}
"""In these statuses the department may have stored data on the resource: no plan replaces it."""

BEGUN = frozenset({S.PROVISIONING, S.CHANGING, S.RELEASING})
"""An apply has begun on these; after one that failed they exist in part, or this is not known yet."""
