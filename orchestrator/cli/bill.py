"""`govcloud bill`: check the arithmetic of bills, close a month, read and export statements."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.billing.preview_case import Case

app = typer.Typer(no_args_is_help=True, help="Bills: what-if, closing a month, statements.")
Input = Annotated[Path, typer.Option("--input", help="The case as JSON; - is standard input.")]
Output = Annotated[
    Path | None, typer.Option("--output", help="Where the lines go; standard output without it.")
]


@app.command()
def preview(file: Input, output: Output = None) -> None:
    """Rate given usage against given prices; nothing that is stored is read for that, and nothing is written.

    Uses DATABASE_URL for its arithmetic; without it, a server of its own that is gone afterwards.
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
    """The address of a database that exists only for this."""
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
    """PostgreSQL does not run as root: the same command answers from a process of the product's account."""
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
