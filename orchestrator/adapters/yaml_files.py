"""Parse one YAML text into plain data with the position of every part.

Only a subset is accepted: mappings, sequences, texts, whole numbers, ``true``, ``false`` and ``null``. A
number with a fraction stays text, so no float can appear. Aliases, tags, several documents, duplicate keys
and deep nesting are faults. All faults of a text are reported, not only the first.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import yaml

from orchestrator.core.texts import unstorable_character

Path = tuple[str | int, ...]
"""Position of a value: field names and sequence indexes, outermost first."""

MAX_BYTES = 1_000_000
MAX_DEPTH = 12

_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff\u2028\u2029]")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, order=True)
class Place:
    """A position in a text, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Fault:
    """Something in a text that is not accepted."""

    place: Place
    path: Path
    message: str


@dataclass(frozen=True)
class YamlTree:
    """The value of a text, with the place of every part. Sequences are tuples."""

    value: object
    places: Mapping[Path, Place]
    faults: tuple[Fault, ...]

    def place_of(self, path: Path) -> Place:
        """Return the place of a part, or of the nearest enclosing part."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader restricted to the scalars of JSON: ``no`` and ``1:30`` are texts."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"(?:true|false)\Z"), ["t", "f"])
_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z"), list("-0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}null", re.compile(r"(?:null|~|)\Z"), ["n", "~", ""])


def read_yaml(data: bytes) -> YamlTree:
    """Parse one document. An unreadable text has the value None and a fault with the reason."""
    try:
        text = _text(data)
        _refuse_structure(text)
        root = yaml.compose(text, Loader=_Loader)
    except _Unreadable as error:
        return YamlTree(None, {}, (error.fault,))
    except yaml.MarkedYAMLError as error:
        message = " ".join(part for part in (error.context, error.problem) if part)
        return YamlTree(None, {}, (Fault(_place(error.problem_mark or error.context_mark), (), message),))
    if root is None:
        return YamlTree(None, {}, (Fault(Place(1, 1), (), "the file is empty"),))
    conversion = _Conversion()
    return YamlTree(conversion.value(root, ()), conversion.places, tuple(conversion.faults))


class _Unreadable(Exception):
    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(place, (), message)


def _place(mark: Any) -> Place:
    return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _Unreadable(Place(1, 1), f"the file is larger than {MAX_BYTES:,} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Unreadable(
            Place(data.count(b"\n", 0, error.start) + 1, 1), "the file is not UTF-8 text"
        ) from None
    character = _UNREADABLE.search(text)
    if character is not None:
        before = text[: character.start()]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise _Unreadable(place, f"the character U+{ord(character[0]):04X} is not allowed in a content file")
    return text


def _refuse_structure(text: str) -> None:
    """Refuse aliases, tags, several documents and deep nesting before the document is built."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        place = _place(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _Unreadable(place, "anchors and aliases are not accepted; write the value out")
        if getattr(event, "tag", None) is not None:
            raise _Unreadable(place, "tags are not accepted")
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise _Unreadable(place, "a file must have one document")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _Unreadable(place, f"the file is nested deeper than {MAX_DEPTH} levels")


@dataclass
class _Conversion:
    """Converts nodes to plain values and collects places and faults."""

    places: dict[Path, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def value(self, node: yaml.Node, path: Path) -> object:
        self.places.setdefault(path, _place(node.start_mark))
        if isinstance(node, yaml.MappingNode):
            return dict(self._items(node, path))
        if isinstance(node, yaml.SequenceNode):
            return tuple(self.value(item, (*path, index)) for index, item in enumerate(node.value))
        return self._scalar(node, path)

    def _items(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, object]]:
        seen: dict[str, Place] = {}
        for key, value in node.value:
            place = _place(key.start_mark)
            if not isinstance(key, yaml.ScalarNode) or key.tag != f"{_TAG}str":
                self.faults.append(Fault(place, path, "the name of a field must be a text"))
                continue
            if character := unstorable_character(key.value):
                message = f"the name of a field contains {character}, which cannot be stored"
                self.faults.append(Fault(place, path, message))
                continue
            if key.value in seen:
                message = f'the field "{key.value}" is already given in line {seen[key.value].line}'
                self.faults.append(Fault(place, (*path, key.value), message))
                continue
            seen[key.value] = self.places[(*path, key.value)] = place
            yield key.value, self.value(value, (*path, key.value))

    def _scalar(self, node: yaml.Node, path: Path) -> object:
        """Return the plain value; add a fault for an escaped character that cannot be stored."""
        if character := unstorable_character(node.value):
            message = f"the text contains {character}, which cannot be stored"
            self.faults.append(Fault(self.places[path], path, message))
        return _plain(node)


def _plain(node: yaml.Node) -> object:
    if node.tag == f"{_TAG}bool":
        return node.value == "true"
    if node.tag == f"{_TAG}int":
        return int(node.value)
    return None if node.tag == f"{_TAG}null" else str(node.value)
