"""Output for people as tables of plain text, and for programs as JSON."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

WIDE = 400
"""Columns of output that goes to a file or a program."""
CITY = "Asia/Shanghai"

AsJson = Annotated[bool, typer.Option("--json", help="Print the response of the API as JSON.")]
Column = str | tuple[str, Callable[[Mapping[str, Any]], object]]


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows of plain text; typed text is never read as markup, and nothing is truncated."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, title in enumerate(columns):
        table.add_column(title, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(table)


def show_list(items: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, as_json: bool) -> None:
    """Print a list; a column is a field's name, or a title with a function of the row."""
    if as_json:
        print_json(items)
        return
    titles = [column if isinstance(column, str) else column[0] for column in columns]
    names = [title.replace("_", " ") for title in titles]
    rows = [[item[c] if isinstance(c, str) else c[1](item) for c in columns] for item in items]
    if rows:
        print_table(names, rows)
    else:
        typer.echo("Nothing.")


def show_fields(item: Mapping[str, Any], fields: Sequence[Column], *, as_json: bool) -> None:
    """Print one object, one line for each field that is not empty."""
    if as_json:
        print_json(item)
        return
    for column in fields:
        name, value = (column, item[column]) if isinstance(column, str) else (column[0], column[1](item))
        if value not in (None, "", [], {}):
            typer.echo(f"{name.replace('_', ' ') + ':':<20} {value}")


def print_json(document: Any) -> None:
    """Print the document; Chinese is not escaped."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def cny(fen: int) -> str:
    """Format fen as ``1,016.00 CNY``."""
    yuan, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{yuan:,}.{rest:02d} CNY"


def when(instant: str | None) -> str:
    """Format an instant of the API in Asia/Shanghai."""
    if not instant:
        return ""
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(CITY)).strftime("%Y-%m-%d %H:%M")


MONTH: Column = ("a month", lambda item: cny(item["monthly_fen"]))
ORGANISATION: Column = ("org", lambda item: item["organisation_code"])
SYSTEM: Column = ("system", lambda item: item["system_code"])


def at(field: str) -> Column:
    """Return a column with an instant."""
    return field, lambda item: when(item[field])
