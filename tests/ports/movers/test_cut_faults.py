"""Whatever is killed while a cut runs: one side accepts writes in the end, no acknowledged write is lost."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.adapters.movers.ansible_movers import AnsibleMovers
from orchestrator.migrations.move import Move, Side
from orchestrator.migrations.movers import CutResult, MoverFailed
from orchestrator.migrations.serving import Serving, judge
from tests.ports.movers.faults import begun, begun_return, kill_database, pids_of, slow_arrival, stopped
from tests.ports.movers.legacy import (
    Clients,
    World,
    expect_all_stored,
    expect_one_side,
    settle,
    wait_until_ready,
)
from tests.ports.sandbox.daemon import wait_until

AN_HOUR_AHEAD = "UPDATE govcloud_{key}.cut SET at = at + interval '1 hour' WHERE kind = 'fence'"


@pytest.fixture(scope="module")
def armed(world: World) -> Iterator[Move]:
    """A move that stays armed for the tests of this file: each leaves the source serving."""
    move = world.move("faults")
    world.movers(move, "arm").arm()
    yield move
    settle(world, move)


@pytest.fixture
def movers(world: World, armed: Move) -> AnsibleMovers:
    made = world.movers(armed, "cut")
    wait_until_ready(made)
    return made


def serving(world: World, movers: AnsibleMovers) -> Serving:
    addresses: dict[Side, str] = {"source": world.legacy.address, "target": world.target.address}
    return judge(movers.sides(), addresses)


@contextmanager
def a_serving_legacy_system(world: World) -> Iterator[Clients]:
    """Clients that write; in the end the legacy system alone serves and has every acknowledged write."""
    with world.clients(pause=0.05) as clients:
        yield clients
        clients.wait_for(20)
        clients.stop()
        expect_one_side(world, world.legacy)
        expect_all_stored(world, clients.acknowledged(), world.legacy)


def test_a_cut_killed_before_the_fence_has_changed_nothing(
    world: World, armed: Move, movers: AnsibleMovers
) -> None:
    with a_serving_legacy_system(world) as clients:
        with slow_arrival(world, armed, "probe", 4):
            cut = begun(world, armed, movers)
            cut.wait_for("started")
            assert cut.kill().outcome in {"unsettled", "refused"}
        clients.wait_for(20)
        found = serving(world, movers)
        assert (found.verdict, found.name_follows) == ("source", True)
        movers.reopen("source")


def test_a_cut_killed_between_fence_and_opening_leaves_both_closed_and_the_source_is_reopened(
    world: World, armed: Move, movers: AnsibleMovers
) -> None:
    with a_serving_legacy_system(world) as clients:
        with slow_arrival(world, armed, "marker", 2):
            cut = begun(world, armed, movers)
            cut.wait_for("fenced")
            assert cut.kill().outcome == "unsettled"
        assert not world.may_write(world.legacy)
        assert not world.may_write(world.target)
        found = serving(world, movers)
        assert (found.verdict, found.reopen) == ("neither", "source")
        movers.reopen("source")
        clients.wait_for(20)
        assert serving(world, movers).verdict == "source"
    wait_until_ready(movers)


def test_a_cut_that_was_held_up_opens_nothing_after_the_source_was_let_serve_again(
    world: World, armed: Move, movers: AnsibleMovers
) -> None:
    with a_serving_legacy_system(world) as clients:
        with slow_arrival(world, armed, "marker", 2):
            cut = begun(world, armed, movers)
            cut.wait_for("fenced")
            with stopped([cut.pid]):
                movers.reopen("source")
            assert cut.result().outcome == "unsettled"
        clients.wait_for(20)
        expect_one_side(world, world.legacy)
    wait_until_ready(movers)


def test_a_cut_that_exceeds_its_budget_gives_the_source_back_by_itself(
    world: World, armed: Move, movers: AnsibleMovers
) -> None:
    hurried = world.movers(world.move(armed.key, budget_ms=300), "cut")
    assert movers.progress().ready
    with a_serving_legacy_system(world), slow_arrival(world, armed, "marker", 2):
        result = hurried.cut()
    assert result.outcome == "reopened"
    assert result.reason is not None
    assert result.reason.code == "over_budget"


@pytest.mark.parametrize("which", ["source", "target"])
def test_a_database_killed_between_fence_and_opening_costs_no_write(
    world: World, armed: Move, movers: AnsibleMovers, which: Side
) -> None:
    host = world.legacy if which == "source" else world.target
    with world.clients(pause=0.05) as clients:
        with slow_arrival(world, armed, "marker", 2):
            cut = begun(world, armed, movers)
            cut.wait_for("fenced")
            kill_database(host)
            result = cut.result()
        wait_until(lambda: world.answers(host), "the database is back")
        bring_home(world, movers, result)
        clients.wait_for(20)
        clients.stop()
        expect_one_side(world, world.legacy)
        expect_all_stored(world, clients.acknowledged(), world.legacy)


def bring_home(world: World, movers: AnsibleMovers, result: CutResult) -> None:
    """What a workflow does with each outcome, until the source serves again."""
    found = serving(world, movers)
    if found.verdict == "target":
        assert result.outcome == "cut"
        assert movers.return_().outcome == "cut"
        assert movers.prove("source").equal
        movers.follow("source")
    else:
        assert result.outcome in {"reopened", "unsettled"}
        movers.reopen(found.reopen or "source")


def test_a_cut_killed_after_the_opening_leaves_the_target_serving_and_the_name_is_led_there(
    world: World, armed: Move, movers: AnsibleMovers
) -> None:
    names = pids_of(world.names, b"names.py")
    with world.clients(pause=0.05) as clients:
        with slow_arrival(world, armed, "marker", 1.5):
            cut = begun(world, armed, movers)
            cut.wait_for("fenced")
            with stopped(names):
                cut.wait_for("opened")
                assert cut.kill().outcome == "unsettled"
                for pid in names:  # What it was asked last is lost with it.
                    os.kill(pid, signal.SIGKILL)
        found = serving(world, movers)
        assert (found.verdict, found.name_follows) == ("target", False)
        movers.reopen("target")
        found = serving(world, movers)
        assert (found.verdict, found.name_follows) == ("target", True)
        clients.wait_for(40)
        expect_one_side(world, world.target)
        expect_all_stored(world, clients.acknowledged(), world.target)
        with pytest.raises(MoverFailed):
            movers.prove("target")
        assert movers.return_().outcome == "cut"
        assert movers.prove("source").equal
        movers.follow("source")
        clients.wait_for(20)
        clients.stop()
        expect_one_side(world, world.legacy)
        expect_all_stored(world, clients.acknowledged(), world.legacy)


def test_a_return_killed_between_fence_and_opening_reopens_the_target_whatever_the_clocks_say(
    world: World, armed: Move, movers: AnsibleMovers
) -> None:
    with a_serving_legacy_system(world) as clients:
        assert movers.cut().outcome == "cut"
        assert movers.prove("target").equal
        movers.follow("target")
        with world.admin(world.target) as target:  # As if the source's clock were an hour ahead.
            target.execute(AN_HOUR_AHEAD.format(key=armed.key))
        clients.wait_for(20)
        with slow_arrival(world, armed, "marker", 2, on=world.legacy):
            back = begun_return(world, armed, movers)
            back.wait_for("fenced")
            assert back.kill().outcome == "unsettled"
        found = serving(world, movers)
        assert (found.verdict, found.reopen) == ("neither", "target")
        movers.reopen("target")
        clients.wait_for(20)
        expect_one_side(world, world.target)
        assert movers.return_().outcome == "cut"
        assert movers.prove("source").equal
        movers.follow("source")
