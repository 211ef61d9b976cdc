"""Write docs/acts.md: a table of every act, made from the rows in `orchestrator/workflows/<noun>/acts.py`.

Run `PYTHONPATH=. .venv/bin/python tools/list_acts.py` after an act was added or changed; a test compares the
page with the rows.
"""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import typer

from orchestrator.cli import app
from orchestrator.departments.permissions import ROLE_PERMISSIONS
from orchestrator.workflows.act import Act, Body, Noun
from orchestrator.workflows.nouns import NOUNS

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path("docs") / "acts.md"
HEAD: Final = """# Acts

The acts of people on existing objects, made from their rows in `orchestrator/workflows/` by
`tools/list_acts.py`. The API routes, the buttons and the to-do list are made from the same rows; the
permission tests compare the rows with a table.

- *Who* names the roles that may act. "own" limits the act to objects of the person's organisation, "other"
  excludes those. An organisation with a substitute in `policies/xinyu-2019/duties.yml` is decided on by that
  substitute. Planning a migration is authorship, not a verdict (domain §2.15): the centre plans its own, and
  the substitute approves the plan.
- *Never* names the persons of the object who may not act, administrators included.
- *Refused with* names the errors of further conditions, in the order in which they are checked.
- An act is called as `POST /api/v1/<noun>/{id}/<act>`, except where the table names another route. Every act
  accepts If-Match and Idempotency-Key.
"""
COLUMNS: Final = ("act", "label", "who", "from", "never", "needs", "refused with", "command")
ROUTES: Final = {
    ("requests", "edit"): "PUT /api/v1/requests/{id}",
    ("statements", "uphold"): "POST /api/v1/statements/{id}/decide",
    ("statements", "let-stand"): "POST /api/v1/statements/{id}/decide",
}
PERSONS: Final = {
    "id": "oneself",
    "requester_id": "requester",
    "endorser_id": "endorser",
    "author_id": "author",
    "applier_id": "applier",
    "registered_by": "the person who registered it",
    "verified_by_id": "verifier",
    "confirmed_by_id": "confirmer",
    "disputed_by_id": "the person who disputed it",
    "decided_by_id": "the person who decided a dispute of it",
}
BODIES: Final = {Body.ANY: "", Body.OWN: " (own)", Body.OTHER: " (other)"}
GROUPS: Final = {"content-revisions": "content", "migrations": "migration", "statements": "bill"}
"""Groups of commands that have another name than their noun."""
COMMANDS: Final = {
    ("requests", "plans"): "plan",
    ("statements", "uphold"): "decide",
    ("statements", "let-stand"): "decide",
}
"""Commands that have another name than their act."""


def main() -> int:
    """Write the page of this checkout."""
    (ROOT / PAGE).write_text(page(), encoding="utf-8")
    print(f"{PAGE} is written.")
    return 0


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *(section(noun) for noun in NOUNS)])


def section(noun: Noun) -> str:
    """Return the table of one noun."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(cells(noun, act) for act in noun.acts)]
    return "\n".join([f"## {noun.path.replace('-', ' ').capitalize()}", "", *map(_line, rows), ""])


def cells(noun: Noun, act: Act) -> tuple[str, ...]:
    """Return the cells of one act, in the order of `COLUMNS`."""
    route = ROUTES.get((noun.path, act.name))
    return (
        f"`{act.name}`" + (f" (`{route}`)" if route else ""),
        f"{act.label.en} {act.label.zh}",
        roles(act) + BODIES[act.body] + (f", only the {PERSONS[act.only]}" if act.only else ""),
        statuses(act.statuses),
        never(act),
        needs(act),
        ", ".join(f"`{code}`" for code in dict.fromkeys(one.refusal().code() for one in act.conditions)),
        command(noun, act),
    )


def roles(act: Act) -> str:
    """Return the roles that hold one of the act's permissions."""
    holders = (
        role for role, permissions in ROLE_PERMISSIONS.items() if permissions.intersection(act.permissions)
    )
    return ", ".join(role.replace("_", " ") for role in holders)


def statuses(names: Collection[str]) -> str:
    """Return the statuses from which the act is possible, in the order of the lifecycle."""
    lifecycle = list(type(next(iter(names))))  # type: ignore[call-overload]
    included = [f"`{name}`" for name in lifecycle if name in names]
    left_out = [f"`{name}`" for name in lifecycle if name not in names]
    return f"all but {', '.join(left_out)}" if len(left_out) < len(included) else ", ".join(included)


def never(act: Act) -> str:
    """Return the persons who may not act."""
    persons = ", ".join(PERSONS[column] for column in act.never_with)
    return f"{persons}, unless `{act.unless}`" if act.unless else persons


def needs(act: Act) -> str:
    """Return the values that a person gives with the act."""
    values = {"reason": act.needs_reason, "digest": act.needs_digest, "form": act.has_form}
    return ", ".join(name for name, is_needed in values.items() if is_needed)


def command(noun: Noun, act: Act) -> str:
    """Return the command of the act; empty if it has none."""
    name = COMMANDS.get((noun.path, act.name), act.name)
    group = GROUPS.get(noun.path, noun.path)
    return f"`govcloud {group} {name}`" if name in commands(group) else ""


def commands(group: str) -> Collection[str]:
    """Return the names of the commands of a group."""
    commands_of_app = getattr(typer.main.get_command(app), "commands", {})
    return getattr(commands_of_app.get(group), "commands", {}).keys()


def _line(row: Iterable[str]) -> str:
    return f"| {' | '.join(row)} |"


if __name__ == "__main__":
    sys.exit(main())
