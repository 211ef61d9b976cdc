"""kill -9 of the worker, of its Ansible and of the script on the host, at each step of a migration.

After each exactly one side accepts writes, nothing acknowledged is lost, and the run settles.
"""

import signal
from collections.abc import Iterator

import psycopg
import pytest

from orchestrator.demo.sample_system import admin_conninfo, lost
from tests.faults.moving import Moving, checked_migration, slow_marker, told
from tests.faults.product import Product
from tests.moves import APPLIER
from tests.running import wait_until


@pytest.fixture(scope="module")
def moving(whole_product: Product) -> Iterator[Moving]:
    with checked_migration(whole_product, budget_ms=12_000) as made:
        yield made


def test_a_worker_and_its_ansible_killed_while_arming_are_followed_by_one_that_arms_what_is_missing(
    product: Product, moving: Moving
) -> None:
    run = moving.move.act(APPLIER, "start")
    wait_until(lambda: moving.said(run, "arm_move.yml"), "arming has begun", 60)
    product.kill_worker_of(run["id"])
    product.kill_engines("ansible")
    ended = product.settled(run["id"], 180)
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended["reason"]
    assert moving.move.read()["status"] == "rehearsed"
    moving.expect_only("source")


def test_worker_ansible_and_script_killed_between_fence_and_opening_let_the_source_serve_again(
    product: Product, moving: Moving
) -> None:
    moving.move.scheduled()
    with slow_marker(moving):
        run = moving.move.act(APPLIER, "cut-over")
        wait_until(lambda: moving.mark("fenced"), "the source is fenced", 60)
        moving.signal_script(signal.SIGSTOP)
        product.kill_worker_of(run["id"])
        product.kill_engines("ansible")
        moving.signal_script(signal.SIGKILL)
        ended = product.settled(run["id"], 180)
    page = moving.move.read()
    assert (ended["status"], ended["attempt"]) == ("failed", 2)
    assert ended["reason"]
    assert ended["next_step"]
    assert (page["status"], page["switches"][-1]["outcome"]) == ("rolled_back", "reopened")
    moving.expect_only("source")


def test_a_script_that_outlives_its_worker_makes_the_cut_and_the_books_follow(
    product: Product, moving: Moving
) -> None:
    moving.move.scheduled()
    with slow_marker(moving):
        run = moving.move.act(APPLIER, "cut-over")
        wait_until(lambda: moving.mark("fenced"), "the source is fenced", 60)
        product.kill_worker_of(run["id"])
        product.kill_engines("ansible")
        ended = product.settled(run["id"], 180)
    switch = moving.move.read()["switches"][-1]
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended["reason"]
    assert (switch["outcome"], switch["proof_equal"]) == ("cut", True)
    assert switch["closed_ms"] > 0
    moving.expect_only("target")


def test_a_worker_killed_after_the_opening_is_followed_by_one_that_proves_and_lets_the_source_follow(
    product: Product, moving: Moving
) -> None:
    moving.move.well(APPLIER, "roll-back")
    moving.expect_only("source")
    moving.move.scheduled()
    run = moving.move.act(APPLIER, "cut-over")
    wait_until(lambda: moving.said(run, "The target serves"), "the switch is written down", 60)
    product.kill_worker_of(run["id"])
    product.kill_engines("ansible")
    ended = product.settled(run["id"], 180)
    switch = moving.move.read()["switches"][-1]
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended["reason"]
    assert switch["proof_equal"]
    assert switch["followed_at"]
    moving.expect_only("target")


def test_a_worker_killed_while_it_returns_is_followed_by_one_that_finds_the_source_serving(
    product: Product, moving: Moving
) -> None:
    with slow_marker(moving, to="source"):
        run = moving.move.act(APPLIER, "roll-back")
        wait_until(lambda: moving.mark("fenced", "source"), "the target is fenced", 60)
        product.kill_worker_of(run["id"])
        product.kill_engines("ansible")
        ended = product.settled(run["id"], 180)
    page = moving.move.read()
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended["reason"]
    assert (page["status"], page["switches"][-1]["proof_equal"]) == ("rolled_back", True)
    moving.expect_only("source")


def test_one_altered_byte_on_the_target_sends_the_cut_back_by_itself_with_every_write(
    product: Product, moving: Moving
) -> None:
    """Last, because sides that differ do not follow each other until they are armed again."""
    moving.move.scheduled()
    with psycopg.connect(admin_conninfo(moving.target, "app"), autocommit=True) as target:
        target.execute("UPDATE person SET name = 'X' || name WHERE id = 7")
    run = product.settled(moving.move.act(APPLIER, "cut-over")["id"], 180)
    page = moving.move.read()
    assert run["status"] == "failed"
    told(run)
    assert "person" in run["reason"]
    there, back = page["switches"][-2:]
    assert (there["outcome"], there["proof_equal"], there["automatic"]) == ("cut", False, False)
    assert (back["direction"], back["outcome"], back["automatic"]) == ("return", "cut", True)
    assert page["status"] == "rolled_back"
    moving.expect_only("source")


@pytest.mark.invariant(31)
def test_no_acknowledged_write_is_lost_through_all_of_it(moving: Moving) -> None:
    moving.clients.stop()
    assert lost(moving.clients.acknowledged(), moving.legacy.host) == (0, 0)
