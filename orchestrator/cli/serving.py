"""Commands that serve: everything in one (`up`), or the web process and workers apart."""

import logging
from typing import Annotated

import typer
import uvicorn

from orchestrator.cli.supervising import Everything
from orchestrator.settings import Settings
from orchestrator.wiring import handlers, workbench
from orchestrator.worker import serve

ZONES = typer.Option("--zone", help="Zones whose runs this worker takes, separated by commas.")
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def up(
    port: Annotated[int | None, typer.Option(help="Port of the web process on loopback.")] = None,
) -> None:
    """Start database, sandbox cloud, web and one worker; Ctrl-C ends all of it in order."""
    settings = Settings() if port is None else Settings(port=port)
    everything = Everything(settings)
    with everything:
        typer.echo(f"GovCloud Orchestrator: {settings.url}  (Ctrl-C ends it)")
        everything.wait()


def web() -> None:
    """Serve the API and the console; needs DATABASE_URL."""
    settings = Settings()
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    uvicorn.run(
        "orchestrator.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )


def worker(zone: Annotated[str | None, ZONES] = None) -> None:
    """Take jobs until SIGTERM; running ones are finished first. Needs DATABASE_URL."""
    settings = Settings() if zone is None else Settings(zones=zone)
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    bench = workbench(settings)
    serve(settings, bench.database_url, handlers(bench))
