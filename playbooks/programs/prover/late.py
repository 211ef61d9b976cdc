"""Files of one side that were written or removed after its fence moment, when its folder was renamed.

Removed files cannot be read any more; the order names them, from the process that watched the folder.
"""

from typing import Any

from place import printable
from prove import files_of, place_of


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {folders: [{path, otherwise, since, gone}]}, times in ns. `late` is {path: [printable]}."""
    late = {}
    for folder in order["folders"]:
        place = place_of(folder)
        paths = [path for path, status in files_of(place) if status.st_ctime_ns > folder["since"]]
        names = {printable(path.relative_to(place)) for path in paths}
        late[folder["path"]] = sorted({*folder["gone"], *names})
    return {"late": late}
