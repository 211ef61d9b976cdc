"""Plays a playbook of a transfer's bundle and collects the answers of the programs by task and host."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from orchestrator.adapters.movers.bundles import PLAYBOOKS
from orchestrator.migrations.findings import Finding, finding
from orchestrator.migrations.kinds import Purpose
from orchestrator.migrations.movers import MoverFailed
from orchestrator.migrations.transfer import BadTransfer
from orchestrator.runs.engine import AnsibleEngine, EngineResult, EngineRun

SECRETS: Final = "GOVCLOUD_SECRETS"
_ANSWERED: Final = "runner_on_ok"
_FAILED: Final = "runner_on_failed"
_UNREACHABLE: Final = "runner_on_unreachable"


@dataclass(frozen=True)
class Played:
    """The result of a play: answers by task and host, refusals, unreachable hosts."""

    result: EngineResult
    answers: Mapping[tuple[str, str], Mapping[str, Any]]
    refused: tuple[Finding, ...]
    unreachable: frozenset[str]

    def of(self, task: str) -> dict[str, Mapping[str, Any]]:
        """Return the answers to one task by host."""
        return {host: answer for (name, host), answer in self.answers.items() if name == task}

    @property
    def succeeded(self) -> bool:
        return self.result.returncode == 0 and not self.result.stopped_because


class Player:
    """Plays the playbooks of a bundle in a folder, and only those that the bundle was approved for."""

    def __init__(self, engine: AnsibleEngine, folder: Path, run: EngineRun) -> None:
        self._engine, self._folder, self._run = engine, folder, run
        self._purpose = Purpose(json.loads((folder / "vars.json").read_text("utf-8"))["purpose"])

    def play(self, playbook: str, secrets: Mapping[str, str] | None = None) -> Played:
        """Play a playbook. Failures and unreachable hosts are part of the result.

        `secrets` are passed in the environment and are masked in the log. Raises BadTransfer for a playbook
        that this bundle was not approved for, and MoverFailed if Ansible itself fails.
        """
        if playbook not in PLAYBOOKS[self._purpose]:
            raise BadTransfer(f"purpose: a bundle for {self._purpose} does not include {playbook}")
        run = self._run
        if secrets:
            run = replace(
                run,
                environment={**run.environment, SECRETS: json.dumps(dict(secrets))},
                secrets=(*run.secrets, *secrets.values()),
            )
        played = _played(self._engine.run(self._folder, playbook, run))
        if not (played.succeeded or played.result.stopped_because or played.refused or played.unreachable):
            raise failed(playbook, played)
        return played

    def require(self, playbook: str, secrets: Mapping[str, str] | None = None) -> Played:
        """As `play`; raises MoverFailed unless every task on every host succeeded."""
        played = self.play(playbook, secrets)
        if not played.succeeded:
            raise failed(playbook, played)
        return played


def failed(act: str, played: Played) -> MoverFailed:
    """Return the error for a failed play, with its refusals and the end of the log."""
    unreachable = tuple(finding("host_away", {"host": host}) for host in sorted(played.unreachable))
    tail = played.result.stopped_because or played.result.stderr_tail.strip()[-800:]
    return MoverFailed(act, (*played.refused, *unreachable), tail)


def _played(result: EngineResult) -> Played:
    answers: dict[tuple[str, str], Mapping[str, Any]] = {}
    refused: list[Finding] = []
    unreachable: set[str] = set()
    for kind, task, host, outcome in _events(result.events):
        if kind == _ANSWERED and "answer" in outcome:
            answers[task, host] = outcome["answer"]
        elif kind == _FAILED:
            refusal = outcome.get("refused") or {
                "code": "program_broke",
                "facts": {"error": _message(outcome)},
            }
            refused.append(finding(refusal["code"], {"host": host, **refusal["facts"]}))
        elif kind == _UNREACHABLE:
            unreachable.add(host)
    return Played(result, answers, tuple(refused), frozenset(unreachable))


def _events(events: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str, str, Mapping[str, Any]]]:
    for event in events:
        data = event.get("event_data", {})
        if "res" in data and "host" in data:
            yield str(event.get("event")), str(data.get("task")), str(data["host"]), data["res"]


def _message(outcome: Mapping[str, Any]) -> str:
    lines = str(outcome.get("msg", "")).strip().splitlines()
    return lines[-1][:500] if lines else "the program gave no reason"
