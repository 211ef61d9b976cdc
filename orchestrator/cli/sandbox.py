"""`govcloud sandbox`: operate the sandbox cloud directly, without the product's knowledge."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.showing import print_table

if TYPE_CHECKING:
    from orchestrator.adapters.sandbox_cloud import SandboxCloud

app = typer.Typer(no_args_is_help=True, help="The sandbox cloud, operated without the product's knowledge.")

Instance = Annotated[str, typer.Argument(help="Its id, or its key, e.g. slj-2019-0001/instance/web.")]


@app.command("list")
def list_objects(workspace: Annotated[str, typer.Argument(help="The key of a workspace.")]) -> None:
    """List everything that exists in a workspace, registered or not."""
    rows = [(item.key, item.cloud_id, item.state, item.address) for item in _cloud().list_objects(workspace)]
    print_table(("key", "id", "state", "address"), rows)


@app.command()
def stop(instance: Instance) -> None:
    """Stop an instance; the next drift check reports it."""
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
