"""How fast a copy goes and how long it still takes, from two looks at it. Pure."""

from dataclasses import dataclass

from orchestrator.migrations.movers import Progress


@dataclass(frozen=True)
class Rate:
    """Bytes a second since the earlier look, and seconds until the end; None while nothing moves."""

    bytes_a_second: float
    seconds_left: float | None


def rate(earlier: Progress, later: Progress) -> Rate:
    """The rate between two looks. Raises ValueError when they are in the wrong order."""
    seconds = later.at - earlier.at
    if seconds <= 0:
        raise ValueError("the later look is not later")
    moved = max(0, _done(later) - _done(earlier))
    left = max(0, later.database_bytes + later.file_bytes - _done(later))
    if not left:
        return Rate(moved / seconds, 0.0)
    return Rate(moved / seconds, left * seconds / moved if moved else None)


def _done(progress: Progress) -> int:
    return progress.database_bytes_done + progress.file_bytes_done
