"""A process is killed during a cutover: one side accepts writes in the end, no acknowledged write is lost."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.adapters.movers.ansible_movers import AnsibleMovers
from orchestrator.migrations.kinds import Side
from orchestrator.migrations.movers import MoverFailed, SwitchResult
from orchestrator.migrations.serving import Serving, judge
from orchestrator.migrations.transfer import Transfer
from tests.ports.movers.faults import (
    kill_database,
    pids_of,
    slow_arrival,
    start_cutover,
    start_rollback,
    stopped,
)
from tests.ports.movers.legacy import (
    Clients,
    World,
    expect_all_stored,
    expect_one_side,
    reset,
    wait_until_ready,
)
from tests.ports.sandbox.daemon import wait_until

AN_HOUR_AHEAD = "UPDATE govcloud_{key}.switches SET at = at + interval '1 hour' WHERE kind = 'fence'"


@pytest.fixture(scope="module")
def prepared(world: World) -> Iterator[Transfer]:
    """A transfer that stays prepared for the tests of this file: each leaves the source serving."""
    transfer = world.transfer("faults")
    world.movers(transfer, "prepare").prepare()
    yield transfer
    reset(world, transfer)


@pytest.fixture
def movers(world: World, prepared: Transfer) -> AnsibleMovers:
    made = world.movers(prepared, "cutover")
    wait_until_ready(made)
    return made


def serving(world: World, movers: AnsibleMovers) -> Serving:
    addresses: dict[Side, str] = {Side.SOURCE: world.legacy.address, Side.TARGET: world.target.address}
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


def test_a_cutover_killed_before_the_fence_has_changed_nothing(
    world: World, prepared: Transfer, movers: AnsibleMovers
) -> None:
    with a_serving_legacy_system(world) as clients:
        with slow_arrival(world, prepared, "probe", 4):
            switch = start_cutover(world, prepared, movers)
            switch.wait_for("started")
            assert switch.kill().outcome in {"unknown", "refused"}
        clients.wait_for(20)
        found = serving(world, movers)
        assert (found.verdict, found.name_follows) == ("source", True)
        movers.reopen(Side.SOURCE)


def test_a_cutover_killed_between_fence_and_opening_leaves_both_fenced_and_the_source_is_reopened(
    world: World, prepared: Transfer, movers: AnsibleMovers
) -> None:
    with a_serving_legacy_system(world) as clients:
        with slow_arrival(world, prepared, "marker", 2):
            switch = start_cutover(world, prepared, movers)
            switch.wait_for("fenced")
            assert switch.kill().outcome == "unknown"
        assert not world.may_write(world.legacy)
        assert not world.may_write(world.target)
        found = serving(world, movers)
        assert (found.verdict, found.reopen) == ("neither", "source")
        movers.reopen(Side.SOURCE)
        clients.wait_for(20)
        assert serving(world, movers).verdict == "source"
    wait_until_ready(movers)


def test_a_cutover_that_was_held_up_opens_nothing_after_the_source_was_let_serve_again(
    world: World, prepared: Transfer, movers: AnsibleMovers
) -> None:
    with a_serving_legacy_system(world) as clients:
        with slow_arrival(world, prepared, "marker", 2):
            switch = start_cutover(world, prepared, movers)
            switch.wait_for("fenced")
            with stopped([switch.pid]):
                movers.reopen(Side.SOURCE)
            assert switch.result().outcome == "unknown"
        clients.wait_for(20)
        expect_one_side(world, world.legacy)
    wait_until_ready(movers)


def test_a_cutover_that_exceeds_its_budget_reverts(
    world: World, prepared: Transfer, movers: AnsibleMovers
) -> None:
    hurried = world.movers(world.transfer(prepared.key, budget_ms=300), "cutover")
    assert movers.progress().ready
    with a_serving_legacy_system(world), slow_arrival(world, prepared, "marker", 2):
        result = hurried.cut_over()
    assert result.outcome == "reverted"
    assert result.reason is not None
    assert result.reason.code == "over_budget"


@pytest.mark.parametrize("which", Side)
def test_a_database_killed_between_fence_and_opening_costs_no_write(
    world: World, prepared: Transfer, movers: AnsibleMovers, which: Side
) -> None:
    host = world.legacy if which is Side.SOURCE else world.target
    with world.clients(pause=0.05) as clients:
        with slow_arrival(world, prepared, "marker", 2):
            switch = start_cutover(world, prepared, movers)
            switch.wait_for("fenced")
            kill_database(host)
            result = switch.result()
        wait_until(lambda: world.answers(host), "the database is back")
        bring_home(world, movers, result)
        clients.wait_for(20)
        clients.stop()
        expect_one_side(world, world.legacy)
        expect_all_stored(world, clients.acknowledged(), world.legacy)


def bring_home(world: World, movers: AnsibleMovers, result: SwitchResult) -> None:
    """Handle each outcome as a workflow does, until the source serves again."""
    found = serving(world, movers)
    if found.verdict == "target":
        assert result.outcome == "switched"
        assert movers.roll_back().outcome == "switched"
        assert movers.prove(Side.SOURCE).equal
        movers.follow(Side.SOURCE)
    else:
        assert result.outcome in {"reverted", "unknown"}
        movers.reopen(found.reopen or Side.SOURCE)


def test_a_cutover_killed_after_the_opening_leaves_the_target_serving_and_the_name_is_led_there(
    world: World, prepared: Transfer, movers: AnsibleMovers
) -> None:
    names = pids_of(world.names, b"names.py")
    with world.clients(pause=0.05) as clients:
        with slow_arrival(world, prepared, "marker", 1.5):
            switch = start_cutover(world, prepared, movers)
            switch.wait_for("fenced")
            with stopped(names):
                switch.wait_for("opened")
                assert switch.kill().outcome == "unknown"
                for pid in names:  # What it was asked last is lost with it.
                    os.kill(pid, signal.SIGKILL)
        found = serving(world, movers)
        assert (found.verdict, found.name_follows) == ("target", False)
        movers.reopen(Side.TARGET)
        found = serving(world, movers)
        assert (found.verdict, found.name_follows) == ("target", True)
        clients.wait_for(40)
        expect_one_side(world, world.target)
        expect_all_stored(world, clients.acknowledged(), world.target)
        with pytest.raises(MoverFailed):
            movers.prove(Side.TARGET)
        assert movers.roll_back().outcome == "switched"
        assert movers.prove(Side.SOURCE).equal
        movers.follow(Side.SOURCE)
        clients.wait_for(20)
        clients.stop()
        expect_one_side(world, world.legacy)
        expect_all_stored(world, clients.acknowledged(), world.legacy)


def test_a_rollback_killed_between_fence_and_opening_reopens_the_target_whatever_the_clocks_say(
    world: World, prepared: Transfer, movers: AnsibleMovers
) -> None:
    with a_serving_legacy_system(world) as clients:
        assert movers.cut_over().outcome == "switched"
        assert movers.prove(Side.TARGET).equal
        movers.follow(Side.TARGET)
        with world.admin(world.target) as target:  # As if the source's clock were an hour ahead.
            target.execute(AN_HOUR_AHEAD.format(key=prepared.key))
        clients.wait_for(20)
        with slow_arrival(world, prepared, "marker", 2, on=world.legacy):
            back = start_rollback(world, prepared, movers)
            back.wait_for("fenced")
            assert back.kill().outcome == "unknown"
        found = serving(world, movers)
        assert (found.verdict, found.reopen) == ("neither", "target")
        movers.reopen(Side.TARGET)
        clients.wait_for(20)
        expect_one_side(world, world.target)
        assert movers.roll_back().outcome == "switched"
        assert movers.prove(Side.SOURCE).equal
        movers.follow(Side.SOURCE)
