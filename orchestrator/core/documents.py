"""Common parts of documents that people write by hand: strict models, amounts, days and texts."""

import unicodedata
from contextlib import suppress
from datetime import date
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from orchestrator.core.money import parse_cny

_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


class Document(BaseModel):
    """A document or a part of one: frozen, strict, without unknown fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def _fen(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError('an amount in CNY is written as a quoted string such as "50000.00"')  # noqa: TRY004
    fen = parse_cny(value)
    if fen < 0:
        raise ValueError("an amount in a document is not negative")
    return fen


def _day(value: object) -> date:
    if isinstance(value, str) and len(value) == len("2019-06-19"):
        with suppress(ValueError):
            return date.fromisoformat(value)
    raise ValueError("a day is written like 2019-06-19")


def _plain_text(value: object) -> object:
    if isinstance(value, str) and any(unicodedata.category(sign) in _UNSEEN for sign in value):
        raise ValueError("a text holds no line breaks, control signs or invisible signs")
    return value


Fen = Annotated[int, BeforeValidator(_fen)]
"""Whole fen, written in CNY as text."""

Day = Annotated[date, BeforeValidator(_day)]
"""A day, written like ``2019-06-19``."""

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
"""Why somebody decided so, in their own words."""

PlainText = Annotated[str, BeforeValidator(_plain_text)]
"""One line of visible text."""

Name = Annotated[PlainText, StringConstraints(min_length=1, max_length=120, pattern=r"^\S(.*\S)?$")]
"""One line of 1 to 120 visible signs without spaces at its ends."""
