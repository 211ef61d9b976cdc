"""Classes of zones, shared by requests, quota and rules."""

from enum import StrEnum


class ZoneClass(StrEnum):
    """The use of the hosts. A trial holds production quota from submission on, and trial quota as well."""

    PRODUCTION = "production"
    TRIAL = "trial"
