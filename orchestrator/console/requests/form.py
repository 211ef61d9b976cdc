"""The request form as it was typed, and as the draft that it means.

The form keeps texts only, so that a refused form comes back exactly as it was sent. `read_draft` gives the
draft, or an error for each field that cannot be one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from pydantic import ValidationError

from orchestrator.console.words.i18n import N_
from orchestrator.core.zone_classes import ZoneClass
from orchestrator.resource_requests.drafting import (
    LINE_FIELDS,
    MOST_LINES,
    Control,
    Inconsistent,
    RequestDraft,
)
from orchestrator.resource_requests.kinds import RequestKind

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
    "too_many_lines": N_("共 %(actual_length)s 组云主机，一份申请最多 %(max_length)s 组。"),
    "shared_key": N_("两台云主机的主机名都是 %(key)s，每组须用不同的主机名。"),
    "too_many_hosts": N_("共 %(hosts)s 台云主机，一份申请最多 %(most)s 台。"),
    "lines_of_kind": N_("请至少填写一组云主机；释放申请不填云主机。"),
    "workspace_of_kind": N_("变更或释放申请须从要变更的资源所在的申请打开。"),
    "hidden_field": N_("字段 %(name)s 的值无效，没有保存任何内容。请重新打开本页填写。"),
    "incomplete": N_("表单没有完整送达，没有保存任何内容。缺少：%(names)s。请重新打开本页填写。"),
}
"""The message for each kind of error in the fields of a draft; `%(…)s` are its limits."""


@dataclass(frozen=True)
class LineForm:
    """One line of the form: the typed texts by field; a service is "yes" or empty."""

    typed: Mapping[str, str]

    @classmethod
    def of(cls, **typed: str) -> "LineForm":
        """Return a line with these texts, and the initial text in every other field."""
        initial = {field.name: field.initial for field in LINE_FIELDS}
        return cls({**initial, **dict.fromkeys(SERVICES, ""), **typed})

    def __getitem__(self, name: str) -> str:
        return self.typed.get(name, "")

    def changed(self, **typed: str) -> "LineForm":
        """Return a copy with other texts in these fields."""
        return LineForm({**self.typed, **typed})


@dataclass(frozen=True)
class RequestForm:
    """The whole form; all values as typed. A change or release names its workspace.

    `missing` names the fields of the page that did not arrive: nothing of such a form may be stored.
    """

    title: str = ""
    system: str = ""
    zone_class: str = ZoneClass.PRODUCTION
    justification: str = ""
    kind: str = RequestKind.PROVISION
    workspace: str = ""
    lines: tuple[LineForm, ...] = field(default_factory=lambda: (LineForm.of(),))
    missing: tuple[str, ...] = ()

    @property
    def is_full(self) -> bool:
        """Whether no line can be added."""
        return len(self.lines) >= MOST_LINES

    def with_line(self) -> "RequestForm":
        """Return the form with a copy of its last line under another key; a full form is unchanged."""
        if self.is_full:
            return self
        used = {line["key"] for line in self.lines}
        key = next(key for key in map("host{}".format, count(len(self.lines) + 1)) if key not in used)
        return replace(self, lines=(*self.lines, self.lines[-1].changed(key=key, label="")))

    def without_line(self, index: int) -> "RequestForm":
        """Without line `index`; the last remaining line stays."""
        if len(self.lines) == 1:
            return self
        return replace(self, lines=tuple(line for i, line in enumerate(self.lines) if i != index))


HEAD_FIELDS = ("title", "system", "zone_class", "justification", "kind", "workspace")
HIDDEN_FIELDS = ("kind", "workspace")
PLAIN_NAMES = tuple(field.name for field in LINE_FIELDS)
LINE_NAMES = (*PLAIN_NAMES, *SERVICES)
LINE_COUNT = "line_count"
"""The number of lines of the page; a form that arrives incompletely has fewer."""
_LINE_FIELD = re.compile(rf"lines-(0|[1-9][0-9]{{0,2}})-({'|'.join(LINE_NAMES)})")
_NUMBER = re.compile(r"[0-9]{1,3}")
MOST_NAMED = 5


def read_form(sent: Mapping[str, object]) -> RequestForm:
    """Return the form from its posted fields (``lines-0-vcpu``); `missing` names those that did not arrive.

    Fields that the page does not have are ignored.
    """
    matches = [match for name in sent if (match := _LINE_FIELD.fullmatch(name))]
    numbers = sorted({int(match[1]) for match in matches})
    lines = tuple(
        LineForm({name: _text(sent, f"lines-{number}-{name}") for name in LINE_NAMES}) for number in numbers
    )
    head = {name: _text(sent, name) for name in HEAD_FIELDS}
    head["kind"] = head["kind"] or RequestKind.PROVISION
    absent = [name for name in HEAD_FIELDS if name not in sent]
    missing = (*absent, *_missing_lines(sent, numbers))
    return RequestForm(**head, lines=lines or (LineForm.of(),), missing=missing)


def _missing_lines(sent: Mapping[str, object], numbers: Sequence[int]) -> Iterator[str]:
    """Name the lines that the page has and the fields of lines that did not arrive."""
    declared = str(sent.get(LINE_COUNT, ""))
    if not _NUMBER.fullmatch(declared):
        yield LINE_COUNT
        return
    present = set(numbers)
    yield from (f"lines-{number}" for number in range(int(declared)) if number not in present)
    # A browser leaves out the boxes that are not ticked.
    names = (f"lines-{number}-{name}" for number in numbers for name in PLAIN_NAMES)
    yield from (name for name in names if name not in sent)
    if present - set(range(int(declared))):
        yield LINE_COUNT


def is_edit(act: str) -> bool:
    """Return whether a button only asks for the form again, changed or priced, and stores nothing."""
    return re.fullmatch(r"quote|add-line|remove-line-[0-9]{1,3}", act) is not None


def apply_edit(form: RequestForm, act: str) -> RequestForm:
    """Apply a line button, ``add-line`` or ``remove-line-3``; any other act changes nothing."""
    if act == "add-line":
        return form.with_line()
    prefix, _, index = act.rpartition("-")
    removes = prefix == "remove-line" and _NUMBER.fullmatch(index)
    return form.without_line(int(index)) if removes else form


def read_draft(form: RequestForm) -> tuple[RequestDraft | None, dict[str, tuple[str, dict[str, Any]]]]:
    """The draft, or None and, by field name (``lines-0-vcpu``, "" for the whole), a text with its limits."""
    if form.missing:
        return None, {"": (MESSAGES["incomplete"], {"names": _named(form.missing)})}
    head = {
        "kind": form.kind,
        "system": form.system or None,
        "workspace": form.workspace or None,
        "zone_class": form.zone_class,
        "title": form.title,
        "justification": form.justification,
    }
    lines = () if form.kind == RequestKind.RELEASE else tuple(_line(line) for line in form.lines)
    try:
        return RequestDraft.model_validate({**head, "lines": lines}), {}
    except ValidationError as error:
        return None, _errors(error)


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")


def _line(line: LineForm) -> dict[str, Any]:
    zero = {field.name: "0" for field in LINE_FIELDS if field.optional and field.control is Control.NUMBER}
    return {
        **{name: line[name] or zero.get(name, "") for name in PLAIN_NAMES},
        "ports": [port for port in re.split(r"[,，、\s]+", line["ports"]) if port],
        "host_services": [name for name in SERVICES if line[name]],
    }


def _errors(error: ValidationError) -> dict[str, tuple[str, dict[str, Any]]]:
    texts: dict[str, tuple[str, dict[str, Any]]] = {}
    for item in error.errors(include_url=False, include_input=False):
        # A port's position in the list is no field of the form, the list is.
        where = item["loc"][:3] if item["loc"][:1] == ("lines",) else item["loc"][:1]
        kind, limits = _kind(item["type"], dict(item.get("ctx", {})), where)
        if where and where[0] in HIDDEN_FIELDS:
            kind, limits, where = "hidden_field", {"name": where[0]}, ()
        text = MESSAGES.get(kind, MESSAGES["literal_error"])
        texts.setdefault("-".join(str(part) for part in where), (text, limits))
    return texts


def _kind(kind: str, limits: dict[str, Any], where: tuple[int | str, ...]) -> tuple[str, dict[str, Any]]:
    """Return the key in `MESSAGES` of an error at `where`, with its limits."""
    if where == ("lines",):
        return "too_many_lines", limits
    if isinstance(limits.get("error"), Inconsistent):
        return limits["error"].code, dict(limits["error"].values)
    return ("wrong_field" if kind == "value_error" else kind), limits


def _text(sent: Mapping[str, object], name: str) -> str:
    value = sent.get(name, "")
    return value.strip() if isinstance(value, str) else ""
