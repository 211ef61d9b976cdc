"""The command `govcloud`: one file a topic.

Commands of the first group talk to the API as the person who signed in; the others work on this machine.
Each command imports its own modules, so that a call of the API does not load engines and tables.
"""

import os
import sys
from typing import Annotated

import typer

from orchestrator import __version__
from orchestrator.cli import (
    audit,
    bill,
    clock,
    content,
    database,
    login,
    migrations,
    people,
    plans,
    requests,
    resources,
    revisions,
    runs,
    sandbox,
    serving,
)
from orchestrator.refusals import complain, explain

CLIENT, MACHINE = "As a signed-in person", "On this machine"
CLIENTS = frozenset(
    {
        "bill",
        "content",
        "drift",
        "login",
        "logout",
        "migration",
        "people deactivate",
        "plans",
        "quote",
        "requests",
        "resources",
        "runs",
        "whoami",
    }
)
"""Groups and commands that only call the API, so root may run them under its own account."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Provision and migrate government cloud systems: reviewed, approved, billed and audited.",
)
for command in (login.login, login.logout, login.whoami, login.quote):
    app.command(rich_help_panel=CLIENT)(command)
app.add_typer(requests.app, name="requests", rich_help_panel=CLIENT)
app.add_typer(plans.app, name="plans", rich_help_panel=CLIENT)
app.add_typer(runs.app, name="runs", rich_help_panel=CLIENT)
app.add_typer(migrations.app, name="migration", rich_help_panel=CLIENT)
app.add_typer(resources.app, name="resources", rich_help_panel=CLIENT)
app.add_typer(resources.drift_app, name="drift", rich_help_panel=CLIENT)
app.add_typer(revisions.app, name="content", rich_help_panel=CLIENT)
app.add_typer(bill.app, name="bill", rich_help_panel=CLIENT)
for command in (serving.demo, serving.up, serving.web, serving.worker, content.load):
    app.command(rich_help_panel=MACHINE)(command)
app.add_typer(sandbox.app, name="sandbox", rich_help_panel=MACHINE)
app.add_typer(database.app, name="database", rich_help_panel=MACHINE)
app.add_typer(audit.app, name="audit", rich_help_panel=MACHINE)
app.add_typer(people.app, name="people", rich_help_panel=MACHINE)
app.add_typer(clock.app, name="clock", rich_help_panel=MACHINE)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line: root restarts as the product's account; refusals are shown without a traceback.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    """
    _refuse_undecodable(sys.argv)
    try:
        if os.geteuid() == 0 and _works_on_the_machine(sys.argv[1:]):
            from orchestrator.core.account import become_unprivileged

            become_unprivileged()
        app(prog_name="govcloud")
    except Exception as error:
        lines = explain(error)
        if lines is None:
            raise
        complain(lines)
        sys.exit(1)


def _refuse_undecodable(words: list[str]) -> None:
    """Exit with code 2 if an argument is not text in UTF-8: it could be neither sent nor stored."""
    for position, word in enumerate(words):
        try:
            word.encode()
        except UnicodeEncodeError:
            complain([f"Argument {position} is not text in UTF-8."])
            sys.exit(2)


def _works_on_the_machine(words: list[str]) -> bool:
    if not words or words[0].startswith("-") or "--help" in words:
        return False
    return CLIENTS.isdisjoint({words[0], " ".join(words[:2])})
