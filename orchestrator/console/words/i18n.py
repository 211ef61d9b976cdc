"""The language of a page, and the English for its Chinese texts.

Chinese is written in the sources (message ids), English comes from ``<room>/locale/en.po``, which is compiled
when it is first needed: no compiled catalogue is kept in Git.
"""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Literal

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.requests import Request

Language = Literal["zh", "en"]

COOKIE = "language"
CONSOLE_DIR = Path(__file__).parent.parent


def N_(text: str) -> str:  # noqa: N802 - the name that gettext tools look for
    """Mark a text for extraction that is translated later, when its value is shown."""
    return text


def read_catalogue(language: Language) -> Catalog:
    """Return the texts of all rooms; a text that several rooms use is in ``words``."""
    merged = Catalog(locale=language)
    for path in CONSOLE_DIR.glob(f"*/locale/{language}.po"):
        with path.open("rb") as file:
            for message in read_po(file, locale=language, abort_invalid=True):
                merged.add(message.id, message.string, message.locations)
    return merged


@cache
def translations(language: Language) -> NullTranslations:
    """Return the translations of `language`; Chinese needs none, because the sources are Chinese."""
    if language == "zh":
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, read_catalogue(language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def asked_language(request: Request) -> Language | None:
    """Return the language of the query parameter ``lang``; None for an unknown one."""
    return _known(request.query_params.get("lang"))


def choose_language(request: Request, preferred: str | None) -> Language:
    """Return the language of the address, else the cookie's, else the person's setting, else Chinese."""
    return asked_language(request) or _known(request.cookies.get(COOKIE)) or _known(preferred) or "zh"


def _known(value: str | None) -> Language | None:
    if value == "zh":
        return "zh"
    return "en" if value == "en" else None
