"""A live system moved onto hosts that a request has made, and back, and over again, on real parts."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from orchestrator.adapters.movers.sample_system import SampleClients, lost, names_of
from orchestrator.migrations.move import MoveHost
from orchestrator.migrations.pause import write_pause
from tests import moves
from tests.moves import APPLIER, NAME, OFFICER, REVIEWER, Legacy, Move
from tests.running import RunningService

Document = dict[str, Any]


@dataclass
class Played:
    """The whole way of one migration under writes, played once; tests look at what it left."""

    service: RunningService
    legacy: Legacy
    target: MoveHost
    move: Move
    clients: SampleClients
    pages: dict[str, Document] = field(default_factory=dict)
    lost: dict[str, tuple[int, int]] = field(default_factory=dict)

    def keep(self, step: str) -> Document:
        self.pages[step] = self.move.read()
        return self.pages[step]


@pytest.fixture(scope="module")
def played(service: RunningService) -> Iterator[Played]:
    legacy = Legacy(service)
    request = moves.provision(service)
    target = legacy.target(request)
    clients = legacy.clients()
    try:
        made = Played(service, legacy, target, Move(service, request), clients)
        _play(made)
        yield made
    finally:
        clients.stop()


def _play(made: Played) -> None:
    move = made.move
    made.keep("registered")
    move.armed()
    made.keep("armed")
    move.cut()
    made.keep("first cut")
    time.sleep(2)
    move.well(APPLIER, "return")
    made.keep("returned")
    time.sleep(1)
    move.cut()
    made.keep("second cut")
    time.sleep(1)
    _hand_in_pause(made, 3)
    made.clients.stop()
    made.lost["target"] = lost(made.clients.acknowledged(), made.target)
    move.act(OFFICER, "accept")
    made.keep("accepted")
    move.well(REVIEWER, "order-finalise")
    move.approved("disarm")
    move.well(APPLIER, "finalise")
    made.keep("finalised")
    move.act(APPLIER, "retire", stopped_on="2019-06-19", sanitisation="磁盘已消磁。")
    made.keep("retired")


def _hand_in_pause(made: Played, number: int) -> None:
    switch = made.move.read()["switches"][number - 1]
    at = [moment_of(switch[name]) for name in ("fenced_at", "opened_at")]
    seen = write_pause(made.clients.acknowledged(), at[0], at[1], 3.0)
    made.move.act(
        APPLIER, f"switches/{number}/pause", longest_ms=seen.longest_ms, at_fence_ms=seen.at_fence_ms
    )


def moment_of(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


def test_every_acknowledged_write_is_on_the_serving_side_after_cut_return_and_second_cut(
    played: Played,
) -> None:
    assert played.lost["target"] == (0, 0)
    assert len(played.clients.acknowledged()) > 500


def test_the_states_follow_the_way_of_the_domain(played: Played) -> None:
    statuses = {step: page["status"] for step, page in played.pages.items()}
    assert statuses == {
        "registered": "registered",
        "armed": "rehearsed",
        "first cut": "trial_run",
        "returned": "rolled_back",
        "second cut": "trial_run",
        "accepted": "accepted",
        "finalised": "finalised",
        "retired": "legacy_retired",
    }


def test_side_address_and_billing_change_with_the_cut_and_its_audit_event_names_them(played: Played) -> None:
    page = played.pages["first cut"]
    assert (page["serving_side"], page["serving_address"]) == ("target", played.target.address)
    assert page["billing"] == {"source": "not_billed", "target": "trial"}
    statement = text(
        "SELECT body FROM audit_events WHERE action = 'migration:trial_run' AND object_id = :id ORDER BY seq"
    )
    with played.service.engine.connect() as connection:
        told = json.loads(connection.execute(statement, {"id": page["id"]}).scalars().first() or "{}")["data"]
    assert (told["from_address"], told["to_address"]) == (played.legacy.host.address, played.target.address)
    assert told["billing"] == page["billing"]
    assert told["closed_ms"] == page["switches"][0]["closed_ms"]


def test_every_switch_keeps_its_proof_and_the_audit_its_digest(played: Played) -> None:
    switches = played.pages["second cut"]["switches"]
    assert [each["direction"] for each in switches] == ["cut", "return", "cut"]
    assert all(each["proof_equal"] and each["followed_at"] for each in switches)
    with played.service.engine.connect() as connection:
        kept = text("SELECT body FROM audit_events WHERE action = 'migration:proof' ORDER BY seq")
        bodies = [row[0] for row in connection.execute(kept)]
    assert [each["proof_digest"] in body for each, body in zip(switches, bodies, strict=True)] == [True] * 3


def test_the_digest_of_a_proof_can_be_computed_again_from_the_hash_of_every_table_on_both_sides(
    played: Played,
) -> None:
    for switch in played.pages["second cut"]["switches"]:
        reports = switch["proof"]["reports"]
        hashes = [
            reports[side]["database"]["tables"]["public.report"]["hash"] for side in ("source", "target")
        ]
        assert hashes[0] == hashes[1] != "0:0"
        kept = json.dumps(reports, sort_keys=True).encode()
        assert hashlib.sha256(kept).hexdigest() == switch["proof_digest"]


@pytest.mark.invariant(31)
def test_a_return_restores_side_address_and_name_as_they_were_before_the_cut(played: Played) -> None:
    before, after = played.pages["armed"], played.pages["returned"]
    for name in ("serving_side", "serving_address"):
        assert after[name] == before[name]
    cut, back = played.pages["returned"]["switches"]
    assert (back["from_address"], back["to_address"]) == (cut["to_address"], cut["from_address"])
    assert back["name_switched"]
    assert names_of(played.legacy.names)[NAME] == played.target.address


@pytest.mark.invariant(28)
def test_one_old_address_has_one_new_one_and_a_return_is_the_inverse_of_its_cut(played: Played) -> None:
    switches = played.pages["retired"]["switches"]
    pairs = {
        way: {(each["from_address"], each["to_address"]) for each in switches if each["direction"] == way}
        for way in ("cut", "return")
    }
    assert pairs["cut"] == {(played.legacy.host.address, played.target.address)}
    assert pairs["return"] == {(new, old) for old, new in pairs["cut"]}


def test_the_pause_that_clients_saw_stands_beside_the_one_of_the_script(played: Played) -> None:
    switch = played.pages["retired"]["switches"][-1]
    assert 0 < switch["pause_at_fence_ms"] <= switch["pause_ms"] < 5000
    assert 0 < switch["closed_ms"] < 2000


@pytest.mark.invariant(22)
def test_every_change_of_a_host_has_plan_approval_and_run(played: Played) -> None:
    page = played.pages["retired"]
    done = [each for each in page["plans"] if each["plan"]["status"] == "applied"]
    assert [each["act"] for each in done] == ["arm", "cut", "return", "cut", "disarm"] or len(done) == 5
    for each in done:
        digests = {item["digest"] for item in each["approvals"]}
        assert digests == {each["plan"]["tuple_digest"]}
        assert [run["status"] for run in each["runs"] if run["kind"] == "apply"] == ["succeeded"]


def test_the_target_is_billed_from_its_acceptance_on(played: Played) -> None:
    assert played.pages["accepted"]["billing"] == {"source": "not_billed", "target": "active"}
    with played.service.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT count(*) FROM usage_intervals WHERE NOT isempty(days)")
        ).scalar_one()
    assert rows > 0


def test_progress_and_findings_are_kept_for_whoever_looks(played: Played) -> None:
    page = played.pages["armed"]
    assert page["preflight"]["passed"]
    assert page["progress"]["ready"]
    assert page["progress"]["tables"] == page["progress"]["tables_done"] > 0
    assert page["progress"]["files"] == page["progress"]["files_done"] == moves.SEED["files"] or (
        page["progress"]["files"] > moves.SEED["files"]
    )
