"""Errors of migrations."""

from orchestrator.core.errors import BadInput, BusinessError


class BadPlanFile(BadInput):
    """The migration plan is not valid."""

    zh = "迁移计划文件无效"


class AlreadyMigrating(BusinessError):
    """Another migration uses this request's hosts."""

    zh = "该申请的主机已用于另一迁移"


class TargetNotApplied(BusinessError):
    """The target host must come from an applied plan of the migration's request."""

    zh = "目标主机须由该申请已执行的计划创建"


class ForeignSource(BusinessError):
    """The source named in the plan belongs to another organisation's resources."""

    zh = "计划中的源端属于其他单位的资源"


class PlanUnderWay(BusinessError):
    """A plan of this migration waits or is being carried out; finish it first."""

    zh = "该迁移已有进行中的计划"


class NotInThisStep(BusinessError):
    """The migration's status does not allow this."""

    zh = "迁移当前状态不允许此操作"


class OutsideWindow(BusinessError):
    """A cutover may begin only inside a window of the migration plan."""

    zh = "不在割接窗口内"


class RollbackNotApproved(BusinessError):
    """The rollback of this cutover has not been approved."""

    zh = "与本次割接对应的回退计划尚未批准"


class NotProven(BusinessError):
    """The last cutover has no proof that both sides were equal."""

    zh = "最近一次割接缺少一致性证明"


class TrialTooShort(BusinessError):
    """The trial run has not lasted as long as the migration plan demands."""

    zh = "试运行时间未达到计划要求"
