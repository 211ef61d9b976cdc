"""Kinds of resource requests."""

from enum import StrEnum


class RequestKind(StrEnum):
    """A request creates a workspace, changes its whole size, or releases it."""

    PROVISION = "provision"
    CHANGE = "change"
    RELEASE = "release"
