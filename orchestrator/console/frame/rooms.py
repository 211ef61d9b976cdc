"""The rooms of the console: a folder with ``pages.py`` is part of it without further registration.

``pages.py`` holds a `router` and, for an entry in the left menu, `MENU`. Templates lie in ``templates``,
English texts in ``locale``.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

CONSOLE_DIR = Path(__file__).parent.parent


@cache
def rooms() -> tuple[ModuleType, ...]:
    """Return the ``pages`` module of every room, by name."""
    names = sorted(path.parent.name for path in CONSOLE_DIR.glob("*/pages.py"))
    return tuple(import_module(f"orchestrator.console.{name}.pages") for name in names)
