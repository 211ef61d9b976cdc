"""Which files of one side were written, or taken away, after its fence moment: after its folder moved.

A file that is gone cannot be looked at: the order names it, from the process that has watched the folder.
"""

from typing import Any

from place import printable
from prove import files_of, place_of


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {folders: [{path, otherwise, since, gone}]}, moments in ns. `late` is {path: [printable]}."""
    late = {}
    for each in order["folders"]:
        place = place_of(each)
        paths = [path for path, seen in files_of(place) if seen.st_ctime_ns > each["since"]]
        names = {printable(path.relative_to(place)) for path in paths}
        late[each["path"]] = sorted({*each["gone"], *names})
    return {"late": late}
