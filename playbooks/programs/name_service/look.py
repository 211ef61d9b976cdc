"""Where a name points, for whoever must know before it is switched."""

from typing import Any

from names import read
from place import below


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {folder, record}. `address` is None for a name that is not known."""
    return {
        "record": order["record"],
        "address": read(below(order["folder"]) / "names.json").get(order["record"]),
    }
