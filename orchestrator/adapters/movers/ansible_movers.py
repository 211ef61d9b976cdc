"""The port `movers` over Ansible: each method plays one playbook and reads what the hosts said."""

import contextlib
import secrets as random_texts
import time
from pathlib import Path
from typing import Final

from orchestrator.adapters.movers import reading
from orchestrator.adapters.movers.playing import Played, Player, failed
from orchestrator.migrations import proof
from orchestrator.migrations.findings import Finding, finding
from orchestrator.migrations.move import Move, Side, other
from orchestrator.migrations.movers import (
    CutResult,
    Disarmed,
    MoverFailed,
    Preflight,
    Progress,
    Proof,
    Sides,
)
from orchestrator.runs.engine import AnsibleEngine, EngineRun

_SECRETS: Final = tuple(
    f"{way}_{what}" for way in ("forward", "reverse") for what in ("password", "files", "names")
)
_PROOFS_BESIDE_CLIENTS: Final = 3
_NAMES: Final = {"target": "cut", "source": "return"}


class AnsibleMovers:
    """The movers of one move; `player` plays from the approved bundle of that move.

    `seconds_to_follow` is how long a return waits until the source has caught up before it is tried.
    """

    def __init__(self, move: Move, player: Player, *, seconds_to_follow: float = 60.0) -> None:
        self._move, self._player, self._seconds_to_follow = move, player, seconds_to_follow

    def preflight(self) -> Preflight:
        """See the port; hosts that cannot be reached are findings too."""
        played = self._player.play("check_move.yml")
        return reading.preflight(self._move, played)

    def arm(self) -> None:
        """See the port. The credentials are made here, reach the hosts once, and are kept nowhere else."""
        made = {name: random_texts.token_urlsafe(24) for name in _SECRETS}
        self._player.require("arm_move.yml", made)

    def progress(self) -> Progress:
        """See the port."""
        return reading.progress(self._move, self._player.play("read_move.yml"), time.time())

    def sides(self) -> Sides:
        """See the port."""
        return reading.sides(self._move, self._player.play("read_move.yml"))

    def cut(self) -> CutResult:
        """See the port."""
        return self._switch("cut_move.yml", "target")

    def return_(self) -> CutResult:
        """See the port. Where the source does not follow yet (after a failed proof), it catches up first."""
        self._catch_up("source")
        return self._switch("return_move.yml", "source")

    def last_cut(self, to: Side) -> CutResult | None:
        """See the port."""
        played = self._player.play("read_move.yml")
        written = reading.by_side(self._move, played, "Read the side").get(to, {}).get("cut")
        return reading.cut_result(written, to) if written else None

    def prove(self, to: Side) -> Proof:
        """See the port. Clients write on: where only files differ, they may have done so in between."""
        for _ in range(_PROOFS_BESIDE_CLIENTS):
            found = self._prove(to)
            if found.equal or any(each.kind != "files" for each in found.mismatches):
                break
        return found

    def _prove(self, to: Side) -> Proof:
        played = self._player.require(f"prove_{_NAMES[to]}.yml")
        found = played.of("Report the content")
        return proof.compare(
            {"source": found[self._move.source.name], "target": found[self._move.target.name]}, to
        )

    def follow(self, to: Side) -> None:
        """See the port."""
        self._player.require(f"follow_{_NAMES[to]}.yml")

    def reopen(self, side: Side, *, other_is_gone: bool = False) -> None:
        """See the port."""
        alone = side == "source" and other_is_gone
        playbook = "reopen_source_alone.yml" if alone else f"reopen_{side}.yml"
        played = self._player.play(playbook)
        if not played.of("Open the side"):
            raise failed(playbook, played)

    def disarm(self, *, remove_copies: bool) -> Disarmed:
        """See the port."""
        played = self._player.play("abandon_move.yml" if remove_copies else "disarm_move.yml")
        if played.refused:
            raise failed("disarm", played)
        return Disarmed(_removed(played), tuple(sorted(played.unreachable)))

    def _switch(self, playbook: str, to: Side) -> CutResult:
        played = self._player.play(playbook)
        begun = played.of("Cut")
        for answer in (*played.of("See the cut to its end").values(), *begun.values()):
            if "outcome" in answer:
                return reading.cut_result(answer, to)
        untouched = not (begun or played.unreachable or played.result.stopped_because)
        if played.refused and untouched:
            return CutResult("refused", to, None, {}, played.refused[0])
        return CutResult("unsettled", to, None, {}, _why(failed(playbook, played)))

    def _catch_up(self, side: Side) -> None:
        """Let `side` follow and wait until it does, or the time is up: then the cut says what is wrong."""
        end, asked = time.monotonic() + self._seconds_to_follow, False
        while time.monotonic() < end:
            played = self._player.play("read_move.yml")
            if reading.follows(self._move, played, side) or reading.is_away(self._move, played, other(side)):
                return
            if not asked:
                asked = True
                with contextlib.suppress(MoverFailed):
                    self.follow(other(side))


def ansible_movers(engine: AnsibleEngine, move: Move, folder: Path, run: EngineRun) -> AnsibleMovers:
    """Return the movers of `move` that play the bundle in `folder` with this engine."""
    return AnsibleMovers(move, Player(engine, folder, run))


def _why(error: MoverFailed) -> Finding:
    return error.findings[0] if error.findings else finding("broke_off", {"error": error.log_tail})


def _removed(played: Played) -> dict[str, tuple[str, ...]]:
    parts = [*played.of("Part the sides").items(), *played.of("Clear the side").items()]
    found: dict[str, tuple[str, ...]] = {}
    for host, answer in parts:
        found[host] = (*found.get(host, ()), *answer["removed"])
    return found
