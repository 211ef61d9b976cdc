"""Errors of content loads."""

from orchestrator.core.errors import BusinessError, NotPermitted


class ContentConflict(BusinessError):
    """The files would overwrite changes made in the product since the last load; nothing was loaded."""

    zh = "文件内容与系统内已有的修改冲突，未做任何更改；请先将系统内的修改并入文件再加载"


class AuthorNeeded(BusinessError):
    """Loading into a database with content proposes a revision, which needs an author."""

    status = 422
    zh = "数据库已有内容，加载将生成修订，请注明提交人"


class OwnRevision(NotPermitted):
    """The author of a revision cannot approve it; another person must."""

    zh = "修订提交人不得自行批准，须由他人批准"


class StaleRevision(BusinessError):
    """The database has changed since this revision was proposed. Propose it again."""

    zh = "该修订提出后数据已有变化，请重新提出修订"
