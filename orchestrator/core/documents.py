"""Common types of documents that people write by hand: strict models, amounts, days and texts."""

import unicodedata
from contextlib import suppress
from datetime import date
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from orchestrator.core.money import parse_cny

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


class Document(BaseModel):
    """A document or a part of one: immutable, strictly typed, without unknown fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def _fen(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError('an amount in CNY must be a quoted string such as "50000.00"')  # noqa: TRY004
    fen = parse_cny(value)
    if fen < 0:
        raise ValueError("an amount in a document must not be negative")
    return fen


def _day(value: object) -> date:
    if isinstance(value, str) and len(value) == len("2019-06-19"):
        with suppress(ValueError):
            return date.fromisoformat(value)
    raise ValueError("a day must be written like 2019-06-19")


def _plain_text(value: object) -> object:
    if isinstance(value, str) and any(unicodedata.category(char) in _INVISIBLE_CATEGORIES for char in value):
        raise ValueError("a text must not contain line breaks, control characters or invisible characters")
    return value


Fen = Annotated[int, BeforeValidator(_fen)]
"""A non-negative amount in whole fen, written as a text in CNY."""

Day = Annotated[date, BeforeValidator(_day)]
"""A date, written like ``2019-06-19``."""

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
"""The reason for a decision, as a person wrote it; 1 to 4000 characters."""

PlainText = Annotated[str, BeforeValidator(_plain_text)]
"""One line of text without invisible characters."""

Name = Annotated[PlainText, StringConstraints(min_length=1, max_length=120, pattern=r"^\S(.*\S)?$")]
"""One line of 1 to 120 visible characters without leading or trailing spaces."""
