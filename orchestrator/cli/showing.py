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
Column = str | tuple[str, Callable[[Any], object]]
"""The name of a member, or a title with a function of the object."""


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


def show_list(items: Sequence[Any], columns: Sequence[Column], *, as_json: bool) -> None:
    """Print objects as a table with a line for each of them."""
    if as_json:
        print_json(items)
        return
    titles = [column if isinstance(column, str) else column[0] for column in columns]
    names = [title.replace("_", " ") for title in titles]
    rows = [[_value(item, column) for column in columns] for item in items]
    if rows:
        print_table(names, rows)
    else:
        typer.echo("Nothing.")


def show_fields(item: Any, fields: Sequence[Column], *, as_json: bool) -> None:
    """Print one object, one line for each field that is not empty."""
    if as_json:
        print_json(item)
        return
    for column in fields:
        name, value = column if isinstance(column, str) else column[0], _value(item, column)
        if value not in (None, "", [], {}):
            typer.echo(f"{name.replace('_', ' ') + ':':<20} {value}")


def _value(item: Any, column: Column) -> object:
    value = _member(item, column) if isinstance(column, str) else column[1](item)
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def _member(item: Any, name: str) -> Any:
    return item[name] if isinstance(item, Mapping) else getattr(item, name)


def print_json(document: Any) -> None:
    """Print objects of the API as JSON; Chinese is not escaped."""
    from orchestrator.client.encoding import encode

    typer.echo(json.dumps(encode(document), ensure_ascii=False, indent=2))


def cny(fen: int) -> str:
    """Format fen as ``1,016.00 CNY``."""
    yuan, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{yuan:,}.{rest:02d} CNY"


def when(instant: datetime | str | None) -> str:
    """Format an instant of the API in Asia/Shanghai."""
    if not instant:
        return ""
    moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return moment.astimezone(ZoneInfo(CITY)).strftime("%Y-%m-%d %H:%M")


MONTH: Column = ("a month", lambda item: cny(_member(item, "monthly_fen")))
ORGANISATION: Column = ("org", lambda item: _member(item, "organisation_code"))
SYSTEM: Column = ("system", lambda item: _member(item, "system_code"))


def at(field: str) -> Column:
    """Return a column with an instant."""
    return field, lambda item: when(_member(item, field))
