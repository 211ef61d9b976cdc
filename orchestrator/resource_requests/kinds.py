"""Kinds of resource requests, and the zone classes that they ask for."""

from enum import StrEnum


class RequestKind(StrEnum):
    """A request creates a workspace, changes its whole size, or releases it."""

    PROVISION = "provision"
    CHANGE = "change"
    RELEASE = "release"
