"""Why a job or an engine process is asked to stop."""

from enum import StrEnum


class StopReason(StrEnum):
    """The reason to stop; the texts appear in logs."""

    CANCELLED = "cancelled"
    """A person cancelled the run."""
    WORKER_STOPPING = "worker stopping"
    """The worker process must end soon."""
    LEASE_LOST = "lease lost"
    """The lease of the workspace is lost: another worker may take over."""
    TIMEOUT = "timeout"
    IDLE = "idle"
    """The process has printed nothing for too long."""
    ERROR = "error"
    """The output of the process could not be handled."""
