"""`govcloud bill`: check the arithmetic of bills, close a month, read and export statements."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.connection import NoSuchThing, signed_in
from orchestrator.cli.showing import AsJson, cny, print_json, print_table, show_fields, show_list

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from orchestrator.billing.preview_case import Case
    from orchestrator.client.api import ApiClient
    from orchestrator.client.models import StatementDetail

app = typer.Typer(no_args_is_help=True, help="Bills: previews, month close, statements.")
Input = Annotated[Path, typer.Option("--input", help="The case as JSON; - reads standard input.")]
Output = Annotated[
    Path | None, typer.Option("--output", help="File for the lines; standard output if omitted.")
]

Month = Annotated[str, typer.Argument(help="A month, e.g. 2019-06.")]
Department = Annotated[str, typer.Argument(help="A department, e.g. SLJ.")]
PAUSE_SECONDS = 0.2


@app.command()
def preview(file: Input, output: Output = None) -> None:
    """Rate the usage of a file against given prices; nothing is stored.

    Computes in the database of DATABASE_URL; without it, in a temporary PostgreSQL server.
    """
    text = sys.stdin.read() if str(file) == "-" else _read(file)
    document = _answer(file, text)
    if output is None:
        sys.stdout.write(document)
    else:
        output.write_text(document, encoding="utf-8")


def _read(file: Path) -> str:
    from orchestrator.cli.request_files import BadFile

    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(file, [str(error)]) from None


def _answer(file: Path, text: str) -> str:
    from orchestrator.billing.preview_case import answer
    from orchestrator.billing.queries import rate_by
    from orchestrator.core.db import create_database_engine, reading
    from orchestrator.settings import Settings

    case = _checked(file, text)
    url = Settings().database_url
    if url is None and os.geteuid() == 0:
        return _as_unprivileged(text)
    with nullcontext(url) if url else _server_of_its_own(case) as address:
        engine = create_database_engine(address)
        with reading(engine) as session:
            lines = rate_by(session, case.rated_usage(), case.relations())
        engine.dispose()
    return json.dumps(answer(lines), ensure_ascii=False, indent=2) + "\n"


def _checked(file: Path, text: str) -> Case:
    from pydantic import ValidationError

    from orchestrator.billing.preview_case import read_case
    from orchestrator.cli.request_files import BadFile

    try:
        return read_case(text)
    except ValidationError as error:
        problems = [(".".join(map(str, item["loc"])), item["msg"]) for item in error.errors()]
        raise BadFile(file, [f"{field}: {words}" if field else words for field, words in problems]) from None
    except (ValueError, RecursionError) as error:
        raise BadFile(file, [f"it is not JSON: {error}"]) from None


@contextmanager
def _server_of_its_own(case: Case) -> Iterator[str]:
    """Yield the address of a temporary database."""
    from orchestrator.adapters.embedded_postgres import EmbeddedPostgres
    from orchestrator.core.errors import BadInput

    if case.catalogues is None:
        raise BadInput(
            "The case has no catalogues: set DATABASE_URL to use the stored ones.", field="catalogues"
        )
    with tempfile.TemporaryDirectory(prefix="govcloud-bill-") as folder:
        Path(folder).chmod(0o700)
        server = EmbeddedPostgres(Path(folder), settings={"fsync": "off"})
        try:
            yield server.start()
        finally:
            server.stop()


def _as_unprivileged(text: str) -> str:
    """Run the same command as the product's account, because PostgreSQL refuses to run as root."""
    from orchestrator.core.account import account_environment, choose_account, prepare_folders

    account = choose_account()
    prepare_folders(account)
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "bill", "preview", "--input", "-"],
        input=text,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd="/",
        env=account_environment(account, os.environ),
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    )
    if done.returncode:
        raise typer.Exit(done.returncode)
    return done.stdout


