"""The write pause as the clients saw it, from their own record of acknowledged writes. Pure."""

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
class WritePause:
    """Two gaps between acknowledged writes, in the time that was looked at.

    `longest_ms` is the largest, `at_fence_ms` the one that holds the fence: it tells a stall of the disk from
    the cut.
    """

    longest_ms: float
    at_fence_ms: float
    writes: int


def read_record(lines: Iterable[str]) -> list[Acknowledged]:
    """The record of a client: `id moment address kind sha256` a line; a last line cut short is left out."""
    words = (line.split() for line in lines)
    return [Acknowledged(each[0], float(each[1]), *each[2:5]) for each in words if len(each) == _WORDS]


def write_pause(acknowledged: Sequence[Acknowledged], fence_at: float, around: float = 5.0) -> WritePause:
    """The pause around a fence (seconds since 1970), looking `around` seconds to both sides.

    Raises ValueError when there is no write before or none after the fence.
    """
    moments = sorted(each.at for each in acknowledged if abs(each.at - fence_at) <= around)
    before = [moment for moment in moments if moment <= fence_at]
    after = [moment for moment in moments if moment > fence_at]
    if not before or not after:
        raise ValueError("no acknowledged write on one side of the fence")
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    return WritePause(
        longest_ms=round(max(gaps) * 1000, 1),
        at_fence_ms=round((after[0] - before[-1]) * 1000, 1),
        writes=len(moments),
    )


_WORDS = 5
