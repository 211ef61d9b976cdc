"""kill -9 of the worker, of its Ansible and of the script on the host, at each step of a migration.

After each exactly one side accepts writes, nothing acknowledged is lost, and the run ends.
"""

import signal
from collections.abc import Iterator

import psycopg
import pytest

from orchestrator.demo.sample_system import admin_conninfo, lost
from tests.faults.live_migration import LiveMigration, checked_migration, expect_explained, slow_marker
from tests.faults.product import Product
from tests.running import wait_until
from tests.transfers import APPLIER


@pytest.fixture(scope="module")
def live(whole_product: Product) -> Iterator[LiveMigration]:
    with checked_migration(whole_product, budget_ms=12_000) as made:
        yield made


def test_a_worker_and_its_ansible_killed_while_preparing_are_followed_by_one_that_prepares_the_rest(
    product: Product, live: LiveMigration
) -> None:
    run = live.migration.act(APPLIER, "start")
    wait_until(lambda: live.said(run, "prepare_transfer.yml"), "preparation has begun", 60)
    product.kill_worker_of(run["id"])
    product.kill_engines("ansible")
    ended = product.ended_run(run["id"], 180)
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended["reason"]
    assert live.migration.read()["status"] == "rehearsed"
    live.expect_only("source")


def test_worker_ansible_and_script_killed_between_fence_and_opening_let_the_source_serve_again(
    product: Product, live: LiveMigration
) -> None:
    live.migration.scheduled()
    with slow_marker(live):
        run = live.migration.act(APPLIER, "cut-over")
        wait_until(lambda: live.mark("fenced"), "the source is fenced", 60)
        live.signal_script(signal.SIGSTOP)
        product.kill_worker_of(run["id"])
        product.kill_engines("ansible")
        live.signal_script(signal.SIGKILL)
        ended = product.ended_run(run["id"], 180)
    page = live.migration.read()
    assert (ended["status"], ended["attempt"]) == ("failed", 2)
    assert ended["reason"]
    assert ended["next_step"]
    assert (page["status"], page["switches"][-1]["outcome"]) == ("rolled_back", "reverted")
    live.expect_only("source")


def test_a_script_that_outlives_its_worker_cuts_over_and_is_recorded(
    product: Product, live: LiveMigration
) -> None:
    live.migration.scheduled()
    with slow_marker(live):
        run = live.migration.act(APPLIER, "cut-over")
        wait_until(lambda: live.mark("fenced"), "the source is fenced", 60)
        product.kill_worker_of(run["id"])
        product.kill_engines("ansible")
        ended = product.ended_run(run["id"], 180)
    switch = live.migration.read()["switches"][-1]
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended["reason"]
    assert (switch["outcome"], switch["proof_equal"]) == ("switched", True)
    assert switch["fenced_ms"] > 0
    live.expect_only("target")


def test_a_worker_killed_after_the_opening_is_followed_by_one_that_proves_and_lets_the_source_follow(
    product: Product, live: LiveMigration
) -> None:
    live.migration.well(APPLIER, "roll-back")
    live.expect_only("source")
    live.migration.scheduled()
    run = live.migration.act(APPLIER, "cut-over")
    wait_until(lambda: live.said(run, "The target serves"), "the switch is written down", 60)
    product.kill_worker_of(run["id"])
    product.kill_engines("ansible")
    ended = product.ended_run(run["id"], 180)
    switch = live.migration.read()["switches"][-1]
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended["reason"]
    assert switch["proof_equal"]
    assert switch["followed_at"]
    live.expect_only("target")


def test_a_worker_killed_in_a_rollback_is_followed_by_one_that_finds_the_source_serving(
    product: Product, live: LiveMigration
) -> None:
    with slow_marker(live, to="source"):
        run = live.migration.act(APPLIER, "roll-back")
        wait_until(lambda: live.mark("fenced", "source"), "the target is fenced", 60)
        product.kill_worker_of(run["id"])
        product.kill_engines("ansible")
        ended = product.ended_run(run["id"], 180)
    page = live.migration.read()
    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended["reason"]
    assert (page["status"], page["switches"][-1]["proof_equal"]) == ("rolled_back", True)
    live.expect_only("source")


def test_one_altered_byte_on_the_target_rolls_the_cutover_back_with_every_write(
    product: Product, live: LiveMigration
) -> None:
    """Last, because sides that differ do not follow each other until they are prepared again."""
    live.migration.scheduled()
    with psycopg.connect(admin_conninfo(live.target, "app"), autocommit=True) as target:
        target.execute("UPDATE person SET name = 'X' || name WHERE id = 7")
    run = product.ended_run(live.migration.act(APPLIER, "cut-over")["id"], 180)
    page = live.migration.read()
    assert run["status"] == "failed"
    expect_explained(run)
    assert "person" in run["reason"]
    there, back = page["switches"][-2:]
    assert (there["outcome"], there["proof_equal"], there["automatic"]) == ("switched", False, False)
    assert (back["direction"], back["outcome"], back["automatic"]) == ("rollback", "switched", True)
    assert page["status"] == "rolled_back"
    live.expect_only("source")


@pytest.mark.invariant(31)
def test_no_acknowledged_write_is_lost_through_all_of_it(live: LiveMigration) -> None:
    live.clients.stop()
    assert lost(live.clients.acknowledged(), live.legacy.host) == (0, 0)
