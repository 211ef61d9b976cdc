"""Check the files of a policy pack against each other and against the notice."""

from collections.abc import Iterator, Mapping

from orchestrator.core.documents import Document
from orchestrator.policies.pack import (
    CalendarDocument,
    DeadlinesDocument,
    DutiesDocument,
    Rule,
    RulesDocument,
    TimeLimitsDocument,
)

PackFinding = tuple[str, tuple[str | int, ...], str]
"""A mistake between the files of a pack: file, path inside it, message."""


def pack_findings(documents: Mapping[str, Document], notice_zh: str) -> Iterator[PackFinding]:
    """Return every mistake between the files of a pack; ``documents`` holds the valid files by name."""
    for file, document in documents.items():
        match document:
            case RulesDocument(rules=rules):
                yield from _repeated(file, "rules", [rule.id for rule in rules])
                for index, rule in enumerate(rules):
                    yield from _quote(file, index, rule, notice_zh)
            case DeadlinesDocument(deadlines=deadlines):
                yield from _repeated(file, "deadlines", [deadline.id for deadline in deadlines])
            case TimeLimitsDocument(time_limits=limits):
                yield from _repeated(file, "time_limits", [limit.step for limit in limits])
            case DutiesDocument():
                yield from _duties(file, document)
            case CalendarDocument(year=year):
                if file != f"calendar/{year}.yml":
                    yield file, ("year",), f"the calendar of {year} is named {year}.yml"


def _repeated(file: str, items: str, keys: list[str]) -> Iterator[PackFinding]:
    for index, key in enumerate(keys):
        if key in keys[:index]:
            yield file, (items, index), f'"{key}" is already given in {items}[{keys.index(key)}]'


def _quote(file: str, index: int, rule: Rule, notice_zh: str) -> Iterator[PackFinding]:
    """Check that a quote is the notice's text at its position, in whole sentences: none loses its subject."""
    if rule.quote_zh is None:
        return
    path = ("rules", index, "quote_zh")
    if notice_zh[rule.quote_start : rule.quote_end] != rule.quote_zh:
        yield file, path, "the notice has a different text at this position"
    elif not rule.quote_zh.endswith("。") or not _begins_a_sentence(rule.quote_start, notice_zh):
        yield file, path, "quote one or more whole sentences of the notice"


def _begins_a_sentence(start: int | None, notice_zh: str) -> bool:
    return not start or notice_zh[start - 1] in "。\n"


def _duties(file: str, duties: DutiesDocument) -> Iterator[PackFinding]:
    yield from _repeated(file, "acts", [act.act for act in duties.acts])
    yield from _repeated(
        file, "substitutes", [f"{row.organisation} {row.role}" for row in duties.substitutes]
    )
    acts = {act.act for act in duties.acts}
    for index, act in enumerate(duties.acts):
        for position, other in enumerate(act.never_with):
            if other not in acts or other == act.act:
                yield file, ("acts", index, "never_with", position), f'there is no other act "{other}"'
    for index, substitute in enumerate(duties.substitutes):
        if substitute.organisation == substitute.by_organisation:
            yield file, ("substitutes", index), "a substitute belongs to another organisation"
