"""Read the address of a name before it is switched."""

from typing import Any

from place import below, read_json


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {folder, record}. `address` is None for an unknown name."""
    addresses = read_json(below(order["folder"]) / "names.json") or {}
    return {"record": order["record"], "address": addresses.get(order["record"])}
