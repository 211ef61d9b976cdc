"""Errors of plans, approvals and runs."""

from orchestrator.core.errors import BusinessError, NotPermitted


class StaleApproval(BusinessError):
    """The plan differs from the plan that you saw."""

    zh = "计划已不是您所看到的内容，请刷新后重新审批"


class NotApproved(BusinessError):
    """This plan is not approved."""

    zh = "该计划尚未批准"


class PlanExpired(BusinessError):
    """This plan has expired."""

    zh = "该计划已过期"


class PlanNotSubmitted(BusinessError):
    """This plan is not waiting for approval."""

    zh = "该计划不在待审批状态"


class AlreadyDecided(NotPermitted):
    """You have already decided about this plan."""

    zh = "您已对该计划作出决定"


class RolesDoNotApprove(NotPermitted):
    """None of the approvals that are still missing belongs to your roles."""

    zh = "尚缺的审批环节不属于您的角色"


class OwnOrganisation(NotPermitted):
    """An organisation never approves its own plan."""

    zh = "单位不得审批本单位事项"


class PersonTwice(NotPermitted):
    """Requester, endorser, author, approver and applier must be different persons."""

    zh = "申请、审签、编制、审批、执行须由不同人员承担"


class StateLocked(BusinessError):
    """Another run holds the lock of this state."""

    status = 423
    zh = "状态文件已被其他执行锁定"


class StateRefused(BusinessError):
    """This run may not write that state."""

    zh = "该执行无权写入此状态文件"
