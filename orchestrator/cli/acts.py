"""Commands of acts, made from the list in `orchestrator/client/acts.py`: a new act needs no code here."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from orchestrator.cli.connection import signed_in
from orchestrator.cli.showing import AsJson, at, show_fields
from orchestrator.client.acts import ACTS, ActCall, Needs

if TYPE_CHECKING:
    from orchestrator.client.api import ApiClient
    from orchestrator.client.models import RunDetail

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Show the log until the run has ended.")]


@dataclass(frozen=True)
class Group:
    """The commands on one kind of object.

    Attributes:
        noun: The name of the objects in addresses, e.g. ``requests``.
        one: The name of one of them, e.g. ``request``.
        named_by: The help on how a person names one.
        find: Returns the id of the object that a person named.
        show: Prints the object after an act.
        reason: The help on the reason; by default it is shown to everyone who can see the object.
    """

    app: typer.Typer
    noun: str
    one: str
    named_by: str
    find: Callable[["ApiClient", str], UUID]
    show: Callable[..., None]
    reason: str = ""

    def reference(self) -> Any:
        """Return the argument that names the object."""
        return typer.Argument(..., metavar=self.one.upper(), help=self.named_by)

    def why(self) -> Any:
        """Return the option for the reason."""
        words = self.reason or f"Reason, shown to everyone who can see the {self.one}."
        return typer.Option(..., "--reason", help=words)

    def call(self, client: "ApiClient", act: ActCall, reference: str, *body: object) -> Any:
        """Call the act on the object that was named, and return the response."""
        return getattr(client, act.method)(self.find(client, reference), *body)


def add_acts(group: Group, besides: Collection[str] = (), names: Mapping[str, str] | None = None) -> None:
    """Add a command for each act on this kind of object.

    Acts named in `besides` have a command of their own; `names` renames the command of an act.
    """
    commands = {Needs.NOTHING: _plain, Needs.REASON: _with_reason, Needs.DIGEST: _with_digest}
    for act in ACTS:
        if act.noun == group.noun and act.name not in besides:
            command = _ordering(group, act) if act.orders_run else commands[act.needs](group, act)
            group.app.command((names or {}).get(act.name, act.name), help=act.description)(command)


def _plain(group: Group, act: ActCall) -> Callable[..., None]:
    def command(reference: str = group.reference(), as_json: AsJson = False) -> None:
        with signed_in() as client:
            group.show(group.call(client, act, reference), as_json=as_json)

    return command


def _with_reason(group: Group, act: ActCall) -> Callable[..., None]:
    def command(
        reference: str = group.reference(), reason: str = group.why(), as_json: AsJson = False
    ) -> None:
        from orchestrator.client.models import ReasonBody

        with signed_in() as client:
            group.show(group.call(client, act, reference, ReasonBody(reason=reason)), as_json=as_json)

    return command


def _with_digest(group: Group, act: ActCall) -> Callable[..., None]:
    def command(
        reference: str = group.reference(),
        digest: str = typer.Option(..., "--digest", help="The digest that `show` printed."),
        as_json: AsJson = False,
    ) -> None:
        from orchestrator.client.models import DigestBody

        with signed_in() as client:
            group.show(group.call(client, act, reference, DigestBody(digest=digest)), as_json=as_json)

    return command


def _ordering(group: Group, act: ActCall) -> Callable[..., None]:
    def command(reference: str = group.reference(), follow: Follow = False, as_json: AsJson = False) -> None:
        with signed_in() as client:
            run = group.call(client, act, reference)
            shown = followed(client, run, to_stderr=as_json) if follow else run
        show_run(shown, as_json=as_json)
        if shown.status in ("failed", "cancelled"):
            raise typer.Exit(1)

    return command


def followed(client: "ApiClient", run: "RunDetail", *, to_stderr: bool) -> "RunDetail":
    """Print the log of a run until it ends; return the ended run."""
    for line in client.follow_log(run.id):
        typer.echo(line, err=to_stderr)
    return client.read_run(run.id)


def show_run(run: "RunDetail", *, as_json: bool) -> None:
    """Print a run."""
    times = (at("started_at"), at("finished_at"))
    plain = ("id", "kind", "status", "plan_id", "attempt", *times, "reason", "next_step")
    show_fields(run, plain, as_json=as_json)
