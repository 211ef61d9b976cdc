"""The job loop of one worker process."""

from orchestrator.core.jobs import MAINTENANCE, Pace, run_worker
from orchestrator.settings import Settings
from orchestrator.wiring import handlers, workbench


def serve(settings: Settings) -> None:
    """Take jobs of the settings' zones and the maintenance queue until SIGTERM or SIGINT."""
    bench = workbench(settings)
    run_worker(
        bench.database_url,
        handlers(bench),
        [*settings.zones.split(","), MAINTENANCE],
        settings.slots,
        pace=Pace(beat=settings.heartbeat_seconds, stalled=settings.stalled_seconds),
    )
