"""Update ``<room>/locale/en.po`` with the texts of templates and code.

Run it by ``python -m orchestrator.console.words.messages``; it lists the texts that still lack English.
"""

from collections import defaultdict

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from orchestrator.console.words.i18n import CONSOLE_DIR, read_catalogue

SHARED = "words"
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
    """Return the committed English texts of all rooms."""
    return read_catalogue("en")


def room_of(message: Message) -> str:
    """Return the room whose catalogue holds a text: the only one that uses it, else the shared ``words``."""
    rooms = {file.partition("/")[0] for file, _ in message.locations}
    return rooms.pop() if len(rooms) == 1 and "routes.py" not in rooms else SHARED


def update() -> list[str]:
    """Write the catalogues of all rooms, and return the texts that still lack English."""
    english = {message.id: message.string for message in read_english()}
    catalogues: defaultdict[str, Catalog] = defaultdict(lambda: Catalog(locale="en", fuzzy=False))
    for message in extract():
        if message.id:
            places = [(file, 0) for file, _ in message.locations]
            catalogues[room_of(message)].add(message.id, english.get(message.id), places)
    for old in CONSOLE_DIR.glob("*/locale/en.po"):
        old.unlink()
    for room, catalogue in catalogues.items():
        path = CONSOLE_DIR / room / "locale" / "en.po"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalogue, omit_header=True, include_lineno=False, sort_output=True, width=110)
    return [str(m.id) for catalogue in catalogues.values() for m in catalogue if m.id and not m.string]


if __name__ == "__main__":
    missing = update()
    raise SystemExit("".join(f"no English yet: {text}\n" for text in missing) or 0)
