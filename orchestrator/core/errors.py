"""Business errors: the docstring is the message, a class attribute the HTTP status.

The edge renders them as RFC 9457 problems; nothing below the edge knows HTTP beyond this number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class AuditNote:
    """What the audit keeps of a refused act, although the act itself is rolled back."""

    action: str
    subject: tuple[str, object]
    actor: str
    organisation: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


class BusinessError(Exception):
    """The request cannot be carried out."""

    status: ClassVar[int] = 409
    zh: ClassVar[str] = "无法执行该操作"
    retry_after: ClassVar[int | None] = None
    """Seconds after which the same call may succeed, where that is known."""

    def __init__(self, detail: str | None = None, *, field: str | None = None, **extra: Any) -> None:
        self.title = (type(self).__doc__ or "").strip().splitlines()[0]
        self.detail = detail or self.title
        self.field = field
        self.extra: Mapping[str, Any] = extra
        self.note: AuditNote | None = None
        super().__init__(self.detail)

    def noted(self, note: AuditNote) -> Self:
        """This error, leaving a trace in the audit when it ends a transaction."""
        self.note = note
        return self

    @classmethod
    def code(cls) -> str:
        """Stable machine name of this error, e.g. ``stale_approval``."""
        name = cls.__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class NotFound(BusinessError):
    """There is no such object."""

    status = 404
    zh = "对象不存在"


class NotPermitted(BusinessError):
    """Your roles do not include this act."""

    status = 403
    zh = "您没有执行此操作的权限"


class NotSignedIn(BusinessError):
    """Sign in or send a valid token."""

    status = 401
    zh = "请先登录"


class BadInput(BusinessError):
    """The input is not valid."""

    status = 422
    zh = "输入无效"


class IllegalTransition(BusinessError):
    """This status does not allow the act."""

    zh = "当前状态不允许此操作"


class VersionConflict(BusinessError):
    """Somebody changed this object meanwhile; read it again."""

    status = 412
    zh = "该对象已被他人修改，请刷新后重试"


class VersionRequired(BusinessError):
    """Send If-Match with the version you have read."""

    status = 428
    zh = "缺少 If-Match 版本"
