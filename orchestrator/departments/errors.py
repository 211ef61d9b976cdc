"""Errors of people and rights."""

from orchestrator.core.errors import BadInput, BusinessError, NotPermitted, NotSignedIn


class WrongCredentials(NotSignedIn):
    """User name or password is wrong."""

    zh = "用户名或密码错误"


class AccountLocked(NotSignedIn):
    """Too many wrong passwords. Try again later."""

    status = 429
    zh = "密码错误次数过多，请稍后再试"


class TokenInvalid(NotSignedIn):
    """The token is unknown, expired or revoked."""

    zh = "令牌无效、已过期或已撤销"


class UnknownScope(BadInput):
    """A scope must be one of your own permissions."""

    zh = "权限范围无效"


class OwnAccount(NotPermitted):
    """Your own account is managed by another administrator."""

    zh = "不得操作本人账户，须由其他管理员办理"


class LastAdministrator(BusinessError):
    """No other technical administrator would remain. Appoint another one first."""

    zh = "停用后将没有技术管理员，请先指定其他技术管理员"
