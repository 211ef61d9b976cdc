"""The port `Movers`: transfers a system from a source host to a target host and back.

A mover changes hosts only; the workflow owns approvals, the recorded serving side, billing and audit. Every
method may be called again after a crash: movers read the state from the hosts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from orchestrator.migrations.findings import Finding
from orchestrator.migrations.kinds import Side, SwitchOutcome


class MoverFailed(Exception):
    """The hosts did not do as ordered; `findings` say why. Inspect both sides next."""

    def __init__(self, act: str, findings: tuple[Finding, ...], log_tail: str = "") -> None:
        self.act, self.findings, self.log_tail = act, findings, log_tail
        why = "; ".join(finding.problem_en for finding in findings) or log_tail or "the play failed"
        super().__init__(f"{act}: {why}")


@dataclass(frozen=True)
class Step:
    """One step as an approver sees it: a playbook, its hosts, its effect."""

    playbook: str
    hosts: tuple[str, ...]
    text_en: str
    text_zh: str


@dataclass(frozen=True)
class Preflight:
    """Every problem of both sides, and the sizes of the data; read-only."""

    findings: tuple[Finding, ...]
    database_bytes: int
    file_bytes: int
    files: int

    @property
    def passed(self) -> bool:
        """True when no finding blocks; warnings may remain."""
        return not any(finding.blocking for finding in self.findings)


@dataclass(frozen=True)
class Progress:
    """Progress of the first copy in bytes and counts; `at` is in seconds since 1970.

    `ready`: the copy is complete, changes are replicated, the rollback path is prepared, nothing blocks.
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
    """State that one host reports. `accepts_writes` is None where it cannot be read.

    `fences` are (switch, fence or open, side that takes over, turn); turns are counted on from those before,
    independent of the clocks of the hosts.
    """

    reachable: bool
    prepared: bool
    accepts_writes: bool | None
    fences: tuple[tuple[str, str, str, int], ...] = ()


@dataclass(frozen=True)
class Sides:
    """State of both sides, and the address to which the name points."""

    source: SideState
    target: SideState
    name_address: str | None

    def of(self, side: Side) -> SideState:
        """Return the state of one side."""
        return self.source if side is Side.SOURCE else self.target


@dataclass(frozen=True)
class SwitchResult:
    """How a switch in either direction ended.

    ``switched``: `to` serves. ``refused``: nothing was changed. ``reverted``: the fence was lifted, the side
    that served before serves again. ``unknown``: call `sides`, then `reopen`. `marks` are milliseconds since
    the fence began: begun, logins_denied, fenced, caught_up, files, opened, named. `fenced_at` (its begin)
    and `opened_at` are seconds since 1970.
    """

    outcome: SwitchOutcome
    to: Side
    key: str | None
    marks: Mapping[str, float]
    reason: Finding | None = None
    fenced_at: float | None = None
    opened_at: float | None = None
    sequences: int = 0
    last_files: int = 0
    name_switched: bool = False

    @property
    def fenced_ms(self) -> float | None:
        """How long no side accepted writes, as the script measured it."""
        return self.marks.get("opened")


@dataclass(frozen=True)
class Mismatch:
    """A table, a sequence or a folder of files that differs between the sides."""

    kind: Literal["table", "sequence", "files"]
    name: str
    source: str
    target: str


@dataclass(frozen=True)
class Proof:
    """Comparison of two reports by code that is not the mover's; `digest` covers both reports.

    `later_files` were written after the fence; they are compared on neither side.
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
class CleanUp:
    """Things removed by host; `left` names the hosts that could not be reached."""

    removed: Mapping[str, tuple[str, ...]]
    left: tuple[str, ...]


class Movers(Protocol):
    """The movers of one transfer, playing one approved bundle. Every method raises MoverFailed."""

    def preflight(self) -> Preflight:
        """Find every problem on both sides; read-only."""

    def prepare(self) -> None:
        """Prepare replication in both directions and start the copies; repeatable until a cutover."""

    def progress(self) -> Progress:
        """Return the progress of the copies, with findings."""

    def sides(self) -> Sides:
        """Read both sides: the only source of truth after a crash."""

    def cut_over(self) -> SwitchResult:
        """Cut over to the target in one script; refused and reverted are results, not errors."""

    def last_switch(self, to: Side) -> SwitchResult | None:
        """Return the result that the last switch to `to` left on that host, for a run that died before it.

        None if no switch has finished there. `key` identifies the attempt.
        """

    def prove(self, to: Side) -> Proof:
        """Compare both sides as they were when the last switch opened `to`. Call it before `follow`."""

    def follow(self, to: Side) -> None:
        """After the proof: replicate from `to`, which serves, to the other side."""

    def roll_back(self) -> SwitchResult:
        """Roll back to the source, with every write that the target accepted."""

    def reopen(self, side: Side, *, other_is_gone: bool = False) -> None:
        """Let only `side` accept writes and point the name to it; completes an interrupted switch.

        Pass `other_is_gone` only when the cloud says that the other host no longer exists.
        """

    def clean_up(self, *, remove_copies: bool) -> CleanUp:
        """Remove everything of the mover; with `remove_copies` also the data of an idle target."""
