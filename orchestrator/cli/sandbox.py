"""`govcloud sandbox`: the sandbox cloud itself, as its own operators see it, behind the product's back."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.showing import print_table

if TYPE_CHECKING:
    from orchestrator.adapters.sandbox_cloud import SandboxCloud

app = typer.Typer(no_args_is_help=True, help="The sandbox cloud itself, behind the product's back.")

Instance = Annotated[str, typer.Argument(help="Its id, or its key, e.g. slj-2019-0001/instance/web.")]


@app.command("list")
def list_objects(workspace: Annotated[str, typer.Argument(help="The key of a workspace.")]) -> None:
    """Everything that exists in a workspace, whatever the product knows of it."""
    rows = [(item.key, item.cloud_id, item.state, item.address) for item in _cloud().list_objects(workspace)]
    print_table(("key", "id", "state", "address"), rows)


@app.command()
def stop(instance: Instance) -> None:
    """Stop an instance; the product learns of it by a drift check."""
    _cloud().stop_instance(instance)
    typer.echo(f"{instance} is stopped.")


@app.command()
def start(instance: Instance) -> None:
    """Start an instance again."""
    _cloud().start_instance(instance)
    typer.echo(f"{instance} runs.")


def _cloud() -> "SandboxCloud":
    from orchestrator.adapters.sandbox_cloud import SandboxCloud
    from orchestrator.settings import Settings

    return SandboxCloud(Settings().sandbox_socket)
