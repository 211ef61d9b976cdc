"""How something ended, in words for people."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Why something ended as it did, in both languages, and what a person can safely do next."""

    en: str
    zh: str
    next_en: str | None = None
    next_zh: str | None = None
