"""Kinds of execution plans, shared by the nouns that must not import each other."""

from enum import StrEnum
from typing import Final


class PlanKind(StrEnum):
    """The kind of an execution plan."""

    PROVISION = "provision"
    CHANGE = "change"
    RELEASE = "release"
    UNDO = "undo"
    """Removes the objects that a failed apply left behind."""
    BASELINE = "baseline"
    PREPARE = "prepare"
    CUTOVER = "cutover"
    ROLLBACK = "rollback"
    CLEAN_UP = "clean_up"


DELIVERY_KINDS: Final = (PlanKind.PROVISION, PlanKind.CHANGE, PlanKind.RELEASE)
"""Plans that create, change or release the resources of a request."""
TERRAFORM_KINDS: Final = (*DELIVERY_KINDS, PlanKind.UNDO)
"""Plans that Terraform carries out; at most one of a request is live."""
MIGRATION_KINDS: Final = (PlanKind.PREPARE, PlanKind.CUTOVER, PlanKind.ROLLBACK, PlanKind.CLEAN_UP)
"""Plans of a migration; several of one request may be live at the same time."""
