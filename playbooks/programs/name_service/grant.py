"""Grant both sides of a transfer the right to switch its name, each in one direction only; or revoke it."""

from typing import Any

from place import below, read_json, write_json
from refusal import Refused


def main(order: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    """order: {folder, transfer, verb: grant or revoke}; secrets: forward_names, reverse_names."""
    transfer, path = order["transfer"], below(order["folder"]) / "tokens.json"
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
