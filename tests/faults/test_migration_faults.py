"""What happens to hosts in the middle of a migration, as the books and the people see it.

After each fault exactly one side accepts writes, the books say which, nothing acknowledged is lost, and the
run has settled or tells a person what happened and what is safe to do next.
"""

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.demo.sample_system import admin_conninfo, lost
from tests.faults.moving import (
    Moving,
    answers,
    bring_home,
    checked_migration,
    instance_of,
    may_log_in,
    return_planned,
    slow_marker,
    told,
)
from tests.faults.product import Product
from tests.moves import APPLIER, REVIEWER
from tests.ports.movers.faults import kill_database, pids_of, stopped
from tests.running import wait_until

BUDGET_MS = 4_000

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def moving(whole_product: Product) -> Iterator[Moving]:
    """Everything is copied and both ways are armed."""
    with checked_migration(whole_product, BUDGET_MS) as made:
        made.move.well(APPLIER, "start")
        yield made


def test_a_cut_over_its_budget_is_taken_back_by_its_own_script_and_the_books_say_so(
    product: Product, moving: Moving
) -> None:
    moving.move.scheduled()
    with slow_marker(moving, BUDGET_MS / 1000 + 3):
        run = product.settled(moving.move.act(APPLIER, "cut-over")["id"], 120)
    page = moving.move.read()
    assert run["status"] == "failed"
    told(run)
    assert (page["status"], page["switches"][-1]["outcome"]) == ("rolled_back", "reopened")
    assert page["billing"].get("target") != "active"
    moving.expect_only("source")


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_database_killed_between_fence_and_opening_leaves_one_side_serving_and_the_books_follow(
    product: Product, moving: Moving, side: str
) -> None:
    host = moving.host(side)
    moving.move.scheduled()
    with slow_marker(moving, BUDGET_MS / 1000):
        run = moving.move.act(APPLIER, "cut-over")
        wait_until(lambda: moving.mark("fenced"), "the source is fenced", 60)
        kill_database(host)
        ended = product.settled(run["id"], 180)
        wait_until(lambda: answers(host), "the database is back", 60)
    bring_home(moving, ended)


@pytest.mark.parametrize("side", ["target", "source"])
def test_a_database_killed_in_the_middle_of_a_return_leaves_one_side_serving_and_the_books_follow(
    product: Product, moving: Moving, side: str
) -> None:
    host = moving.host(side)
    moving.move.cut()
    with slow_marker(moving, BUDGET_MS / 1000, to="source"):
        run = moving.move.act(APPLIER, "roll-back")
        wait_until(lambda: moving.mark("fenced", "source"), "the target is fenced", 60)
        kill_database(host)
        ended = product.settled(run["id"], 180)
        wait_until(lambda: answers(host), "the database is back", 60)
    bring_home(moving, ended)


def test_a_target_host_that_is_gone_needs_a_person_and_settling_lets_the_source_serve(
    product: Product, moving: Moving
) -> None:
    cloud = SandboxCloud(product.settings.sandbox_socket)
    instance = instance_of(cloud, moving)
    moving.move.scheduled()
    with contextlib.suppress(psycopg.Error), slow_marker(moving, 3):
        run = moving.move.act(APPLIER, "cut-over")
        wait_until(lambda: moving.mark("fenced"), "the source is fenced", 60)
        cloud.stop_instance(instance)
        ended = product.settled(run["id"], 180)
        cloud.start_instance(instance)
        wait_until(lambda: answers(moving.target), "the target is back", 60)
    assert ended["status"] == "failed"
    bring_home(moving, ended)


def test_a_name_service_that_does_not_answer_at_the_opening_is_asked_again_until_it_leads_the_clients(
    product: Product, moving: Moving
) -> None:
    moving.move.scheduled()
    with slow_marker(moving, 2):
        run = moving.move.act(APPLIER, "cut-over")
        wait_until(lambda: moving.mark("fenced"), "the source is fenced", 60)
        with stopped(pids_of(moving.legacy.names, b"names.py")):
            wait_until(lambda: moving.said(run, "The target serves"), "the switch is written down", 60)
        ended = product.settled(run["id"], 180)
    switch = moving.move.read()["switches"][-1]
    assert ended["status"] == "succeeded", ended["reason"]
    assert (switch["name_switched"], switch["proof_equal"]) == (True, True)
    moving.expect_only("target")
    moving.move.well(APPLIER, "roll-back")
    moving.expect_only("source")


def test_a_return_by_itself_that_is_refused_is_told_and_people_can_return_and_cut_again(
    product: Product, moving: Moving
) -> None:
    back = f"govcloud_{moving.key}_reverse"
    moving.move.scheduled()
    with psycopg.connect(admin_conninfo(moving.target, "app"), autocommit=True) as target:
        target.execute("UPDATE person SET name = 'X' || name WHERE id = 8")
        with slow_marker(moving, 2):
            run = moving.move.act(APPLIER, "cut-over")
            wait_until(lambda: moving.mark("fenced"), "the source is fenced", 60)
            target.execute(f"ALTER ROLE {back} NOLOGIN")
            ended = product.settled(run["id"], 240)
        target.execute(f"ALTER ROLE {back} LOGIN")
        target.execute("UPDATE person SET name = substr(name, 2) WHERE id = 8")
    page = moving.move.read()
    assert ended["status"] == "failed"
    told(ended)
    assert "person" in page["reason"]
    assert page["status"] == "trial_run"
    moving.expect_only("target")
    return_planned(moving)
    moving.move.well(APPLIER, "roll-back")
    moving.expect_only("source")
    assert [each["act"] for each in moving.move.read()["awaited"]] == ["plan-cutover"]


def test_a_target_that_its_cloud_has_no_more_lets_a_person_have_the_source_serve_alone(
    product: Product, moving: Moving
) -> None:
    cloud = SandboxCloud(product.settings.sandbox_socket)
    instance = instance_of(cloud, moving)
    moving.move.scheduled()
    with contextlib.suppress(psycopg.Error, OSError), slow_marker(moving, 3):
        run = moving.move.act(APPLIER, "cut-over")
        wait_until(lambda: moving.mark("fenced"), "the source is fenced", 60)
        product.ask_cloud(op="destroy", id=instance)
        ended = product.settled(run["id"], 180)
    assert ended["status"] == "failed"
    told(ended)
    if moving.move.read()["switches"][-1]["outcome"] == "unsettled":
        product.settled(moving.move.act(REVIEWER, "inspect")["id"], 180)
    page = moving.move.read()
    assert (page["serving_side"], page["switches"][-1]["outcome"]) == ("source", "reopened")
    before = len(moving.clients.acknowledged())
    wait_until(lambda: len(moving.clients.acknowledged()) > before + 20, "clients write on")
    assert may_log_in(moving.legacy.host)


@pytest.mark.invariant(31)
def test_no_acknowledged_write_is_lost_through_all_of_it(moving: Moving) -> None:
    moving.clients.stop()
    assert lost(moving.clients.acknowledged(), moving.legacy.host) == (0, 0)
