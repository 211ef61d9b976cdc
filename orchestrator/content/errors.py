"""Errors of content loads."""

from orchestrator.core.errors import BusinessError, NotPermitted


class ContentConflict(BusinessError):
    """The files would overwrite something that was changed in the product since the last load."""

    zh = "文件内容与系统内已审批的修改冲突，未做任何更改"


class AuthorNeeded(BusinessError):
    """Later loads make a revision: say who proposes it."""

    status = 422
    zh = "后续加载须注明提交人"


class OwnRevision(NotPermitted):
    """The author of a revision cannot approve it."""

    zh = "修订提交人不得自行批准"


class StaleRevision(BusinessError):
    """The database has changed since this revision was proposed; propose it again."""

    zh = "数据已变化，请重新提交该修订"
