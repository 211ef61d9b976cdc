"""Report the files of one side that were written or deleted after the fence moment.

That is the moment at which the folder was renamed. Deleted files cannot be found any more; the order names
them, as the mover has recorded them.
"""

from typing import Any

from host_files import printable
from prove import current_path, files_of


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {folders: [{path, fenced_path, since, deletions}]}, `since` in ns.

    `late` is {path: [file]}.
    """
    late = {}
    for ordered in order["folders"]:
        folder, since = current_path(ordered), ordered["since"]
        written = [path for path, status in files_of(folder) if status.st_ctime_ns > since]
        names = {printable(path.relative_to(folder)) for path in written}
        late[ordered["path"]] = sorted({*ordered["deletions"], *names})
    return {"late": late}
