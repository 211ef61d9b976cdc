"""Rules of the state backend: who may lock, who may write, which write is refused; pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.core.texts import unstorable_character


@dataclass(frozen=True)
class StateHeader:
    """The head of every Terraform state."""

    lineage: str
    serial: int


def header(body: bytes) -> StateHeader | None:
    """Lineage and serial of a state file, or None when it is not one."""
    try:
        document = json.loads(body)
        found = StateHeader(str(document["lineage"]), int(document["serial"]))
    except (ValueError, KeyError, TypeError):
        return None
    return None if unstorable_character(found.lineage) else found


def refusal(new: StateHeader, current: StateHeader | None) -> str | None:
    """Why `new` may not follow `current`, or None when it may."""
    if current is None:
        return None
    if new.lineage != current.lineage:
        return "it has another lineage"
    if new.serial < current.serial:
        return f"its serial {new.serial} is older than {current.serial}"
    return None


def managed_objects(state: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Logical address -> attributes of every managed resource instance in a state, deposed ones left out."""
    current = (item for item in _instances(state, kinds) if "deposed" not in item[1])
    return {address: instance.get("attributes") or {} for address, instance in current}


def tainted_addresses(state: Mapping[str, Any], kinds: Mapping[str, str]) -> set[str]:
    """Logical addresses of the objects whose create failed after they existed."""
    return {address for address, item in _instances(state, kinds) if item.get("status") == "tainted"}


def _instances(state: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in state.get("resources", []):
        if resource.get("mode") == "managed":
            kind = kinds.get(resource["type"], resource["type"])
            for instance in resource.get("instances", []):
                yield f"{kind}/{instance.get('index_key', resource['name'])}", instance
