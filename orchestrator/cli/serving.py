"""Commands that serve: everything at once (`up`, `demo`), or the web process and workers separately."""

from contextlib import suppress
from typing import Annotated

import typer

PORT = typer.Option("--port", min=1, max=65535, help="Port of the web process.")
ZONES = typer.Option("--zone", help="Zones whose runs this worker takes, separated by commas.")
DESCRIPTOR = typer.Option("--fd", min=3, help="Serve on this inherited, listening socket instead of a port.")
EXIT = typer.Option("--exit", help="Exit after the last step and print the results as one JSON line.")
TRIAL = typer.Option(
    "--trial-seconds", min=0, help="Seconds for which clients write to the target before the rollback."
)
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def demo(
    port: Annotated[int | None, PORT] = None,
    stop_after: Annotated[bool, EXIT] = False,
    trial_seconds: Annotated[float, TRIAL] = 30.0,
) -> None:
    """Play one request of a sample city on real parts, then keep the service running."""
    from orchestrator.demo.play import play

    play(port, stop_after, trial_seconds)


def up(port: Annotated[int | None, PORT] = None) -> None:
    """Start database, sandbox cloud, web process and one worker; Ctrl-C stops them in order."""
    from orchestrator.settings import Settings
    from orchestrator.supervisor import Everything

    settings = Settings() if port is None else Settings(port=port)
    with Everything(settings, lambda part: typer.echo(f"Starting: {part}", err=True)) as everything:
        # Once the message names Ctrl-C, it is the ordinary end.
        with suppress(KeyboardInterrupt):
            typer.echo(f"GovCloud Orchestrator: {settings.url}  (Ctrl-C ends it; logs: {everything.logs})")
            if everything.is_empty():
                typer.echo(
                    f"Nothing is loaded yet. In another terminal: GOVCLOUD_HOME={settings.home} govcloud load"
                )
            everything.wait()
        typer.echo("Ending: running work is finished first.", err=True)


def web(descriptor: Annotated[int | None, DESCRIPTOR] = None) -> None:
    """Serve the API and the console; needs DATABASE_URL."""
    import socket

    from orchestrator.app import WebServer, create_app
    from orchestrator.settings import Settings
    from orchestrator.wiring import service

    settings = Settings()
    _log_everything()
    app = create_app(service(settings))
    server = WebServer(app, host=settings.host, port=settings.port, timeout_graceful_shutdown=5)
    inherited = None if descriptor is None else [socket.socket(fileno=descriptor)]
    with suppress(KeyboardInterrupt):  # Ctrl-C is the ordinary end in a terminal.
        server.run(sockets=inherited)


def worker(zone: Annotated[str | None, ZONES] = None) -> None:
    """Run jobs until SIGTERM; running jobs are finished first. On other machines set DATABASE_URL."""
    from orchestrator.cli.machine import settings_here
    from orchestrator.wiring import handlers, worker
    from orchestrator.worker import serve

    _log_everything()
    settings = settings_here()
    if zone is not None:
        settings = settings.model_copy(update={"zones": zone})
    parts = worker(settings)
    serve(settings, parts.database_url, handlers(parts))


def _log_everything() -> None:
    import logging

    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
