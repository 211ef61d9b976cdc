"""`govcloud load`: check and load the content files in one transaction, with all errors and a diff."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.machine import database
from orchestrator.cli.showing import print_table

if TYPE_CHECKING:
    from orchestrator.content.bundle import ContentBundle
    from orchestrator.content.differences import Difference

SHOWN = 40
"""Up to this number differences are listed; more are counted by kind."""


def load(
    folder: Annotated[Path | None, typer.Argument(help="Folder that contains quotas/.")] = None,
    author: Annotated[
        str | None, typer.Option("--as", help="User name of the person who proposes it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the differences.")] = False,
) -> None:
    """Read the content files and load them, or propose them as a revision for a second person."""
    from orchestrator.content.differences import changes, conflicts
    from orchestrator.content.errors import AuthorNeeded
    from orchestrator.settings import Settings
    from orchestrator.workflows.content import content_revisions
    from orchestrator.workflows.people import accounts

    bundle = _read(folder or Settings().content_dir)
    with database() as session:
        differences = content_revisions.compare(session, bundle.rows())
        _show([*conflicts(differences), *changes(differences)])
        if dry_run or (not changes(differences) and not conflicts(differences)):
            typer.echo("Nothing was written." if dry_run else "The database already matches the files.")
            return
        person = accounts.actor_named(session, author) if author else None
        try:
            revision = content_revisions.load_content(session, bundle, person)
        except AuthorNeeded as error:
            raise AuthorNeeded(f"{error} Name them with --as, e.g. --as xxh.reviewer.") from error
    if revision is not None and revision.status == "loaded":
        typer.echo(f"Loaded as revision {revision.number}.")
    elif revision is not None:
        typer.echo(f"Proposed as revision {revision.number}; a second person approves it:")
        typer.echo(
            f"  govcloud content show {revision.number}, then govcloud content approve {revision.number}"
        )


def _read(folder: Path) -> "ContentBundle":
    from orchestrator.adapters.content_files import read_content

    reading = read_content(folder)
    for problem in reading.problems:
        typer.echo(str(problem), err=True)
    if reading.bundle is None:
        typer.echo(f"{len(reading.problems)} problem(s); nothing was loaded.", err=True)
        raise typer.Exit(1)
    return reading.bundle


def _show(wanted: "list[Difference]") -> None:
    if len(wanted) > SHOWN:
        counted = Counter((item.verdict.value, item.kind) for item in wanted)
        print_table(("", "kind", "differences"), [(*what, number) for what, number in counted.items()])
    elif wanted:
        print_table(("", "kind", "key", "field", "before", "after"), [_row(item) for item in wanted])


def _row(item: "Difference") -> tuple[object, ...]:
    place = (item.verdict.value, item.kind, item.key, item.field)
    # Without a field the whole row is new or removed, and the key is enough to name it.
    return (*place, item.before, item.after) if item.field else (*place, "", "")
