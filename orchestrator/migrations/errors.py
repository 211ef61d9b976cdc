"""Errors of migrations."""

from orchestrator.core.errors import BadInput, BusinessError


class BadPlanFile(BadInput):
    """The migration plan is not valid."""

    zh = "迁移计划文件无效"


class AlreadyMigrating(BusinessError):
    """Another migration uses this request's hosts."""

    zh = "该申请的主机已用于另一迁移"


class TargetNotApplied(BusinessError):
    """A migration needs a target that an applied plan of its request has made."""

    zh = "目标主机须由该申请已执行的计划创建"


class ForeignSource(BusinessError):
    """The source named in the plan belongs to another organisation's resources."""

    zh = "计划中的源端属于其他单位的资源"


class PlanUnderWay(BusinessError):
    """A plan of this migration waits or is at work; finish it first."""

    zh = "该迁移已有进行中的计划"


class NotInThisStep(BusinessError):
    """The migration is not at a step where this can be done."""

    zh = "迁移当前步骤不允许此操作"


class OutsideWindow(BusinessError):
    """A cut may begin only inside a window of the migration plan."""

    zh = "不在割接窗口内"


class ReturnNotApproved(BusinessError):
    """The return that goes with this cut has not been approved."""

    zh = "与本次割接对应的回退计划尚未批准"


class NotProven(BusinessError):
    """The last switch has no proof that both sides were equal."""

    zh = "最近一次切换缺少一致性证明"


class TrialTooShort(BusinessError):
    """The trial run has not lasted as long as the migration plan demands."""

    zh = "试运行时间未达到计划要求"
