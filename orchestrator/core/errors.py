"""Business errors: the docstring of a class is its default message, a class attribute its HTTP status.

API and console render them as RFC 9457 problems. Below these layers, the status is all that is known of HTTP.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from orchestrator.core.events import Event


class BusinessError(Exception):
    """The request cannot be carried out."""

    status: ClassVar[int] = 409
    zh: ClassVar[str] = "无法执行该操作"
    retry_after: ClassVar[int | None] = None
    """Seconds after which the same call may succeed, or None if that is not known."""

    def __init__(self, detail: str | None = None, *, field: str | None = None, **extra: Any) -> None:
        self.title = (type(self).__doc__ or "").strip().splitlines()[0]
        self.detail = detail or self.title
        self.field = field
        self.extra: Mapping[str, Any] = extra
        self.note: Event | None = None
        super().__init__(self.detail)

    def noted(self, note: Event) -> Self:
        """Return this error with an audit event, which is kept although the act itself is rolled back."""
        self.note = note
        return self

    @classmethod
    def code(cls) -> str:
        """Return the stable machine-readable name of this error, e.g. ``stale_approval``."""
        name = cls.__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class NotFound(BusinessError):
    """The object does not exist."""

    status = 404
    zh = "对象不存在"


class NotPermitted(BusinessError):
    """Your roles do not permit this act."""

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
    """The current status does not allow this act."""

    zh = "当前状态不允许此操作"


class VersionConflict(BusinessError):
    """Someone else changed this object. Reload it and try again."""

    status = 412
    zh = "该对象已被他人修改，请刷新后重试"


class VersionRequired(BusinessError):
    """The If-Match header is missing. Send it with the version that you have read."""

    status = 428
    zh = "缺少 If-Match 版本，请按读取时的版本号提交"
