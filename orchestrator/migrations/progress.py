"""The rate of a copy and its remaining time, from two readings. Pure."""

from dataclasses import dataclass

from orchestrator.migrations.movers import Progress


@dataclass(frozen=True)
class Rate:
    """Bytes a second since the earlier reading, and seconds left; None while no byte was copied."""

    bytes_a_second: float
    seconds_left: float | None


def rate(earlier: Progress, later: Progress) -> Rate:
    """Return the rate between two readings.

    Raises:
        ValueError: The later reading is not later.
    """
    seconds = later.at - earlier.at
    if seconds <= 0:
        raise ValueError("the later reading is not later")
    copied = max(0, _done(later) - _done(earlier))
    left = max(0, later.database_bytes + later.file_bytes - _done(later))
    if not left:
        return Rate(copied / seconds, 0.0)
    return Rate(copied / seconds, left * seconds / copied if copied else None)


def _done(progress: Progress) -> int:
    return progress.database_bytes_done + progress.file_bytes_done
