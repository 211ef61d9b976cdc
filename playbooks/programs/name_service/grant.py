"""Let a move's two sides switch its name, each in its own direction only; or take that away again."""

from typing import Any

from place import below, read_json, write_json
from refusal import Refused


def main(order: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    """order: {folder, move, verb: grant or revoke}; secrets: forward_names, reverse_names."""
    move, path = order["move"], below(order["folder"]) / "tokens.json"
    record = move["names"]["record"]
    kept = {
        token: rights for token, rights in (read_json(path) or {}).items() if rights["move"] != move["key"]
    }
    if order["verb"] == "grant":
        if record not in (read_json(path.with_name("names.json")) or {}):
            raise Refused("name_unknown", name=record)
        source, target = move["source"]["address"], move["target"]["address"]
        rights = {"move": move["key"], "name": record}
        kept[secrets["forward_names"]] = {**rights, "from": source, "to": target}
        kept[secrets["reverse_names"]] = {**rights, "from": target, "to": source}
    write_json(path, kept)
    return {"changed": True, "tokens": sum(rights["move"] == move["key"] for rights in kept.values())}
