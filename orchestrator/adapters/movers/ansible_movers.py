"""The port `movers` over Ansible: each method plays one playbook and reads the answers of the hosts."""

import contextlib
import secrets as random_texts
import time
from pathlib import Path
from typing import Final

from orchestrator.adapters.movers import reading
from orchestrator.adapters.movers.playing import Played, Player, failed
from orchestrator.migrations.findings import Finding, finding
from orchestrator.migrations.kinds import Direction, Side, SwitchOutcome
from orchestrator.migrations.movers import (
    CleanUp,
    MoverFailed,
    Preflight,
    Progress,
    Proof,
    Sides,
    SwitchResult,
)
from orchestrator.migrations.proof import compare
from orchestrator.migrations.transfer import Transfer
from orchestrator.runs.engine import AnsibleEngine, EngineRun

_SECRETS: Final = tuple(
    f"{direction}_{use}" for direction in ("forward", "reverse") for use in ("password", "files", "names")
)
_MOST_PROOFS: Final = 3
_DIRECTIONS: Final = {direction.to: direction for direction in Direction}


class AnsibleMovers:
    """The movers of one transfer; `player` plays from the approved bundle of that transfer.

    A rollback waits `seconds_to_follow` for the source to catch up before it is tried.
    """

    def __init__(self, transfer: Transfer, player: Player, *, seconds_to_follow: float = 60.0) -> None:
        self._transfer, self._player, self._seconds_to_follow = transfer, player, seconds_to_follow

    def preflight(self) -> Preflight:
        """See the port. Unreachable hosts are findings too."""
        played = self._player.play("check_transfer.yml")
        return reading.preflight(self._transfer, played)

    def prepare(self) -> None:
        """See the port. Generates the credentials, which are stored on the hosts only."""
        credentials = {name: random_texts.token_urlsafe(24) for name in _SECRETS}
        self._player.require("prepare_transfer.yml", credentials)

    def progress(self) -> Progress:
        """See the port."""
        return reading.progress(self._transfer, self._player.play("read_transfer.yml"), time.time())

    def sides(self) -> Sides:
        """See the port."""
        return reading.sides(self._transfer, self._player.play("read_transfer.yml"))

    def cut_over(self) -> SwitchResult:
        """See the port."""
        return self._switch("cut_over.yml", Side.TARGET)

    def roll_back(self) -> SwitchResult:
        """See the port. If the source does not follow yet, as after a failed proof, it catches up first."""
        self._catch_up(Side.SOURCE)
        return self._switch("roll_back.yml", Side.SOURCE)

    def last_switch(self, to: Side) -> SwitchResult | None:
        """See the port."""
        played = self._player.play("read_transfer.yml")
        answer = reading.by_side(self._transfer, played, "Read the side").get(to, {}).get("switch")
        return reading.switch_result(answer, to) if answer else None

    def prove(self, to: Side) -> Proof:
        """See the port. Repeated while only files differ, because clients may have written meanwhile."""
        for _ in range(_MOST_PROOFS):
            proof = self._prove(to)
            if proof.equal or any(mismatch.kind != "files" for mismatch in proof.mismatches):
                break
        return proof

    def _prove(self, to: Side) -> Proof:
        played = self._player.require(f"prove_{_DIRECTIONS[to]}.yml")
        reports = played.of("Report the content")
        return compare(
            {
                Side.SOURCE: reports[self._transfer.source.name],
                Side.TARGET: reports[self._transfer.target.name],
            },
            to,
        )

    def follow(self, to: Side) -> None:
        """See the port."""
        self._player.require(f"follow_{_DIRECTIONS[to]}.yml")

    def reopen(self, side: Side, *, other_is_gone: bool = False) -> None:
        """See the port."""
        source_alone = side is Side.SOURCE and other_is_gone
        playbook = "reopen_source_alone.yml" if source_alone else f"reopen_{side}.yml"
        played = self._player.play(playbook)
        if not played.of("Open the side"):
            raise failed(playbook, played)

    def clean_up(self, *, remove_copies: bool) -> CleanUp:
        """See the port."""
        played = self._player.play("clean_up_copies.yml" if remove_copies else "clean_up_transfer.yml")
        if played.refused:
            raise failed("clean_up", played)
        return CleanUp(_removed(played), tuple(sorted(played.unreachable)))

    def _switch(self, playbook: str, to: Side) -> SwitchResult:
        played = self._player.play(playbook)
        begun = played.of("Switch")
        for answer in (*played.of("Wait until the switch has ended").values(), *begun.values()):
            if "outcome" in answer:
                return reading.switch_result(answer, to)
        is_unchanged = not (begun or played.unreachable or played.result.stopped_because)
        if played.refused and is_unchanged:
            return SwitchResult(SwitchOutcome.REFUSED, to, None, {}, played.refused[0])
        return SwitchResult(SwitchOutcome.UNKNOWN, to, None, {}, _reason(failed(playbook, played)))

    def _catch_up(self, side: Side) -> None:
        """Start replication to `side` and wait until it follows.

        If the time runs out, the rollback that comes next is refused and names the reason.
        """
        end, is_started = time.monotonic() + self._seconds_to_follow, False
        while time.monotonic() < end:
            played = self._player.play("read_transfer.yml")
            if reading.follows(self._transfer, played, side) or reading.is_unreachable(
                self._transfer, played, side.other
            ):
                return
            if not is_started:
                is_started = True
                with contextlib.suppress(MoverFailed):
                    self.follow(side.other)


def ansible_movers(engine: AnsibleEngine, transfer: Transfer, folder: Path, run: EngineRun) -> AnsibleMovers:
    """Return the movers of `transfer` that play the bundle in `folder` with this engine."""
    return AnsibleMovers(transfer, Player(engine, folder, run))


def _reason(error: MoverFailed) -> Finding:
    return error.findings[0] if error.findings else finding("broke_off", {"error": error.log_tail})


def _removed(played: Played) -> dict[str, tuple[str, ...]]:
    """Return the removed objects by host."""
    answers = [
        *played.of("Drop the subscription").items(),
        *played.of("Remove the objects of the mover").items(),
    ]
    removed: dict[str, tuple[str, ...]] = {}
    for host, answer in answers:
        removed[host] = (*removed.get(host, ()), *answer["removed"])
    return removed
