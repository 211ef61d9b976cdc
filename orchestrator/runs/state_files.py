"""Headers and contents of Terraform states, and the rule for the next version; pure."""

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
    """Return lineage and serial of a state file, or None if it is no state file."""
    try:
        document = json.loads(body)
        state_header = StateHeader(str(document["lineage"]), int(document["serial"]))
    except (ValueError, KeyError, TypeError):
        return None
    return None if unstorable_character(state_header.lineage) else state_header


def refusal(new: StateHeader, current: StateHeader | None) -> str | None:
    """Return why `new` must not follow `current`, or None if it may."""
    if current is None:
        return None
    if new.lineage != current.lineage:
        return "it has another lineage"
    if new.serial < current.serial:
        return f"its serial {new.serial} is older than {current.serial}"
    return None


def managed_objects(state: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the attributes of every managed instance in a state by logical address, without deposed ones."""
    current = (located for located in _instances(state, kinds) if "deposed" not in located[1])
    return {address: instance.get("attributes") or {} for address, instance in current}


def tainted_addresses(state: Mapping[str, Any], kinds: Mapping[str, str]) -> set[str]:
    """Return the logical addresses of objects whose creation failed after they existed."""
    return {address for address, instance in _instances(state, kinds) if instance.get("status") == "tainted"}


def _instances(state: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in state.get("resources", []):
        if resource.get("mode") == "managed":
            kind = kinds.get(resource["type"], resource["type"])
            for instance in resource.get("instances", []):
                yield f"{kind}/{instance.get('index_key', resource['name'])}", instance
