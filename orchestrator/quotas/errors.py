"""Errors of quota, pool and budget."""

from typing import Self

from orchestrator.core.errors import BusinessError
from orchestrator.quotas.arithmetic import Counter


class NothingLeft(BusinessError):
    """The amount exceeds the remaining amount."""

    zh = "剩余额度不足"

    @classmethod
    def of(cls, counter: Counter, needed: int) -> Self:
        """Return the error with the counter and the requested amount."""
        return cls(f"{counter} has less than {needed} left.", target=str(counter), kind=counter.kind.value)


class MoreThanCommitted(BusinessError):
    """The request would release more than is held or committed."""

    zh = "退回的额度超过预占或占用"

    @classmethod
    def of(cls, counter: Counter | str) -> Self:
        """Return the error that names the counter, or the constraint that refused the change."""
        text = str(counter)
        return cls(f"{text} has less held or committed than would be given back.", target=text)


class StillInUse(BusinessError):
    """A part is held, committed or spent, so the limit or budget line cannot be removed."""

    zh = "仍有预占、占用或支出，不能删除"


class HoldEnded(BusinessError):
    """The hold is already committed or released."""

    zh = "该预占已转为占用或已释放"


class NoBudgetLine(BusinessError):
    """The organisation has no budget line for cloud services in this fiscal year."""

    zh = "本年度没有政务云服务预算"
