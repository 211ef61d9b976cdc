"""Update ``locale/en.po`` with the texts of templates and code.

Run it by ``python -m orchestrator.console.words.messages``; it lists the texts that still lack English.
"""

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from orchestrator.console.words.i18n import LOCALE_DIR

CONSOLE_DIR = Path(__file__).parent.parent
METHODS = [("**/templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"**/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}
KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2)}


def extract() -> Catalog:
    """Return every text of the console that a reader may see, without translations."""
    catalogue = Catalog()
    for file, _line, text, comments, context in extract_from_dir(
        str(CONSOLE_DIR), METHODS, OPTIONS, keywords=KEYWORDS
    ):
        # Line numbers would change the file with every edit of a template, so only the file is kept.
        catalogue.add(text, None, [(file, 0)], auto_comments=comments, context=context)
    return catalogue


def read_english() -> Catalog:
    """Return the committed English catalogue."""
    with (LOCALE_DIR / "en.po").open("rb") as file:
        return read_po(file, locale="en", abort_invalid=True)


def update() -> list[str]:
    """Write ``en.po`` with all extracted texts, and return those that still lack English."""
    path = LOCALE_DIR / "en.po"
    known = {m.id: m.string for m in read_english()} if path.exists() else {}
    catalogue = Catalog(locale="en", fuzzy=False)
    for message in extract():
        if message.id:
            catalogue.add(message.id, known.get(message.id), [(f, 0) for f, _ in message.locations])
    with path.open("wb") as file:
        write_po(file, catalogue, omit_header=True, include_lineno=False, sort_output=True, width=110)
    return [str(message.id) for message in catalogue if message.id and not message.string]


if __name__ == "__main__":
    missing = update()
    raise SystemExit("".join(f"no English yet: {text}\n" for text in missing) or 0)
