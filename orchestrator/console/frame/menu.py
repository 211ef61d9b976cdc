"""The left menu, by the permissions of the person."""

from dataclasses import dataclass
from operator import attrgetter

from orchestrator.console.frame.rooms import rooms
from orchestrator.departments.permissions import Actor, Permission


@dataclass(frozen=True)
class MenuEntry:
    """One line of the menu, sorted by `place`; `badge` names the count beside it."""

    place: int
    label: str
    path: str
    badge: str = ""
    any_of: frozenset[Permission] = frozenset()

    def is_for(self, actor: Actor) -> bool:
        """Return True if the actor holds one of the permissions that the page needs."""
        return not self.any_of or bool(self.any_of & actor.permissions)


def entries_for(actor: Actor) -> tuple[MenuEntry, ...]:
    """Return the menu of one person, in the order of the page."""
    entries: list[MenuEntry] = [room.MENU for room in rooms() if hasattr(room, "MENU")]
    return tuple(entry for entry in sorted(entries, key=attrgetter("place")) if entry.is_for(actor))


def is_current(entry: MenuEntry, path: str) -> bool:
    """Return True if the page at `path` belongs to this entry."""
    if entry.path == "/console/":
        return path == entry.path
    return path == entry.path or path.startswith(f"{entry.path}/")
