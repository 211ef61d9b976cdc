"""Errors of billing."""

from orchestrator.core.errors import BusinessError


class UnpricedUsage(BusinessError):
    """A SKU does not have exactly one price on every day."""

    status = 422
    zh = "该计费项并非每日都有唯一价格"
