"""Grant or revoke the tokens with which each side of a transfer can point the name to itself."""

from typing import Any

from host_files import host_path, read_json, write_json
from refusal import Refused


def main(order: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    """order: {folder, transfer, verb: grant or revoke}; secrets: forward_names, reverse_names."""
    transfer, path = order["transfer"], host_path(order["folder"]) / "tokens.json"
    record = transfer["names"]["record"]
    tokens = {
        token: rights
        for token, rights in (read_json(path) or {}).items()
        if rights["transfer"] != transfer["key"]
    }
    if order["verb"] == "grant":
        if record not in (read_json(path.with_name("names.json")) or {}):
            raise Refused("name_unknown", name=record)
        source, target = transfer["source"]["address"], transfer["target"]["address"]
        rights = {"transfer": transfer["key"], "name": record}
        tokens[secrets["forward_names"]] = {**rights, "from": source, "to": target}
        tokens[secrets["reverse_names"]] = {**rights, "from": target, "to": source}
    write_json(path, tokens)
    return {
        "changed": True,
        "tokens": sum(rights["transfer"] == transfer["key"] for rights in tokens.values()),
    }
