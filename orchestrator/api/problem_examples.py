"""One example of a problem for each status, as the service sends it; a test validates them."""

from typing import Any, Final

from orchestrator.api.examples import DIGEST

PROBLEMS: Final[dict[int, dict[str, Any]]] = {
    401: {
        "type": "urn:govcloud:problem:token_invalid",
        "title": "The token is unknown, expired or revoked.",
        "status": 401,
        "detail": "The token is unknown, expired or revoked.",
        "title_zh": "令牌无效、已过期或已撤销",
    },
    403: {
        "type": "urn:govcloud:problem:not_permitted",
        "title": "Your roles do not permit this act.",
        "status": 403,
        "detail": "This act needs the permission plans:apply.",
        "title_zh": "您没有执行此操作的权限",
        "permission": "plans:apply",
    },
    404: {
        "type": "urn:govcloud:problem:not_found",
        "title": "The object does not exist.",
        "status": 404,
        "detail": "The object does not exist.",
        "title_zh": "对象不存在",
    },
    409: {
        "type": "urn:govcloud:problem:stale_approval",
        "title": "The plan differs from the plan that you saw.",
        "status": 409,
        "detail": "The plan differs from the plan that you saw.",
        "title_zh": "计划已不是您所看到的内容，请刷新后重新审批",
        "current": DIGEST,
        "shown": "0" * 64,
    },
    412: {
        "type": "urn:govcloud:problem:version_conflict",
        "title": "Someone else changed this object. Reload it and try again.",
        "status": 412,
        "detail": "Someone else changed this object. Reload it and try again.",
        "title_zh": "该对象已被他人修改，请刷新后重试",
        "current": 5,
    },
    422: {
        "type": "urn:govcloud:problem:bad_input",
        "title": "The input is not valid.",
        "status": 422,
        "detail": "lines.0.vcpu: Input should be greater than or equal to 1",
        "field": "lines.0.vcpu",
        "errors": [{"field": "lines.0.vcpu", "message": "Input should be greater than or equal to 1"}],
    },
    428: {
        "type": "urn:govcloud:problem:version_required",
        "title": "The If-Match header is missing. Send it with the version that you have read.",
        "status": 428,
        "detail": "The If-Match header is missing. Send it with the version that you have read.",
        "title_zh": "缺少 If-Match 版本，请按读取时的版本号提交",
    },
    429: {
        "type": "urn:govcloud:problem:account_locked",
        "title": "Too many wrong passwords. Try again later.",
        "status": 429,
        "detail": "Too many wrong passwords. Try again later.",
        "title_zh": "密码错误次数过多，请稍后再试",
    },
    500: {
        "type": "urn:govcloud:problem:internal_error",
        "title": "The service made an error.",
        "status": 500,
        "detail": "It was logged.",
    },
    503: {
        "type": "urn:govcloud:problem:overloaded",
        "title": "Too many calls at once; nothing was done. Try again in a few seconds.",
        "status": 503,
        "detail": "Too many calls at once; nothing was done. Try again in a few seconds.",
        "title_zh": "系统繁忙，本次操作未执行，请稍后重试",
    },
}
