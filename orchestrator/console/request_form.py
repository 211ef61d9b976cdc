"""The request form as it was typed, and as the draft that it means.

The form keeps texts only, so that a refused form comes back exactly as it was sent. `read_draft` gives the
draft, or an error for each field that cannot be one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pydantic import ValidationError

from orchestrator.console.i18n import N_
from orchestrator.resource_requests.drafting import RequestDraft

MOST_LINES = 20
SERVICES = ("HSS", "LOG", "BST")

MESSAGES: Mapping[str, str] = {
    "missing": N_("必须填写。"),
    "string_too_short": N_("必须填写。"),
    "string_too_long": N_("最多 %(max_length)s 个字。"),
    "string_pattern_mismatch": N_("只用小写字母、数字和短横线，以字母开头，最多 24 个字符。"),
    "int_parsing": N_("请填写整数。"),
    "greater_than_equal": N_("不能小于 %(ge)s。"),
    "less_than_equal": N_("不能大于 %(le)s。"),
    "literal_error": N_("请从列表中选择。"),
    "too_long": N_("最多 %(max_length)s 项。"),
    "wrong_field": N_("同一项只填一次。"),
    "value_error": N_("各组云主机的名称不能相同，总数不能超过 300 台。"),
}
"""What to tell the reader for each kind of error of the draft's fields; `%(…)s` are its limits."""


@dataclass(frozen=True)
class LineForm:
    """One instance line; all values as typed, a service is "yes" or empty."""

    key: str = "web"
    label: str = ""
    purpose: str = "app"
    pool: str = ""
    image: str = "debian-12"
    vcpu: str = "4"
    memory_gb: str = "16"
    disk_gb: str = "100"
    disk_tier: str = "SSD"
    backup_gb: str = "0"
    count: str = "1"
    ports: str = ""
    HSS: str = ""
    LOG: str = ""
    BST: str = ""


@dataclass(frozen=True)
class RequestForm:
    """The whole form; all values as typed. A change or release names its workspace."""

    title: str = ""
    system: str = ""
    zone_class: str = "production"
    justification: str = ""
    kind: str = "provision"
    workspace: str = ""
    lines: tuple[LineForm, ...] = field(default_factory=lambda: (LineForm(),))

    def with_line(self) -> "RequestForm":
        """One line more, a copy of the last one under another key."""
        if len(self.lines) >= MOST_LINES:
            return self
        key = f"host{len(self.lines) + 1}"
        return replace(self, lines=(*self.lines, replace(self.lines[-1], key=key, label="")))

    def without_line(self, index: int) -> "RequestForm":
        """Without line `index`; the last remaining line stays."""
        if len(self.lines) == 1:
            return self
        return replace(self, lines=tuple(line for i, line in enumerate(self.lines) if i != index))


HEAD_FIELDS = ("title", "system", "zone_class", "justification", "kind", "workspace")
HIDDEN_FIELDS = ("kind", "workspace")
LINE_FIELDS = tuple(f.name for f in fields(LineForm))


def read_form(sent: Mapping[str, object]) -> RequestForm:
    """The form from its posted fields (``lines-0-vcpu``); missing ones are empty, surplus ones ignored."""
    lines = tuple(
        LineForm(**{name: _text(sent, f"lines-{i}-{name}") for name in LINE_FIELDS})
        for i in range(MOST_LINES)
        if any(f"lines-{i}-{name}" in sent for name in LINE_FIELDS)
    )
    head = {name: _text(sent, name) for name in HEAD_FIELDS}
    head["kind"] = head["kind"] or "provision"
    return RequestForm(**head, lines=lines or (LineForm(),))


def apply_edit(form: RequestForm, act: str) -> RequestForm:
    """What a line button asks for: ``add-line`` or ``remove-line-3``; any other act changes nothing."""
    if act == "add-line":
        return form.with_line()
    prefix, _, index = act.rpartition("-")
    return form.without_line(int(index)) if prefix == "remove-line" and index.isdecimal() else form


def read_draft(form: RequestForm) -> tuple[RequestDraft | None, dict[str, tuple[str, dict[str, Any]]]]:
    """The draft, or None and, by field name (``lines-0-vcpu``, "" for the whole), a text with its limits."""
    head = {
        "kind": form.kind,
        "system": form.system or None,
        "workspace": form.workspace or None,
        "zone_class": form.zone_class,
        "title": form.title,
        "justification": form.justification,
    }
    lines = () if form.kind == "release" else tuple(_line(line) for line in form.lines)
    try:
        return RequestDraft.model_validate({**head, "lines": lines}), {}
    except ValidationError as error:
        return None, _errors(error)


def _line(line: LineForm) -> dict[str, Any]:
    plain = ("key", "label", "purpose", "pool", "image", "vcpu", "memory_gb", "disk_gb", "disk_tier", "count")
    return {
        **{name: getattr(line, name) for name in plain},
        "backup_gb": line.backup_gb or "0",
        "ports": [port for port in re.split(r"[,，、\s]+", line.ports) if port],
        "host_services": [name for name in SERVICES if getattr(line, name)],
    }


def _errors(error: ValidationError) -> dict[str, tuple[str, dict[str, Any]]]:
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for item in error.errors(include_url=False, include_input=False):
        # A port's position in the list is no field of the form, the list is.
        where = item["loc"][:3] if item["loc"][:1] == ("lines",) else item["loc"][:1]
        if where and where[0] in HIDDEN_FIELDS:
            where = ()
        kind = "wrong_field" if where and item["type"] == "value_error" else item["type"]
        text = MESSAGES.get(kind, MESSAGES["literal_error"])
        found.setdefault("-".join(str(part) for part in where), (text, dict(item.get("ctx", {}))))
    return found


def _text(sent: Mapping[str, object], name: str) -> str:
    value = sent.get(name, "")
    return value.strip() if isinstance(value, str) else ""
