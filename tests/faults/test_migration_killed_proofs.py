"""kill -9 around the proof of a switch, in the middle of a return that comes by itself, and during the copy.

After each exactly one side accepts writes, nothing acknowledged is lost, and the run settles.
"""

import signal
from collections.abc import Iterator

import pytest

from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.demo.sample_system import lost
from tests.faults.moving import Moving, answers, checked_migration, instance_of, may_log_in, slow_marker, told
from tests.faults.product import Product
from tests.moves import APPLIER, REVIEWER
from tests.ports.movers.faults import kill_database, pids_of, stopped
from tests.running import wait_until

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def moving(whole_product: Product) -> Iterator[Moving]:
    with checked_migration(whole_product, budget_ms=12_000) as made:
        yield made


def kill_worker_and_ansible(product: Product, run_id: str) -> None:
    product.kill_worker_of(run_id)
    product.kill_engines("ansible")


def test_databases_killed_during_the_copy_are_waited_for_and_everything_is_copied_in_the_end(
    product: Product, moving: Moving
) -> None:
    launcher = pids_of(moving.target, b"logical replication launcher")
    with stopped(launcher):  # So that the copy cannot be complete before both were killed.
        run = moving.move.act(APPLIER, "start")
        wait_until(lambda: moving.said(run, "Copied: "), "both ways are armed", 90)
        kill_database(moving.legacy.host)
        wait_until(lambda: answers(moving.legacy.host), "the source's database is back", 60)
        assert product.read(f"/runs/{run['id']}")["status"] == "running"
        kill_database(moving.target)
    ended = product.settled(run["id"], 180)
    page = moving.move.read()
    assert ended["status"] == "succeeded", ended["reason"]
    assert (page["status"], page["progress"]["ready"]) == ("rehearsed", True)
    assert page["progress"]["tables_done"] == page["progress"]["tables"] > 0
    moving.expect_only("source")


def test_a_worker_killed_during_the_proof_is_followed_by_one_that_proves_again(
    product: Product, moving: Moving
) -> None:
    moving.move.scheduled()
    run = moving.move.act(APPLIER, "cut-over")
    wait_until(lambda: moving.said(run, "prove_cut.yml"), "the proof has begun", 60)
    assert moving.move.read()["switches"][-1]["proof_equal"] is None
    kill_worker_and_ansible(product, run["id"])
    ended = product.settled(run["id"], 180)
    switch = moving.move.read()["switches"][-1]
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended["reason"]
    assert (switch["proof_equal"], switch["followed_at"] is not None) == (True, True)
    moving.expect_only("target")


def test_a_worker_killed_between_proof_and_follow_is_followed_by_one_that_believes_the_proof(
    product: Product, moving: Moving
) -> None:
    run = moving.move.act(APPLIER, "roll-back")
    wait_until(lambda: moving.said(run, "Proof: "), "the proof was read", 60)
    kill_worker_and_ansible(product, run["id"])
    switch = moving.move.read()["switches"][-1]
    assert (switch["proof_equal"], switch["followed_at"]) == (True, None)
    ended = product.settled(run["id"], 180)
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended["reason"]
    assert moving.move.read()["switches"][-1]["followed_at"]
    assert moving.times_said(run, "prove_return.yml") == 1
    moving.expect_only("source")


def test_a_worker_killed_in_a_return_that_came_by_itself_is_followed_by_one_that_ends_it(
    product: Product, moving: Moving
) -> None:
    """The proof could not be read, so a later worker must not read it while the return is under way."""
    moving.move.scheduled()
    with slow_marker(moving, to="source"):
        run = moving.move.act(APPLIER, "cut-over")
        wait_until(lambda: moving.said(run, "The target serves"), "the switch is written down", 60)
        moving.signal_script(signal.SIGKILL)  # With it goes what the proof would have read.
        wait_until(lambda: moving.mark("fenced", "source"), "the return has fenced the target", 90)
        kill_worker_and_ansible(product, run["id"])
        ended = product.settled(run["id"], 180)
    page = moving.move.read()
    there, back = page["switches"][-2:]
    assert (ended["status"], ended["attempt"]) == ("failed", 2)
    told(ended)
    assert (there["outcome"], there["proof_equal"]) == ("cut", None)
    assert (back["direction"], back["automatic"], back["outcome"]) == ("return", True, "cut")
    assert (back["proof_equal"], back["followed_at"] is not None) == (True, True)
    assert page["status"] == "rolled_back"
    assert moving.times_said(run, "prove_cut.yml") == 1
    moving.expect_only("source")


def test_no_acknowledged_write_is_lost_through_all_of_it(moving: Moving) -> None:
    moving.clients.stop()
    assert lost(moving.clients.acknowledged(), moving.legacy.host) == (0, 0)


def test_a_target_that_is_gone_after_the_cut_lets_a_person_have_the_source_serve_with_a_warning(
    product: Product, moving: Moving
) -> None:
    moving.move.cut()
    product.ask_cloud(op="destroy", id=instance_of(SandboxCloud(product.settings.sandbox_socket), moving))
    run = moving.move.run(APPLIER, "roll-back", 180)
    told(run)
    assert run["status"] == "failed"
    assert "may not have reached the source" in run["reason"]
    assert not may_log_in(moving.legacy.host)
    moving.move.act(REVIEWER, "inspect")
    wait_until(lambda: moving.move.read()["status"] == "rolled_back", "both sides are read", 120)
    wait_until(product.no_run_at_work, "the settling has ended", 60)
    page = moving.move.read()
    assert (page["serving_side"], page["status"]) == ("source", "rolled_back")
    assert "may be missing" in page["reason"]
    assert may_log_in(moving.legacy.host)
    (event,) = product.rows("SELECT body FROM audit_events WHERE action = 'migration:source_alone'")
    assert '"writes_may_be_missing":true' in event["body"].replace(" ", "")
