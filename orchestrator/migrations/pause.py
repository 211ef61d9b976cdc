"""The write pause that clients observed, from their own record of acknowledged writes. Pure."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Acknowledged:
    """One acknowledged write: its id, the moment in seconds since 1970, the address that acknowledged it."""

    write: str
    at: float
    address: str
    kind: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class WriteGaps:
    """Two gaps between acknowledged writes around a switch.

    `longest_ms` is the longest gap, `at_fence_ms` the gap around the fence; comparing them separates a slow
    disk from the cutover.
    """

    longest_ms: float
    at_fence_ms: float


@dataclass(frozen=True)
class WritePause(WriteGaps):
    """The gaps, and how many writes were acknowledged in the observed time."""

    writes: int


def read_record(lines: Iterable[str]) -> list[Acknowledged]:
    """Parse the record of a client, `id moment address kind sha256` a line; an incomplete line is skipped."""
    words = (line.split() for line in lines)
    return [
        Acknowledged(fields[0], float(fields[1]), *fields[2:5]) for fields in words if len(fields) == _WORDS
    ]


def write_pause(
    acknowledged: Sequence[Acknowledged], fenced_at: float, opened_at: float, around: float = 5.0
) -> WritePause:
    """Return the pause of a switch, from the writes up to `around` seconds before and after it.

    A client records an acknowledgement a little later than the write, so the gap of the switch is the largest
    of all gaps that touch the time between fence and opening.

    Raises:
        ValueError: No write was acknowledged before the fence, or none after the opening.
    """
    moments = [write.at for write in acknowledged if fenced_at - around <= write.at <= opened_at + around]
    gaps = list(itertools.pairwise(sorted(moments)))
    touching = [later - earlier for earlier, later in gaps if earlier <= opened_at and later >= fenced_at]
    if not touching or min(moments) > fenced_at or max(moments) < opened_at:
        raise ValueError("no acknowledged write on one side of the switch")
    return WritePause(
        longest_ms=round(max(later - earlier for earlier, later in gaps) * 1000, 1),
        at_fence_ms=round(max(touching) * 1000, 1),
        writes=len(moments),
    )


_WORDS = 5
