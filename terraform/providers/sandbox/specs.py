"""Validation of requests: kinds, the fields of each kind, keys, tags. Pure; errors name the field."""

import re
from collections.abc import Callable, Mapping
from typing import Any

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
KEY = re.compile(r"(?P<workspace>[a-z0-9-]{1,40})/(?P<kind>[a-z_]{1,20})/(?P<name>[a-z0-9-]{1,40})")
LONGEST_TEXT, MOST_TAGS, MOST_PORTS, LARGEST, LAST_PORT = 2000, 64, 100, 1 << 20, 65535


class CloudError(Exception):
    """The cloud refuses a request: 400 bad, 404 unknown, 409 conflict, 503 fault, 507 no capacity."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def word(field: str, value: Any) -> str:
    if not isinstance(value, str) or not WORD.fullmatch(value):
        raise CloudError(
            400, f"{field}: {value!r} is not a word of letters, digits, dots, dashes and underscores"
        )
    return value


def text(field: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise CloudError(400, f"{field}: must be a text of at most {LONGEST_TEXT} characters")
    return value


def count(field: str, value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST:
        raise CloudError(400, f"{field}: {value!r} is not a whole number from 1 to {LARGEST}")
    return value


def ports(field: str, value: Any) -> list[int]:
    if not isinstance(value, list) or len(value) > MOST_PORTS:
        raise CloudError(400, f"{field}: must be a list of at most {MOST_PORTS} ports")
    numbers = sorted({count(field, number) for number in value})
    if numbers and numbers[-1] > LAST_PORT:
        raise CloudError(400, f"{field}: {numbers[-1]} is not a port")
    return numbers


Check = Callable[[str, Any], Any]
FIELDS: Mapping[str, Mapping[str, Check]] = {
    "network": {"zone": word, "name": text},
    "security_group": {"network": word, "ports": ports},
    "port": {"network": word, "security_group": word},
    "instance": {
        "port": word,
        "pool": word,
        "arch": word,
        "image": word,
        "purpose": word,
        "label": text,
        "vcpu": count,
        "memory_gb": count,
    },
    "volume": {"instance": word, "size_gb": count, "tier": word},
}
# Fields that can be changed in place. A change of any other field needs a new object.
CHANGEABLE: Mapping[str, frozenset[str]] = {
    "network": frozenset({"name"}),
    "security_group": frozenset({"ports"}),
    "port": frozenset({"security_group"}),
    "instance": frozenset({"label", "purpose", "vcpu", "memory_gb"}),
    "volume": frozenset({"size_gb", "instance"}),
}
# Fields that refer to another object, which must exist as long as the reference does.
REFERENCES = ("network", "security_group", "port", "instance")
ID_PREFIX = {"network": "net", "security_group": "sg", "port": "port", "instance": "i", "volume": "vol"}


def checked_kind(value: Any) -> str:
    if not isinstance(value, str) or value not in FIELDS:
        raise CloudError(400, f"kind: {value!r} is not one of {', '.join(sorted(FIELDS))}")
    return value


def checked_key(kind: str, value: Any) -> str:
    """Check a key of the form workspace/kind/name; its kind must be the object's."""
    match = KEY.fullmatch(value) if isinstance(value, str) else None
    if match is None or match["kind"] != kind:
        raise CloudError(400, f"key: {value!r} is not of the form workspace/{kind}/name")
    return match[0]


def checked_spec(kind: str, value: Any, *, partial: bool = False) -> dict[str, Any]:
    """Check every field of the spec. With `partial`, fields may be missing."""
    fields = FIELDS[kind]
    if not isinstance(value, dict):
        raise CloudError(400, "spec: must be an object of fields")
    if unknown := sorted(set(value) - set(fields)):
        raise CloudError(400, f"spec.{unknown[0]}: unknown field of a {kind}")
    if not partial and (missing := sorted(set(fields) - set(value))):
        raise CloudError(400, f"spec.{missing[0]}: a {kind} requires this field")
    return {name: fields[name](f"spec.{name}", value[name]) for name in fields if name in value}


def checked_tags(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MOST_TAGS:
        raise CloudError(400, f"tags: must be an object of at most {MOST_TAGS} texts")
    return {text("tags", name): text(f"tags.{name}", tag) for name, tag in value.items()}
