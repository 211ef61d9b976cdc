"""Errors of resources."""

from orchestrator.core.errors import BusinessError


class NotInTrial(BusinessError):
    """Only resources in trial can be activated."""

    zh = "仅试用中的资源可以正式开通"
