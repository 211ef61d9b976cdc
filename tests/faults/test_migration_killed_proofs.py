"""kill -9 around the proof of a switch, in the middle of an automatic rollback, and during the copy.

After each exactly one side accepts writes, nothing acknowledged is lost, and the run ends.
"""

import signal
from collections.abc import Iterator
from uuid import UUID

import pytest

from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.client.api import ApiClient
from orchestrator.demo.sample_system import lost
from tests.faults.live_migration import (
    LiveMigration,
    answers,
    checked_migration,
    expect_explained,
    instance_of,
    may_log_in,
    slow_marker,
)
from tests.faults.product import Product
from tests.ports.movers.faults import kill_database, pids_of, stopped
from tests.running import wait_until
from tests.transfers import APPLIER, REVIEWER

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def live(whole_product: Product) -> Iterator[LiveMigration]:
    with checked_migration(whole_product, budget_ms=12_000) as made:
        yield made


def kill_worker_and_ansible(product: Product, run_id: UUID) -> None:
    product.kill_worker_of(run_id)
    product.kill_engines("ansible")


def test_databases_killed_during_the_copy_are_waited_for_and_everything_is_copied_in_the_end(
    product: Product, live: LiveMigration
) -> None:
    launcher = pids_of(live.target, b"logical replication launcher")
    with stopped(launcher):  # So that the copy cannot be complete before both were killed.
        run = live.migration.act(APPLIER, ApiClient.start_migration)
        wait_until(lambda: live.said(run, "Copied: "), "both directions are prepared", 90)
        kill_database(live.legacy.host)
        wait_until(lambda: answers(live.legacy.host), "the source's database is back", 60)
        assert product.reader.read_run(run.id).status == "running"
        kill_database(live.target)
    ended = product.ended_run(run.id, 180)
    page = live.migration.read()
    assert ended.status == "succeeded", ended.reason
    assert (page.status, page.progress.ready) == ("rehearsed", True)
    assert page.progress.tables_done == (page.progress.tables or 0) > 0
    live.expect_only("source")


def test_a_worker_killed_during_the_proof_is_followed_by_one_that_proves_again(
    product: Product, live: LiveMigration
) -> None:
    live.migration.scheduled()
    run = live.migration.act(APPLIER, ApiClient.cut_over_migration)
    wait_until(lambda: live.said(run, "prove_cutover.yml"), "the proof has begun", 60)
    assert live.migration.read().switches[-1].proof_equal is None
    kill_worker_and_ansible(product, run.id)
    ended = product.ended_run(run.id, 180)
    switch = live.migration.read().switches[-1]
    assert (ended.status, ended.attempt) == ("succeeded", 2), ended.reason
    assert (switch.proof_equal, switch.followed_at is not None) == (True, True)
    live.expect_only("target")


def test_a_worker_killed_between_proof_and_follow_is_followed_by_one_that_believes_the_proof(
    product: Product, live: LiveMigration
) -> None:
    run = live.migration.act(APPLIER, ApiClient.roll_back_migration)
    wait_until(lambda: live.said(run, "Proof: "), "the proof was read", 60)
    kill_worker_and_ansible(product, run.id)
    switch = live.migration.read().switches[-1]
    assert (switch.proof_equal, switch.followed_at) == (True, None)
    ended = product.ended_run(run.id, 180)
    assert (ended.status, ended.attempt) == ("succeeded", 2), ended.reason
    assert live.migration.read().switches[-1].followed_at
    assert live.times_said(run, "prove_rollback.yml") == 1
    live.expect_only("source")


def test_a_worker_killed_in_an_automatic_rollback_is_followed_by_one_that_ends_it(
    product: Product, live: LiveMigration
) -> None:
    """The proof could not be read, so a later worker must not read it while the rollback is under way."""
    live.migration.scheduled()
    with slow_marker(live, to="source"):
        run = live.migration.act(APPLIER, ApiClient.cut_over_migration)
        wait_until(lambda: live.said(run, "The target serves"), "the switch is written down", 60)
        live.signal_script(signal.SIGKILL)  # With it goes what the proof would have read.
        wait_until(lambda: live.mark("fenced", "source"), "the rollback has fenced the target", 90)
        kill_worker_and_ansible(product, run.id)
        ended = product.ended_run(run.id, 180)
    page = live.migration.read()
    there, back = page.switches[-2:]
    assert (ended.status, ended.attempt) == ("failed", 2)
    expect_explained(ended)
    assert (there.outcome, there.proof_equal) == ("switched", None)
    assert (back.direction, back.automatic, back.outcome) == ("rollback", True, "switched")
    assert (back.proof_equal, back.followed_at is not None) == (True, True)
    assert page.status == "rolled_back"
    assert live.times_said(run, "prove_cutover.yml") == 1
    live.expect_only("source")


def test_no_acknowledged_write_is_lost_through_all_of_it(live: LiveMigration) -> None:
    live.clients.stop()
    assert lost(live.clients.acknowledged(), live.legacy.host) == (0, 0)


def test_after_the_loss_of_the_target_a_person_lets_the_source_serve_with_a_warning(
    product: Product, live: LiveMigration
) -> None:
    live.migration.cut_over()
    product.ask_cloud(op="destroy", id=instance_of(SandboxCloud(product.settings.sandbox_socket), live))
    run = live.migration.run(APPLIER, ApiClient.roll_back_migration, 180)
    expect_explained(run)
    assert run.status == "failed"
    assert "may not have reached the source" in (run.reason or "")
    assert not may_log_in(live.legacy.host)
    live.migration.act(REVIEWER, ApiClient.inspect_migration)
    wait_until(lambda: live.migration.read().status == "rolled_back", "both sides are read", 120)
    wait_until(product.no_run_in_progress, "the inspection has ended", 60)
    page = live.migration.read()
    assert (page.serving_side, page.status) == ("source", "rolled_back")
    assert "may be missing" in (page.reason or "")
    assert may_log_in(live.legacy.host)
    (event,) = product.rows("SELECT body FROM audit_events WHERE action = 'migration:source_alone'")
    assert '"writes_may_be_missing":true' in event["body"].replace(" ", "")
