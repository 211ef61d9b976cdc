"""Hosts that fail in the middle of a migration, as records and people see them.

After each fault exactly one side accepts writes and is recorded, nothing acknowledged is lost, and the
run has ended or reports what happened and what is safe to do next.
"""

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.client.api import ApiClient
from orchestrator.demo.sample_system import admin_conninfo, lost
from tests.faults.live_migration import (
    LiveMigration,
    answers,
    bring_home,
    checked_migration,
    expect_explained,
    instance_of,
    may_log_in,
    plan_rollback,
    slow_marker,
)
from tests.faults.product import Product
from tests.ports.movers.faults import kill_database, pids_of, stopped
from tests.running import wait_until
from tests.transfers import APPLIER, REVIEWER

BUDGET_MS = 4_000

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def live(whole_product: Product) -> Iterator[LiveMigration]:
    """Everything is copied and both directions are prepared."""
    with checked_migration(whole_product, BUDGET_MS) as made:
        made.migration.well(APPLIER, ApiClient.start_migration)
        yield made


def test_a_cutover_over_its_budget_is_reverted_by_its_script_and_recorded(
    product: Product, live: LiveMigration
) -> None:
    live.migration.scheduled()
    with slow_marker(live, BUDGET_MS / 1000 + 3):
        run = product.ended_run(live.migration.act(APPLIER, ApiClient.cut_over_migration).id, 120)
    page = live.migration.read()
    assert run.status == "failed"
    expect_explained(run)
    assert (page.status, page.switches[-1].outcome) == ("rolled_back", "reverted")
    assert page.billing.target != "active"
    live.expect_only("source")


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_database_killed_between_fence_and_opening_leaves_one_serving_side_which_is_recorded(
    product: Product, live: LiveMigration, side: str
) -> None:
    host = live.host(side)
    live.migration.scheduled()
    with slow_marker(live, BUDGET_MS / 1000):
        run = live.migration.act(APPLIER, ApiClient.cut_over_migration)
        wait_until(lambda: live.mark("fenced"), "the source is fenced", 60)
        kill_database(host)
        ended = product.ended_run(run.id, 180)
        wait_until(lambda: answers(host), "the database is back", 60)
    bring_home(live, ended)


@pytest.mark.parametrize("side", ["target", "source"])
def test_a_database_killed_during_a_rollback_leaves_one_serving_side_which_is_recorded(
    product: Product, live: LiveMigration, side: str
) -> None:
    host = live.host(side)
    live.migration.cut_over()
    with slow_marker(live, BUDGET_MS / 1000, to="source"):
        run = live.migration.act(APPLIER, ApiClient.roll_back_migration)
        wait_until(lambda: live.mark("fenced", "source"), "the target is fenced", 60)
        kill_database(host)
        ended = product.ended_run(run.id, 180)
        wait_until(lambda: answers(host), "the database is back", 60)
    bring_home(live, ended)


def test_a_target_host_that_is_gone_needs_a_person_and_an_inspection_lets_the_source_serve(
    product: Product, live: LiveMigration
) -> None:
    cloud = SandboxCloud(product.settings.sandbox_socket)
    instance = instance_of(cloud, live)
    live.migration.scheduled()
    with contextlib.suppress(psycopg.Error), slow_marker(live, 3):
        run = live.migration.act(APPLIER, ApiClient.cut_over_migration)
        wait_until(lambda: live.mark("fenced"), "the source is fenced", 60)
        cloud.stop_instance(instance)
        ended = product.ended_run(run.id, 180)
        cloud.start_instance(instance)
        wait_until(lambda: answers(live.target), "the target is back", 60)
    assert ended.status == "failed"
    bring_home(live, ended)


def test_a_name_service_that_does_not_answer_at_the_opening_is_asked_again_until_it_leads_the_clients(
    product: Product, live: LiveMigration
) -> None:
    live.migration.scheduled()
    with slow_marker(live, 2):
        run = live.migration.act(APPLIER, ApiClient.cut_over_migration)
        wait_until(lambda: live.mark("fenced"), "the source is fenced", 60)
        with stopped(pids_of(live.legacy.names, b"names.py")):
            wait_until(lambda: live.said(run, "The target serves"), "the switch is written down", 60)
        ended = product.ended_run(run.id, 180)
    switch = live.migration.read().switches[-1]
    assert ended.status == "succeeded", ended.reason
    assert (switch.name_switched, switch.proof_equal) == (True, True)
    live.expect_only("target")
    live.migration.well(APPLIER, ApiClient.roll_back_migration)
    live.expect_only("source")


def test_a_refused_automatic_rollback_is_reported_and_people_can_roll_back_and_cut_over_again(
    product: Product, live: LiveMigration
) -> None:
    back = f"govcloud_{live.key}_reverse"
    live.migration.scheduled()
    with psycopg.connect(admin_conninfo(live.target, "app"), autocommit=True) as target:
        target.execute("UPDATE person SET name = 'X' || name WHERE id = 8")
        with slow_marker(live, 2):
            run = live.migration.act(APPLIER, ApiClient.cut_over_migration)
            wait_until(lambda: live.mark("fenced"), "the source is fenced", 60)
            target.execute(f"ALTER ROLE {back} NOLOGIN")
            ended = product.ended_run(run.id, 240)
        target.execute(f"ALTER ROLE {back} LOGIN")
        target.execute("UPDATE person SET name = substr(name, 2) WHERE id = 8")
    page = live.migration.read()
    assert ended.status == "failed"
    expect_explained(ended)
    assert "person" in (page.reason or "")
    assert page.status == "trial_run"
    live.expect_only("target")
    plan_rollback(live)
    live.migration.well(APPLIER, ApiClient.roll_back_migration)
    live.expect_only("source")
    assert [each.act for each in live.migration.read().awaited] == ["plan-cutover"]


def test_a_target_that_its_cloud_has_no_more_lets_a_person_have_the_source_serve_alone(
    product: Product, live: LiveMigration
) -> None:
    cloud = SandboxCloud(product.settings.sandbox_socket)
    instance = instance_of(cloud, live)
    live.migration.scheduled()
    with contextlib.suppress(psycopg.Error, OSError), slow_marker(live, 3):
        run = live.migration.act(APPLIER, ApiClient.cut_over_migration)
        wait_until(lambda: live.mark("fenced"), "the source is fenced", 60)
        product.ask_cloud(op="destroy", id=instance)
        ended = product.ended_run(run.id, 180)
    assert ended.status == "failed"
    expect_explained(ended)
    if live.migration.read().switches[-1].outcome == "unknown":
        product.ended_run(live.migration.act(REVIEWER, ApiClient.inspect_migration).id, 180)
    page = live.migration.read()
    assert (page.serving_side, page.switches[-1].outcome) == ("source", "reverted")
    before = len(live.clients.acknowledged())
    wait_until(lambda: len(live.clients.acknowledged()) > before + 20, "clients write on")
    assert may_log_in(live.legacy.host)


@pytest.mark.invariant(31)
def test_no_acknowledged_write_is_lost_through_all_of_it(live: LiveMigration) -> None:
    live.clients.stop()
    assert lost(live.clients.acknowledged(), live.legacy.host) == (0, 0)
