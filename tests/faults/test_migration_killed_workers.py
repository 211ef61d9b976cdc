"""kill -9 of the worker, of its Ansible and of the script on the host, at each step of a migration.

After each exactly one side accepts writes, nothing acknowledged is lost, and the run ends.
"""

import signal
from collections.abc import Iterator

import psycopg
import pytest

from orchestrator.client.api import ApiClient
from orchestrator.demo.sample_system import admin_conninfo, lost
from tests.faults.live_migration import LiveMigration, checked_migration, expect_explained, slow_marker
from tests.faults.product import Product
from tests.running import wait_until
from tests.transfers import APPLIER


@pytest.fixture
def live(product: Product) -> Iterator[LiveMigration]:
    with checked_migration(product, budget_ms=12_000) as made:
        yield made


@pytest.mark.invariant(31)
def test_a_migration_whose_processes_are_killed_at_every_step_has_one_serving_side_and_loses_no_write(
    product: Product, live: LiveMigration
) -> None:
    kill_while_preparing(product, live)
    product.make_whole()
    kill_all_between_fence_and_opening(product, live)
    product.make_whole()
    kill_all_but_the_script(product, live)
    product.make_whole()
    kill_after_the_opening(product, live)
    product.make_whole()
    kill_in_a_rollback(product, live)
    product.make_whole()
    alter_a_byte_on_the_target(product, live)
    live.clients.stop()
    assert lost(live.clients.acknowledged(), live.legacy.host) == (0, 0)


def kill_while_preparing(product: Product, live: LiveMigration) -> None:
    """The next worker prepares the rest."""
    run = live.migration.act(APPLIER, ApiClient.start_migration)
    wait_until(lambda: live.said(run, "prepare_transfer.yml"), "preparation has begun", 60)
    product.kill_worker_of(run.id)
    product.kill_engines("ansible")
    ended = product.ended_run(run.id, 180)
    assert (ended.status, ended.attempt) == ("succeeded", 2), ended.reason
    assert live.migration.read().status == "rehearsed"
    live.expect_only("source")


def kill_all_between_fence_and_opening(product: Product, live: LiveMigration) -> None:
    """Without worker, Ansible and script the source serves again."""
    live.migration.scheduled()
    with slow_marker(live):
        run = live.migration.act(APPLIER, ApiClient.cut_over_migration)
        wait_until(lambda: live.mark("fenced"), "the source is fenced", 60)
        live.signal_script(signal.SIGSTOP)
        product.kill_worker_of(run.id)
        product.kill_engines("ansible")
        live.signal_script(signal.SIGKILL)
        ended = product.ended_run(run.id, 180)
    page = live.migration.read()
    assert (ended.status, ended.attempt) == ("failed", 2)
    assert ended.reason
    assert ended.next_step
    assert (page.status, page.switches[-1].outcome) == ("rolled_back", "reverted")
    live.expect_only("source")


def kill_all_but_the_script(product: Product, live: LiveMigration) -> None:
    """The script cuts over, and the next worker records it."""
    live.migration.scheduled()
    with slow_marker(live):
        run = live.migration.act(APPLIER, ApiClient.cut_over_migration)
        wait_until(lambda: live.mark("fenced"), "the source is fenced", 60)
        product.kill_worker_of(run.id)
        product.kill_engines("ansible")
        ended = product.ended_run(run.id, 180)
    switch = live.migration.read().switches[-1]
    assert (ended.status, ended.attempt) == ("succeeded", 2), ended.reason
    assert (switch.outcome, switch.proof_equal) == ("switched", True)
    assert (switch.fenced_ms or 0) > 0
    live.expect_only("target")


def kill_after_the_opening(product: Product, live: LiveMigration) -> None:
    """The next worker proves, and lets the source follow."""
    live.migration.well(APPLIER, ApiClient.roll_back_migration)
    live.expect_only("source")
    live.migration.scheduled()
    run = live.migration.act(APPLIER, ApiClient.cut_over_migration)
    wait_until(lambda: live.said(run, "The target serves"), "the switch is written down", 60)
    product.kill_worker_of(run.id)
    product.kill_engines("ansible")
    ended = product.ended_run(run.id, 180)
    switch = live.migration.read().switches[-1]
    assert (ended.status, ended.attempt) == ("succeeded", 2), ended.reason
    assert switch.proof_equal
    assert switch.followed_at
    live.expect_only("target")


def kill_in_a_rollback(product: Product, live: LiveMigration) -> None:
    """The next worker finds the source serving."""
    with slow_marker(live, to="source"):
        run = live.migration.act(APPLIER, ApiClient.roll_back_migration)
        wait_until(lambda: live.mark("fenced", "source"), "the target is fenced", 60)
        product.kill_worker_of(run.id)
        product.kill_engines("ansible")
        ended = product.ended_run(run.id, 180)
    page = live.migration.read()
    assert (ended.status, ended.attempt) == ("succeeded", 2), ended.reason
    assert (page.status, page.switches[-1].proof_equal) == ("rolled_back", True)
    live.expect_only("source")


def alter_a_byte_on_the_target(product: Product, live: LiveMigration) -> None:
    """The cutover is rolled back with every write.

    It is the last step: sides that differ do not follow each other until they are prepared again.
    """
    live.migration.scheduled()
    with psycopg.connect(admin_conninfo(live.target, "app"), autocommit=True) as target:
        target.execute("UPDATE person SET name = 'X' || name WHERE id = 7")
    run = product.ended_run(live.migration.act(APPLIER, ApiClient.cut_over_migration).id, 180)
    page = live.migration.read()
    assert run.status == "failed"
    expect_explained(run)
    assert "person" in (run.reason or "")
    there, back = page.switches[-2:]
    assert (there.outcome, there.proof_equal, there.automatic) == ("switched", False, False)
    assert (back.direction, back.outcome, back.automatic) == ("rollback", "switched", True)
    assert page.status == "rolled_back"
    live.expect_only("source")
