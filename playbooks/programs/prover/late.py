"""Which files of one side were written after its fence moment: after its folder was taken or given."""

from typing import Any

from prove import files_of, place_of


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {folders: [{path, otherwise, since}]}, moments in ns. `late` is {path: [file]}."""
    late = {}
    for each in order["folders"]:
        place = place_of(each)
        paths = [path for path, seen in files_of(place) if seen.st_ctime_ns > each["since"]]
        late[each["path"]] = sorted(str(path.relative_to(place)) for path in paths)
    return {"late": late}
