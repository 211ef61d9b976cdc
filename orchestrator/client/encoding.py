"""Conversion between JSON and the models of the API.

An older client must work with a newer service: unknown members of a response are ignored, and an unknown
value of an enum is kept as a member that equals no listed one. A missing member raises UnexpectedResponse.
"""

import types
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from keyword import iskeyword
from typing import Any, Self, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints
from uuid import UUID

T = TypeVar("T")
Decode = Callable[[Any], Any]


class UnexpectedResponse(Exception):
    """The service and this client have different versions of the API."""


class OpenEnum(StrEnum):
    """An enum that also accepts values that a newer service may send."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unlisted = str.__new__(cls, value)
        unlisted._name_, unlisted._value_ = value.upper(), value
        return unlisted


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Model:
    """Base of the frozen objects of the API, each with the members of one JSON object.

    A subclass behaves like a frozen dataclass. It is none, because Python compiles several methods for each
    dataclass: with all models of the API, that would add 50 ms to the start of every command.
    """

    def __init__(self, **members: Any) -> None:
        cls = type(self)
        unknown = members.keys() - cls.__annotations__.keys()
        missing = [name for name in cls.__annotations__ if name not in members and not hasattr(cls, name)]
        if unknown or missing:
            raise TypeError(f"{cls.__name__}: unknown members {sorted(unknown)}, missing members {missing}")
        # A member that is not given has the default of its class, and is not sent.
        self.__dict__.update(members)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is read-only.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is read-only.")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._members() == other._members()

    def __hash__(self) -> int:
        return hash((type(self), *self._members().values()))

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={value!r}" for name, value in self._members().items())
        return f"{type(self).__name__}({members})"

    def _members(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).__annotations__}


def decode(kind: type[T], document: Any) -> T:
    """Return a JSON document as a model, or as a tuple or dictionary of models.

    Raises:
        UnexpectedResponse: The document lacks a member, or a value cannot be read.
    """
    annotation: Any = kind
    try:
        value: T = _decoder(annotation)(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnexpectedResponse(
            f"The service's response is not a {getattr(kind, '__name__', kind)} ({error}). "
            "Use the client of the service's version."
        ) from error
    return value


def encode(value: Any) -> Any:
    """Return a model as JSON, with the members that it was given."""
    if isinstance(value, Model):
        return {_wire_name(name): encode(member) for name, member in value.__dict__.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {name: encode(item) for name, item in value.items()}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID | StrEnum) else value


def _wire_name(name: str) -> str:
    """Return the member's name in JSON; a Python keyword has an underscore appended in the model."""
    return name[:-1] if name.endswith("_") and iskeyword(name[:-1]) else name


def _unchanged(value: Any) -> Any:
    return value


@cache
def _decoder(kind: Any) -> Decode:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union_decoder(get_args(kind))
    if origin is tuple:
        decode_item = _decoder(get_args(kind)[0])
        return lambda items: tuple(decode_item(item) for item in items)
    if origin is dict:
        decode_value = _decoder(get_args(kind)[1])
        return lambda members: {name: decode_value(value) for name, value in members.items()}
    return _class_decoder(kind) if isinstance(kind, type) else _unchanged


def _class_decoder(kind: type) -> Decode:
    if issubclass(kind, Model):
        return _model_decoder(kind)
    if issubclass(kind, date):
        return kind.fromisoformat
    return kind if issubclass(kind, UUID | OpenEnum) else _unchanged


def _union_decoder(kinds: tuple[Any, ...]) -> Decode:
    decoders = [_decoder(kind) for kind in kinds if kind is not types.NoneType]
    converting = [one for one in decoders if one is not _unchanged]
    if not converting:
        return _unchanged
    if len(decoders) > 1:
        raise TypeError(f"no decoder for a union of {kinds}")
    return lambda value: None if value is None else converting[0](value)


def _model_decoder(kind: type[Model]) -> Decode:
    hints = get_type_hints(kind)
    members = [
        (name, _wire_name(name), _decoder(hints[name]), hasattr(kind, name)) for name in kind.__annotations__
    ]

    def read(document: Mapping[str, Any]) -> Model:
        return kind(
            **{
                name: decode_member(document[wire_name])
                for name, wire_name, decode_member, may_be_missing in members
                if not may_be_missing or wire_name in document
            }
        )

    return read
