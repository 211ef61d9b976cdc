"""Detection of characters in input texts that UTF-8 or PostgreSQL cannot store."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Optional

from orchestrator.core.errors import BadInput

MOST_REPORTED: Final = 20
"""An error names at most this many places, so that a huge input does not cause a huge answer."""
_LONGEST_NAME: Final = 100
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


class UnstorableText(BadInput):
    """A text contains a character that cannot be stored."""

    zh = "文本含有无法保存的字符"


@dataclass(frozen=True)
class _Step:
    """One step of a path, linked to its parent, so that a deep document costs no more than a flat one."""

    name: object
    before: Optional["_Step"] = None


def unstorable_character(text: str) -> str | None:
    """Return the first character that cannot be stored, such as ``U+0000``, or None."""
    match = _UNSTORABLE.search(text)
    return f"U+{ord(match[0]):04X}" if match else None


def require_storable(fields: Iterable[tuple[str, object]]) -> None:
    """Refuse values with an unstorable character, at any depth, in values and in keys.

    Raises:
        UnstorableText: A value or key contains such a character; the error names the fields.
    """
    places = list(islice(_wrong_places(fields), MOST_REPORTED))
    if places:
        errors = [
            {"field": field, "message": f"The text contains {character}, which cannot be stored."}
            for field, character in places
        ]
        detail = "; ".join(f"{error['field']}: {error['message']}" for error in errors)
        detail_zh = "；".join(f"{field}（{character}）" for field, character in places)
        raise UnstorableText(detail, field=errors[0]["field"], errors=errors, detail_zh=detail_zh)


def _wrong_places(fields: Iterable[tuple[str, object]]) -> Iterator[tuple[str, str]]:
    """Yield the path of each wrong text with its character, in document order.

    The walk is iterative, because a document can nest deeper than the call stack.
    """
    open_levels = [_named(fields, None)]
    while open_levels:
        place = next(open_levels[-1], None)
        if place is None:
            open_levels.pop()
            continue
        step, value = place
        if isinstance(value, str):
            if character := unstorable_character(value):
                yield _path(step), character
        elif isinstance(value, Mapping):
            open_levels.append(_named(value.items(), step))
        elif isinstance(value, list | tuple):
            open_levels.append(_numbered(value, step))


def _named(fields: Iterable[tuple[object, object]], before: _Step | None) -> Iterator[tuple[_Step, object]]:
    """Yield each name and its value under the same path, because names are checked as well."""
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
    """Return a name that is safe in an error: shortened, with unstorable characters escaped."""
    return _UNSTORABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", name[:_LONGEST_NAME])
