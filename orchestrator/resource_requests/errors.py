"""Errors of resource requests."""

from typing import ClassVar

from orchestrator.core.errors import BusinessError, NotPermitted


class NotYourRequest(NotPermitted):
    """Only the requester may do this; ask the requester."""

    zh = "仅申请人可执行此操作，请联系申请人"


class EndorsementMissing(BusinessError):
    """The information officer has not endorsed this request. Send it for endorsement first."""

    zh = "信息主官尚未审签，请先送审签"


class SamePerson(NotPermitted):
    """You already took part in this matter in another role. Ask another person to act."""

    zh = "您已办理本事项的其他环节，请由他人办理"


class RuleRefuses(BusinessError):
    """A policy rule refuses this request. Correct the request and submit it again."""

    zh = "政策规则不允许该申请，请修改后重新提交"
    status: ClassVar[int] = 409


class ClassifiedContent(BusinessError):
    """The text carries a classification mark. Nothing was stored; remove all classified content."""

    status = 422
    zh = "不得录入涉密信息，提交内容未保存；请删除涉密内容"


class ChangeUnderWay(BusinessError):
    """Another change of this workspace is under way. Wait until it ends, then submit again."""

    zh = "该工作区已有进行中的变更申请，请待其办结后再提交"


class HasLivePlan(BusinessError):
    """This request already has a live plan. Finish or withdraw that plan first."""

    zh = "该申请已有进行中的执行计划，请先办结或撤回该计划"
