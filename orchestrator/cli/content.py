"""`govcloud load`: content from the files, all problems at once, a diff, one transaction."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from orchestrator.adapters.content_files import read_content
from orchestrator.content.bundle import ContentBundle
from orchestrator.content.differences import Difference, changes, conflicts
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.settings import Settings
from orchestrator.wiring import database_url
from orchestrator.workflows import administering, loading

SHOWN = 40


def load(
    folder: Annotated[Path | None, typer.Argument(help="Folder that contains quotas/.")] = None,
    author: Annotated[
        str | None, typer.Option("--as", help="User name of the person who proposes it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the differences only.")] = False,
) -> None:
    """Read the content files and load them, or propose them as a revision for a second person."""
    settings = Settings()
    out, err = Console(), Console(stderr=True)
    bundle = _read(folder or settings.content_dir, err)
    engine = create_database_engine(database_url(settings))
    with transaction(engine) as session:
        found = loading.compare(session, bundle.rows())
        _show(found, out)
        if dry_run or (not changes(found) and not conflicts(found)):
            out.print("Nothing was written." if dry_run else "Everything is as the files say.")
            return
        person = administering.actor_named(session, author) if author else None
        revision = loading.load_content(session, bundle, person)
    if revision is not None and revision.status == "loaded":
        out.print(f"Loaded as revision {revision.number}.")
    elif revision is not None:
        out.print(f"Proposed as revision {revision.number}; a second person approves it.")


def _read(folder: Path, err: Console) -> ContentBundle:
    reading = read_content(folder)
    for problem in reading.problems:
        err.print(str(problem), style="red", highlight=False, markup=False, soft_wrap=True)
    if reading.bundle is None:
        err.print(f"{len(reading.problems)} problem(s); nothing was loaded.")
        raise typer.Exit(1)
    return reading.bundle


def _show(found: list[Difference], out: Console) -> None:
    wanted = [*conflicts(found), *changes(found)]
    if not wanted:
        return
    table = Table("", "kind", "key", "field", "before", "after")
    for item in wanted[:SHOWN]:
        after = "" if item.field == "" else str(item.after)
        table.add_row(
            item.verdict.value,
            item.kind,
            item.key,
            item.field,
            "" if item.field == "" else str(item.before),
            after,
        )
    out.print(table)
    if len(wanted) > SHOWN:
        out.print(f"… and {len(wanted) - SHOWN} more.")
