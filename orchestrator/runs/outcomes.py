"""How something ended, in words for people."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """A reason in both languages, with the next safe action of a person."""

    en: str
    zh: str
    next_en: str | None = None
    next_zh: str | None = None
