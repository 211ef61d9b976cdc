"""The job loop of one worker: takes jobs of its zones and maintenance, until it is asked to stop."""

from collections.abc import Mapping

from orchestrator.core import jobs
from orchestrator.core.jobs import Handler, Pace, Share
from orchestrator.settings import Settings


def serve(settings: Settings, database_url: str, handlers: Mapping[str, Handler]) -> None:
    """Run jobs until SIGTERM or SIGINT; the first lets running jobs end, the second stops them.

    Run it from the main thread: elsewhere signals cannot be handled.
    """
    pace = Pace(beat=settings.heartbeat_seconds, stalled=settings.stalled_seconds)
    queues = [*settings.zones.split(","), jobs.MAINTENANCE]
    jobs.run_worker(database_url, handlers, Share(queues, settings.slots, pace))
