"""Errors of billing."""

from orchestrator.core.errors import BusinessError, NotPermitted


class UnpricedUsage(BusinessError):
    """A SKU does not have exactly one price on every day."""

    status = 422
    zh = "该计费项并非每日都有唯一价格"


class MonthNotOver(BusinessError):
    """The month has not ended yet. Close it after its last day."""

    zh = "该月份尚未结束"


class EarlierMonthOpen(BusinessError):
    """An earlier month has usage that is on no statement. Close that month first."""

    zh = "较早月份尚有未出单的用量，请先对该月关账"


class UsageGap(BusinessError):
    """The stored usage of a resource differs from its events."""

    zh = "用量区间与资源事件不一致"


class StatementStale(BusinessError):
    """A usage event of this month was recorded after metering. Close the month again."""

    zh = "计量后又有该月用量事件，请重新关账"


class EarlierStatementUndecided(BusinessError):
    """The statement of an earlier month is not issued or is disputed. Issue or decide it first."""

    zh = "上一期确认单尚未出具或存在异议"


class LaterMonthIssued(BusinessError):
    """A later month of this department is issued and is based on this statement."""

    zh = "该单位后续月份已出具并以本期为据：请维持本期并录入用量更正，或先裁定后续月份的异议成立"


class SamePersonInStatement(NotPermitted):
    """A statement is verified, confirmed, disputed and decided by different persons."""

    zh = "核对、确认、提出异议、裁定须由不同人员承担"