@app.command("list")
def list_statements(
    month: Annotated[str | None, typer.Option(help="Only this one, e.g. 2019-06.")] = None,
    department: Annotated[str | None, typer.Option(help="Only this one, e.g. SLJ.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the statements that you may see, newest month first."""
    from orchestrator.client.api import every

    with signed_in() as client:
        statements = list(
            every(lambda page: client.list_statements(month=month, organisation=department, cursor=page))
        )
    total = ("total", lambda statement: cny(statement.total_fen))
    columns = ("number", "organisation_code", "month", "status", "line_count", total)
    show_list(statements, columns, as_json=as_json)


@app.command()
def close(
    month: Month,
    again: Annotated[
        bool, typer.Option("--again", help="Meter statements again that are not issued yet.")
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait until every statement is metered.")
    ] = 600,
    as_json: AsJson = False,
) -> None:
    """Close a month: every department gets its statement. A repeated close continues where it stopped."""
    give_up = time.monotonic() + wait
    with signed_in() as client:
        progress = client.close_month(month, again=again)
        while progress.to_meter and time.monotonic() < give_up:
            time.sleep(PAUSE_SECONDS)
            progress = client.read_month(month)
    show_fields(progress, ("month", "statements", "to_meter"), as_json=as_json)
    if progress.to_meter:
        typer.echo(f"{progress.to_meter} statements are not metered; close the month again.", err=True)
        raise typer.Exit(1)


@app.command()
def statement(department: Department, month: Month, as_json: AsJson = False) -> None:
    """Show the newest statement of a department for a month, with its changes of usage and its lines."""
    from orchestrator.client.models import ExportStatementFormat

    with signed_in() as client:
        wanted = _find(client, department, month)
        document = json.loads(client.export_statement(wanted, format=ExportStatementFormat.JSON))
    if as_json:
        print_json(document)
        return
    head = ("number", "status", "month", "issued_on", "answer_due", "total", "total_zh", "digest")
    show_fields({**document, "total": cny(document["total_fen"])}, head, as_json=False)
    movement = ("sku", "name_zh", "unit", "opening", "increases", "decreases", "closing")
    print_table(movement, [[item[name] for name in movement] for item in document["movement"]])
    lines = ("kind", "resource", "sku", "quantity", "starts", "ends", "days", "amount")
    print_table(lines, [[item[name] for name in lines] for item in document["lines"]])


@app.command()
def export(
    department: Department,
    month: Month,
    form: Annotated[str, typer.Option("--format", help="pdf, xlsx, csv or json.")] = "pdf",
    output: Output = None,
) -> None:
    """Save the newest statement of a department for a month as a file."""
    from orchestrator.client.models import ExportStatementFormat

    with signed_in() as client:
        wanted = _find(client, department, month)
        data = client.export_statement(wanted, format=ExportStatementFormat(form))
    path = output or Path(f"statement-{month}-{department}.{form}")
    path.write_bytes(data)
    typer.echo(f"{path}: {len(data)} bytes")


@app.command()
def issue(department: Department, month: Month, as_json: AsJson = False) -> None:
    """Issue a verified statement: its number and amounts are fixed from now on."""
    with signed_in() as client:
        _acted(client.issue_statement(_find(client, department, month)), as_json=as_json)


@app.command()
def confirm(department: Department, month: Month, as_json: AsJson = False) -> None:
    """Confirm your department's statement."""
    with signed_in() as client:
        _acted(client.confirm_statement(_find(client, department, month)), as_json=as_json)


@app.command()
def dispute(
    department: Department,
    month: Month,
    reason: Annotated[
        str, typer.Option("--reason", help="Reason, shown to everyone who can see the statement.")
    ],
    as_json: AsJson = False,
) -> None:
    """Dispute a statement; a reason is required."""
    from orchestrator.client.models import ReasonBody

    with signed_in() as client:
        wanted = _find(client, department, month)
        _acted(client.dispute_statement(wanted, ReasonBody(reason=reason)), as_json=as_json)


@app.command()
def decide(
    department: Department,
    month: Month,
    upheld: Annotated[
        bool, typer.Option("--uphold/--let-stand", help="Issue a new revision, or keep the statement.")
    ],
    reason: Annotated[
        str, typer.Option("--reason", help="Reason, shown to everyone who can see the statement.")
    ],
    as_json: AsJson = False,
) -> None:
    """Decide a dispute, and show the statement that continues: the same one, or its next revision."""
    from orchestrator.client.models import DisputeDecision

    decision = DisputeDecision(upheld=upheld, reason=reason)
    with signed_in() as client:
        wanted = _find(client, department, month)
        _acted(client.decide_dispute(wanted, decision), as_json=as_json)


def _acted(statement: StatementDetail, *, as_json: bool) -> None:
    total = ("total", lambda shown: cny(shown.total_fen))
    show_fields(statement, ("number", "status", total, "answer_due", "digest"), as_json=as_json)


def _find(client: ApiClient, department: str, month: str) -> UUID:
    statements = client.list_statements(organisation=department, month=month).items
    matches = [statement.id for statement in statements if statement.organisation_code == department]
    if not matches:
        raise NoSuchThing(f"There is no statement of {department} for {month}.")
    return matches[0]
