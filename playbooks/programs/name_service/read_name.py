"""Read the address of a name."""

from typing import Any

from host_files import host_path, read_json


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {folder, record}. `address` is None for an unknown name."""
    addresses = read_json(host_path(order["folder"]) / "names.json") or {}
    return {"record": order["record"], "address": addresses.get(order["record"])}
