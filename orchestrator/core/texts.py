"""Texts from outside: where they hold characters that neither UTF-8 nor PostgreSQL can keep."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Optional

from orchestrator.core.errors import BadInput

MOST_REPORTED: Final = 20
"""So many wrong places are named; a sender of a million needs no more."""
_LONGEST_NAME: Final = 100
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


class UnstorableText(BadInput):
    """A text contains a character that cannot be stored."""

    zh = "文本含有无法保存的字符"


@dataclass(frozen=True)
class _Step:
    """One step of a path. Steps are linked, so that a deep document costs no more than a flat one."""

    name: object
    before: Optional["_Step"] = None


def unstorable_character(text: str) -> str | None:
    """Name the first character of a text that cannot be stored, such as U+0000; None where there is none."""
    match = _UNSTORABLE.search(text)
    return f"U+{ord(match[0]):04X}" if match else None


def require_storable(fields: Iterable[tuple[str, object]]) -> None:
    """Refuse values that hold an unstorable character, in whatever list, mapping or key it stands.

    Raises:
        UnstorableText: names the fields.
    """
    wrong = list(islice(_wrong_places(fields), MOST_REPORTED))
    if wrong:
        errors = [
            {"field": field, "message": f"The text contains {character}, which cannot be stored."}
            for field, character in wrong
        ]
        detail = "; ".join(f"{item['field']}: {item['message']}" for item in errors)
        detail_zh = "；".join(f"{field}（{character}）" for field, character in wrong)
        raise UnstorableText(detail, field=errors[0]["field"], errors=errors, detail_zh=detail_zh)


def _wrong_places(fields: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    """The name of each wrong place with its character, in the order of the document.

    It is a loop and no recursion, because documents nest deeper than the stack of calls.
    """
    waiting = [_named(fields, None)]
    while waiting:
        place = next(waiting[-1], None)
        if place is None:
            waiting.pop()
            continue
        step, value = place
        if isinstance(value, str):
            if character := unstorable_character(value):
                yield _path(step), character
        elif isinstance(value, Mapping):
            waiting.append(_named(value.items(), step))
        elif isinstance(value, list | tuple):
            waiting.append(_numbered(value, step))


def _named(fields: Iterable[tuple[object, object]], before: _Step | None) -> Iterator[tuple[_Step, object]]:
    """Every name is a text to be checked too, and stands where its value stands."""
    for name, value in fields:
        step = _Step(name, before)
        yield step, name
        yield step, value


def _numbered(values: Iterable[object], before: _Step) -> Iterator[tuple[_Step, object]]:
    for index, value in enumerate(values):
        yield _Step(index, before), value


def _path(step: _Step | None) -> str:
    names: list[str] = []
    while step is not None:
        names.append(_shown(str(step.name)))
        step = step.before
    return ".".join(reversed(names))


def _shown(name: str) -> str:
    """A name that can be sent back: short, and with unstorable characters escaped."""
    return _UNSTORABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", name[:_LONGEST_NAME])
