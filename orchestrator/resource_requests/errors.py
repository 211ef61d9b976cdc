"""Errors of resource requests."""

from typing import ClassVar

from orchestrator.core.errors import BusinessError, NotPermitted


class NotYourRequest(NotPermitted):
    """Only the requester may do this."""

    zh = "仅申请人可执行此操作"


class EndorsementMissing(BusinessError):
    """The information officer has not endorsed this request."""

    zh = "信息主官尚未审签"


class SamePerson(NotPermitted):
    """This act needs another person than those who already took part."""

    zh = "同一人不得兼任本事项的多个环节"


class RuleRefuses(BusinessError):
    """A rule refuses this request."""

    zh = "政策规则不允许该申请"
    status: ClassVar[int] = 409


class ClassifiedContent(BusinessError):
    """Classified information may not be entered; nothing of it was stored."""

    status = 422
    zh = "不得录入涉密信息，提交内容未保存"


class ChangeUnderWay(BusinessError):
    """Another change of this workspace is under way; it must end first."""

    zh = "该工作空间已有进行中的变更申请"


class HasLivePlan(BusinessError):
    """This request already has a plan under way."""

    zh = "该申请已有进行中的执行计划"
