"""The request form as it was typed: texts only, so that a refused form comes back exactly as it was sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

MOST_LINES = 20


@dataclass(frozen=True)
class LineForm:
    """One instance line; all values as typed."""

    label: str = ""
    purpose: str = "app"
    pool: str = ""
    image: str = ""
    vcpu: str = "4"
    memory_gb: str = "16"
    disk_gb: str = "100"
    tier: str = "SSD"
    backup_gb: str = "0"
    count: str = "1"
    ports: str = ""


@dataclass(frozen=True)
class RequestForm:
    """The whole form; all values as typed."""

    system: str = ""
    zone_class: str = "production"
    justification: str = ""
    lines: tuple[LineForm, ...] = field(default_factory=lambda: (LineForm(),))

    def with_line(self) -> "RequestForm":
        """One line more, a copy of the last one without its label."""
        if len(self.lines) >= MOST_LINES:
            return self
        return replace(self, lines=(*self.lines, replace(self.lines[-1], label="")))

    def without_line(self, index: int) -> "RequestForm":
        """Without line `index`; the last remaining line stays."""
        if len(self.lines) == 1:
            return self
        return replace(self, lines=tuple(line for i, line in enumerate(self.lines) if i != index))


LINE_FIELDS = tuple(f.name for f in fields(LineForm))


def read_form(sent: Mapping[str, object]) -> RequestForm:
    """The form from its posted fields (``lines-0-vcpu``); missing ones are empty, surplus ones ignored."""
    lines = tuple(
        LineForm(**{name: _text(sent, f"lines-{i}-{name}") for name in LINE_FIELDS})
        for i in range(MOST_LINES)
        if any(f"lines-{i}-{name}" in sent for name in LINE_FIELDS)
    )
    return RequestForm(
        system=_text(sent, "system"),
        zone_class=_text(sent, "zone_class"),
        justification=_text(sent, "justification"),
        lines=lines or (LineForm(),),
    )


def apply_edit(form: RequestForm, act: str) -> RequestForm:
    """What a line button asks for: ``add-line`` or ``remove-line-3``; any other act changes nothing."""
    if act == "add-line":
        return form.with_line()
    prefix, _, index = act.rpartition("-")
    return form.without_line(int(index)) if prefix == "remove-line" and index.isdecimal() else form


def _text(sent: Mapping[str, object], name: str) -> str:
    value = sent.get(name, "")
    return value.strip() if isinstance(value, str) else ""
