"""The port `movers`: what moves a system, whatever it is made of.

A mover changes hosts and nothing else: who approved it, which side the books say serves, what is billed and
what is audited are the workflow's. Every method may be called again after a crash; what is true is read from
the hosts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from orchestrator.migrations.findings import Finding
from orchestrator.migrations.move import Side

Act = Literal["check", "arm", "cut", "return", "disarm"]
"""What a bundle was approved for. One for `cut` may also prove, follow, return and reopen; any may read."""


class MoverFailed(Exception):
    """The hosts did not do what they were asked to; `findings` say what. Read both sides next."""

    def __init__(self, act: str, findings: tuple[Finding, ...], log_tail: str = "") -> None:
        self.act, self.findings, self.log_tail = act, findings, log_tail
        said = "; ".join(each.problem_en for each in findings) or log_tail or "the play failed"
        super().__init__(f"{act}: {said}")


@dataclass(frozen=True)
class Step:
    """One step as it is shown to whoever approves: a playbook, the hosts that it runs on, what it does."""

    playbook: str
    hosts: tuple[str, ...]
    text_en: str
    text_zh: str


@dataclass(frozen=True)
class Preflight:
    """Every problem at once. Nothing was changed."""

    findings: tuple[Finding, ...]
    database_bytes: int
    file_bytes: int
    files: int

    @property
    def passed(self) -> bool:
        """True when nothing blocks; warnings may remain."""
        return not any(each.blocking for each in self.findings)


@dataclass(frozen=True)
class Progress:
    """How far the first copy is, in bytes and counts, at a moment (seconds since 1970).

    `ready` = the copy is complete, changes follow, the way back is prepared and nothing is in the way.
    """

    at: float
    tables: int
    tables_done: int
    database_bytes: int
    database_bytes_done: int
    files: int
    files_done: int
    file_bytes: int
    file_bytes_done: int
    retained_bytes: int
    follows: bool
    ready: bool
    trouble: tuple[Finding, ...]


@dataclass(frozen=True)
class SideState:
    """What one host says of itself. `accepts_writes` is None where it cannot be read.

    `fences` are cut, fence or open, the side that takes over, and its turn: each is counted on from those
    before it, whatever the clocks of the hosts say.
    """

    reachable: bool
    armed: bool
    accepts_writes: bool | None
    fences: tuple[tuple[str, str, str, int], ...] = ()


@dataclass(frozen=True)
class Sides:
    """Both sides as they were read just now, and where the name points."""

    source: SideState
    target: SideState
    name_address: str | None

    def of(self, side: Side) -> SideState:
        return self.source if side == "source" else self.target


CutOutcome = Literal["cut", "refused", "reopened", "unsettled"]


@dataclass(frozen=True)
class CutResult:
    """How a switch in either direction ended.

    ``cut``: `to` serves. ``refused``: nothing was touched. ``reopened``: the fence was lifted again and the
    side that served before serves. ``unsettled``: call `sides` and then `reopen`. `marks` are milliseconds
    since the fence began: begun, shut, fenced, caught_up, files, opened, named. `fenced_at`, when it
    began, and `opened_at` are seconds since 1970.
    """

    outcome: CutOutcome
    to: Side
    cut: str | None
    marks: Mapping[str, float]
    reason: Finding | None = None
    fenced_at: float | None = None
    opened_at: float | None = None
    sequences: int = 0
    last_files: int = 0
    name_switched: bool = False

    @property
    def closed_ms(self) -> float | None:
        """How long no side accepted a write, as the script saw it."""
        return self.marks.get("opened")


@dataclass(frozen=True)
class Mismatch:
    """One thing that both sides hold differently: a table, a sequence, a folder of files."""

    kind: Literal["table", "sequence", "files"]
    name: str
    source: str
    target: str


@dataclass(frozen=True)
class Proof:
    """What code that is not the mover's read on both sides, compared. `digest` is over both reports.

    `later_files` were written after the fence moment, so they are compared on neither side.
    """

    equal: bool
    mismatches: tuple[Mismatch, ...]
    tables: int
    rows: int
    sequences: int
    files: int
    file_bytes: int
    later_files: int
    digest: str
    reports: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Disarmed:
    """What was taken away, by host; `left` are hosts that could not be reached."""

    removed: Mapping[str, tuple[str, ...]]
    left: tuple[str, ...]


class Movers(Protocol):
    """The movers of one move, played from one approved bundle. Every method raises MoverFailed."""

    def preflight(self) -> Preflight:
        """Look for every problem on both sides; read-only."""

    def arm(self) -> None:
        """Prepare both ways and start the copies; makes the credentials. Safe to repeat until the cut."""

    def progress(self) -> Progress:
        """How far the copies are and what is in the way."""

    def sides(self) -> Sides:
        """Read both sides: the only source of truth after a crash."""

    def cut(self) -> CutResult:
        """Switch to the target in one script. Does not raise for a cut that was refused or undone."""

    def last_cut(self, to: Side) -> CutResult | None:
        """What the last switch to `to` wrote down on that host, for a run that died before it could hear it.

        None while none has finished there. `cut` tells one attempt from another.
        """

    def prove(self, to: Side) -> Proof:
        """Compare both sides as they were when `to` was opened by the last switch. Before `follow` only."""

    def follow(self, to: Side) -> None:
        """After the proof was read: let the other side follow `to`, which serves."""

    def return_(self) -> CutResult:
        """Switch back to the source, with every write that the target has accepted."""

    def reopen(self, side: Side, *, other_is_gone: bool = False) -> None:
        """Make `side` the only one that accepts writes, and lead the name there; finishes what broke off.

        `other_is_gone` only where the cloud says that the other host does not exist any more.
        """

    def disarm(self, *, remove_copies: bool) -> Disarmed:
        """Take away everything of the mover's; `remove_copies` too, on a target that does not serve."""
