"""Errors of quota, pool and budget."""

from typing import Self

from orchestrator.core.errors import BusinessError


class NothingLeft(BusinessError):
    """The amount does not fit into what is left."""

    zh = "剩余额度不足"

    @classmethod
    def of(cls, target: str, needed: int) -> Self:
        """The error that names the counter, as `HoldItem` does, and what was asked of it."""
        kind = target.split(":", 1)[0]
        return cls(f"{target} has less than {needed} left.", target=target, kind=kind)


class MoreThanCommitted(BusinessError):
    """More would be given back than is held or committed."""

    zh = "退回的额度超过预占或占用"

    @classmethod
    def of(cls, target: str) -> Self:
        """The error that names the counter, as `HoldItem` does."""
        return cls(f"{target} has less held or committed than would be given back.", target=target)


class StillInUse(BusinessError):
    """Something of it is held, committed or spent, so it cannot be removed."""

    zh = "仍有预占、占用或支出，不能删除"


class HoldSettled(BusinessError):
    """This hold was already committed or released."""

    zh = "该预占已结转或释放"


class NoBudgetLine(BusinessError):
    """The organisation has no budget line for cloud services in this fiscal year."""

    zh = "本年度没有政务云服务预算"
