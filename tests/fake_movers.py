"""A complete implementation of the port `Movers` in memory: two hosts that accept writes or not.

Queued events replace the effect of a method: an event changes the hosts, answers, fails, or kills the worker.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.migrations.findings import Finding, finding
from orchestrator.migrations.kinds import Side, SwitchOutcome
from orchestrator.migrations.movers import (
    CleanUp,
    Mismatch,
    MoverFailed,
    Preflight,
    Progress,
    Proof,
    Sides,
    SideState,
    SwitchResult,
)
from orchestrator.migrations.transfer import Transfer
from orchestrator.runs.engine import EngineRun

MARKS = {"begun": 0.0, "fenced": 4.0, "opened": 20.0}


class WorkerKilled(BaseException):
    """Ends a job as kill -9 would: nothing in the service catches it."""


@dataclass
class FakeHosts:
    """Both hosts and the name: the sides that accept writes (None: cannot be read), the side of the name.

    `events` are queued by method name and consumed one per call; `calls` are the methods that were called.
    """

    accepts: dict[Side, bool | None] = field(default_factory=lambda: {Side.SOURCE: True, Side.TARGET: False})
    name: Side = Side.SOURCE
    prepared: bool = False
    ready: bool = True
    trouble: tuple[Finding, ...] = ()
    fences: list[tuple[str, str, str, int]] = field(default_factory=list)
    journal: dict[Side, SwitchResult] = field(default_factory=dict)
    events: dict[str, list["Event"]] = field(default_factory=lambda: defaultdict(list))
    calls: list[str] = field(default_factory=list)

    def serving(self) -> list[Side]:
        """Return the sides that accept writes."""
        return [side for side in self.accepts if self.accepts[side]]

    def fence(self, to: Side) -> None:
        """Fence both sides for a switch to `to`."""
        self.accepts |= {Side.SOURCE: False, Side.TARGET: False}
        self.fences.append((self.next_key(), "fence", to, len(self.fences) + 1))

    def open(self, to: Side, *, name_follows: bool = True) -> SwitchResult:
        """Open `to`; its host stores the result."""
        self.fence(to)
        self.accepts[to] = True
        self.fences.append((self.fences[-1][0], "open", to, len(self.fences) + 1))
        if name_follows:
            self.name = to
        moment = time.time()
        result = SwitchResult(
            SwitchOutcome.SWITCHED,
            to,
            self.fences[-1][0],
            MARKS,
            None,
            moment,
            moment + 0.02,
            3,
            2,
            name_follows,
        )
        self.journal[to] = result
        return result

    def next_key(self) -> str:
        return f"switch-{len(self.fences) + 1}"

    def movers(self, transfer: Transfer, _folder: Path, _run: EngineRun) -> "FakeMovers":
        """Replace `ansible_movers` in the wiring of the worker."""
        return FakeMovers(self, transfer)


Event = Callable[[FakeHosts, Any], Any]
"""The event that replaces a method: hosts, and the side that takes over, if any."""


class FakeMovers:
    """The movers of one transfer between two fake hosts."""

    def __init__(self, hosts: FakeHosts, transfer: Transfer) -> None:
        self._hosts, self._transfer = hosts, transfer

    def _do(self, method: str, usual: Event, to: Any = None) -> Any:
        self._hosts.calls.append(method)
        events = self._hosts.events[method]
        return (events.pop(0) if events else usual)(self._hosts, to)

    def preflight(self) -> Preflight:
        found: Preflight = self._do("preflight", lambda _hosts, _to: Preflight((), 1_000, 200, 2))
        return found

    def prepare(self) -> None:
        self._do("prepare", lambda hosts, _to: setattr(hosts, "prepared", True))

    def progress(self) -> Progress:
        progress: Progress = self._do("progress", _progress)
        return progress

    def sides(self) -> Sides:
        sides: Sides = self._do("sides", self._sides)
        return sides

    def _sides(self, hosts: FakeHosts, _to: Any) -> Sides:
        states = {
            side: SideState(accepts is not None, hosts.prepared, accepts, tuple(hosts.fences))
            for side, accepts in hosts.accepts.items()
        }
        address = (
            self._transfer.source.address if hosts.name is Side.SOURCE else self._transfer.target.address
        )
        return Sides(states[Side.SOURCE], states[Side.TARGET], address)

    def cut_over(self) -> SwitchResult:
        result: SwitchResult = self._do("cut_over", switches, Side.TARGET)
        return result

    def roll_back(self) -> SwitchResult:
        result: SwitchResult = self._do("roll_back", switches, Side.SOURCE)
        return result

    def last_switch(self, to: Side) -> SwitchResult | None:
        result: SwitchResult | None = self._do("last_switch", lambda hosts, to: hosts.journal.get(to), to)
        return result

    def prove(self, to: Side) -> Proof:
        found: Proof = self._do("prove", proof, to)
        return found

    def follow(self, to: Side) -> None:
        self._do("follow", lambda _hosts, _to: None, to)

    def reopen(self, side: Side, *, other_is_gone: bool = False) -> None:
        self._do("reopen_alone" if other_is_gone else "reopen", _reopen, side)

    def clean_up(self, *, remove_copies: bool) -> CleanUp:
        removed = ("copy",) if remove_copies else ("slot",)
        found: CleanUp = self._do("clean_up", lambda _hosts, _to: CleanUp({"legacy-1": removed}, ()))
        return found


def _progress(hosts: FakeHosts, _to: Any) -> Progress:
    tables_done = 3 if hosts.ready else 2
    return Progress(
        time.time(), 3, tables_done, 1_000, 1_000, 2, 2, 200, 200, 0, hosts.ready, hosts.ready, hosts.trouble
    )


def proof(_hosts: FakeHosts, _to: Side, *, equal: bool = True) -> Proof:
    """Return a proof of equal or of different content."""
    mismatches = () if equal else (Mismatch("table", "public.person", "9 rows", "8 rows"),)
    return Proof(equal, mismatches, 3, 9, 3, 2, 200, 0, "d" * 64, {"source": {}, "target": {}})


def _reopen(hosts: FakeHosts, side: Side) -> None:
    hosts.accepts[side] = True
    if hosts.accepts[side.other] is not None:
        hosts.accepts[side.other] = False
    hosts.name = side


# --- events of a switch ------------------------------------------------------------------------------


def switches(hosts: FakeHosts, to: Side) -> SwitchResult:
    """The switch succeeds."""
    return hosts.open(to)


def switches_without_name(hosts: FakeHosts, to: Side) -> SwitchResult:
    """The switch succeeds, but the name service does not answer."""
    return hosts.open(to, name_follows=False)


def is_refused(_hosts: FakeHosts, to: Side) -> SwitchResult:
    """The switch finds a precondition unmet and changes nothing."""
    return SwitchResult(SwitchOutcome.REFUSED, to, None, {}, finding("sessions_remain", {"count": 2}))


def is_reverted(_hosts: FakeHosts, to: Side) -> SwitchResult:
    """The switch exceeds its budget and lifts its fence."""
    marks = {"begun": 0.0, "fenced": 4.0}
    return SwitchResult(
        SwitchOutcome.REVERTED, to, "switch-x", marks, finding("over_budget", {"budget": 100})
    )


def is_lost_fenced(hosts: FakeHosts, to: Side) -> SwitchResult:
    """Both sides are fenced, and the answer is lost."""
    hosts.fence(to)
    return SwitchResult(SwitchOutcome.UNKNOWN, to, None, {}, finding("broke_off", {"error": "lost"}))


def is_lost_open(hosts: FakeHosts, to: Side) -> SwitchResult:
    """The side serves, and the answer is lost."""
    hosts.open(to)
    return SwitchResult(SwitchOutcome.UNKNOWN, to, None, {}, finding("broke_off", {"error": "lost"}))


def fails(*_: Any) -> Any:
    """A host cannot be reached."""
    raise MoverFailed("play", (finding("host_away", {"host": "web"}),))


def fails_fenced(hosts: FakeHosts, to: Side) -> Any:
    hosts.fence(to)
    return fails()


def fails_open(hosts: FakeHosts, to: Side) -> Any:
    hosts.open(to)
    return fails()


def kills(*_: Any) -> Any:
    """The worker dies before the method has any effect."""
    raise WorkerKilled


def kills_fenced(hosts: FakeHosts, to: Side) -> Any:
    hosts.fence(to)
    return kills()


def kills_open(hosts: FakeHosts, to: Side) -> Any:
    hosts.open(to)
    return kills()


def loses(side: Side, *, fenced_for: Side | None = None) -> Event:
    """Return the event that a host is lost during a switch, and the answer with it."""

    def happens(hosts: FakeHosts, to: Side) -> SwitchResult:
        hosts.fence(fenced_for or to)
        hosts.accepts[side] = None
        return SwitchResult(SwitchOutcome.UNKNOWN, to, None, {}, finding("host_away", {"host": side}))

    return happens
