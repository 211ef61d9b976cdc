"""Kinds of cloud objects, as resources, plans and clouds name them."""

from enum import StrEnum


class ObjectKind(StrEnum):
    """The kind of an object in a cloud; the contract of a cloud may define others."""

    INSTANCE = "instance"
    VOLUME = "volume"
    NETWORK = "network"
    PORT = "port"
    SECURITY_GROUP = "security_group"
