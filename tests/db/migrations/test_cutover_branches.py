"""Every branch of a cutover and of a rollback, between two fake hosts: one row a case.

Whatever happens, the record names the side that accepts writes, or says that a person must look.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from orchestrator.core import clock
from orchestrator.core.db import transaction
from orchestrator.migrations.findings import finding
from orchestrator.migrations.kinds import Side
from tests import fake_movers as on
from tests.db.migrations.cutover_case import CutoverCase
from tests.db.migrations.ends import (
    BACK,
    BACK_REFUSED,
    BACK_REVERTED,
    MADE,
    REFUSED,
    REVERTED,
    End,
    assert_explained,
    assert_record_is_true,
    end_of,
)
from tests.fake_movers import Event

# --- before the hosts are touched ------------------------------------------------------------------


def is_still_copying(case: CutoverCase) -> None:
    case.hosts.ready = False


def is_in_trouble(case: CutoverCase) -> None:
    case.hosts.trouble = (finding("lagging", {"side": "target", "bytes": 9_000_000}),)
    case.hosts.ready = False


def has_lost_a_slot(case: CutoverCase) -> None:
    case.hosts.trouble = (finding("slot_lost", {"side": "source"}),)


def cannot_be_read(case: CutoverCase) -> None:
    case.hosts.events["progress"].append(on.fails)


def is_after_its_window(case: CutoverCase) -> None:
    with transaction(case.engine) as session:
        clock.advance(session, timedelta(hours=15))


NOT_READY = (is_still_copying, is_in_trouble, has_lost_a_slot, cannot_be_read, is_after_its_window)


@pytest.mark.parametrize("spoil", NOT_READY)
def test_a_cutover_whose_precondition_fails_after_it_was_ordered_touches_nothing(
    cutover: CutoverCase, spoil: Callable[[CutoverCase], None]
) -> None:
    run_id = cutover.order("cut-over")
    spoil(cutover)
    cutover.work(run_id)
    assert end_of(cutover, cutover.run(run_id).status) == End("failed", [], "rehearsed", [Side.SOURCE])
    assert "cut_over" not in cutover.hosts.calls
    assert (cutover.plan_status("cutover"), cutover.plan_status("rollback")) == ("abandoned", "superseded")
    assert_explained(cutover)


def test_a_worker_killed_before_the_switch_began_is_followed_by_one_that_touches_nothing(
    cutover: CutoverCase,
) -> None:
    cutover.hosts.events["progress"].append(on.kills)
    run = cutover.carry_out_twice("cut-over")
    assert end_of(cutover, run.status) == End("failed", [], "rehearsed", [Side.SOURCE])
    assert "cut_over" not in cutover.hosts.calls
    assert_explained(cutover)


def test_a_rollback_is_not_held_up_by_the_state_of_the_copy(rollback: CutoverCase) -> None:
    rollback.hosts.ready = False
    run = rollback.carry_out("roll-back")
    assert end_of(rollback, run.status, 1) == End(
        "succeeded", ["rollback switched"], "rolled_back", [Side.SOURCE]
    )


# --- the switch ------------------------------------------------------------------------------------

CUTOVERS: dict[str, tuple[Event, End]] = {
    "switches": (on.switches, MADE),
    "switches, the name lags": (on.switches_without_name, MADE),
    "is refused": (on.is_refused, REFUSED),
    "exceeds its budget": (on.is_reverted, REVERTED),
    "answer lost while fenced": (on.is_lost_fenced, REVERTED),
    "answer lost after opening": (on.is_lost_open, MADE),
    "host away before the fence": (on.fails, REVERTED),
    "host away while fenced": (on.fails_fenced, REVERTED),
    "host away after opening": (on.fails_open, MADE),
}


@pytest.mark.parametrize("name", CUTOVERS)
def test_a_cutover_ends_with_one_side_serving_and_a_record_that_says_which(
    cutover: CutoverCase, name: str
) -> None:
    event, end = CUTOVERS[name]
    cutover.hosts.events["cut_over"].append(event)
    run = cutover.carry_out("cut-over")
    assert end_of(cutover, run.status) == end
    assert_record_is_true(cutover)
    assert cutover.hosts.name == cutover.migration.serving_side
    if end is MADE:
        assert cutover.switches[-1].name_switched
        assert (cutover.switches[-1].proof_equal, cutover.switches[-1].followed_at is not None) == (
            True,
            True,
        )
        assert cutover.plan_status("rollback") == "approved"
    else:
        assert cutover.plan_status("rollback") == "superseded"
        assert_explained(cutover)


ROLLBACKS: dict[str, tuple[Event, End]] = {
    "switches": (on.switches, BACK),
    "switches, the name lags": (on.switches_without_name, BACK),
    "is refused": (on.is_refused, BACK_REFUSED),
    "exceeds its budget": (on.is_reverted, BACK_REVERTED),
    "answer lost while fenced": (on.is_lost_fenced, BACK_REVERTED),
    "answer lost after opening": (on.is_lost_open, BACK),
    "host away before the fence": (on.fails, BACK_REVERTED),
    "host away while fenced": (on.fails_fenced, BACK_REVERTED),
    "host away after opening": (on.fails_open, BACK),
}


@pytest.mark.parametrize("name", ROLLBACKS)
def test_a_rollback_ends_with_one_side_serving_and_a_record_that_says_which(
    rollback: CutoverCase, name: str
) -> None:
    event, end = ROLLBACKS[name]
    rollback.hosts.events["roll_back"].append(event)
    run = rollback.carry_out("roll-back")
    assert end_of(rollback, run.status, 1) == end
    assert_record_is_true(rollback)
    assert rollback.hosts.name == rollback.migration.serving_side
    if end is BACK:
        assert (rollback.switches[-1].proof_equal, rollback.switches[-1].automatic) == (True, False)
    else:
        assert_explained(rollback)


KILLED: dict[str, tuple[Event, End]] = {
    "before the fence": (on.kills, REVERTED),
    "while fenced": (on.kills_fenced, REVERTED),
    "after opening": (on.kills_open, MADE),
}


@pytest.mark.parametrize("moment", KILLED)
def test_a_worker_killed_in_a_cutover_is_followed_by_one_that_inspects_and_never_switches_again(
    cutover: CutoverCase, moment: str
) -> None:
    event, end = KILLED[moment]
    cutover.hosts.events["cut_over"].append(event)
    run = cutover.carry_out_twice("cut-over")
    assert (end_of(cutover, run.status), run.attempt) == (end, 2)
    assert cutover.hosts.calls.count("cut_over") == 1
    assert_record_is_true(cutover)


BACK_KILLED: dict[str, tuple[Event, End]] = {
    "before the fence": (on.kills, BACK_REVERTED),
    "while fenced": (on.kills_fenced, BACK_REVERTED),
    "after opening": (on.kills_open, BACK),
}


@pytest.mark.parametrize("moment", BACK_KILLED)
def test_a_worker_killed_in_a_rollback_is_followed_by_one_that_inspects_and_never_switches_again(
    rollback: CutoverCase, moment: str
) -> None:
    event, end = BACK_KILLED[moment]
    rollback.hosts.events["roll_back"].append(event)
    run = rollback.carry_out_twice("roll-back")
    assert (end_of(rollback, run.status, 1), run.attempt) == (end, 2)
    assert rollback.hosts.calls.count("roll_back") == 1
    assert_record_is_true(rollback)


def test_the_result_that_the_script_wrote_is_taken_over_with_its_pause(cutover: CutoverCase) -> None:
    cutover.hosts.events["cut_over"].append(on.kills_open)
    cutover.carry_out_twice("cut-over")
    (made,) = cutover.switches
    assert (made.switch_key, made.fenced_ms, made.marks) == ("switch-1", 20.0, on.MARKS)


def test_a_script_that_died_before_it_wrote_its_result_leaves_a_switch_without_pause(
    cutover: CutoverCase,
) -> None:
    cutover.hosts.events["cut_over"].append(on.kills_open)
    cutover.hosts.events["last_switch"].append(lambda _hosts, _to: None)
    cutover.carry_out_twice("cut-over")
    (made,) = cutover.switches
    assert (made.outcome, made.switch_key, made.fenced_ms) == ("switched", None, None)
    assert cutover.migration.serving_side == "target"


# --- the name --------------------------------------------------------------------------------------


@pytest.mark.parametrize("failures", [1, 3])
def test_a_name_service_that_does_not_answer_is_asked_again(cutover: CutoverCase, failures: int) -> None:
    cutover.hosts.events["cut_over"].append(on.switches_without_name)
    cutover.hosts.events["reopen"] += [on.fails] * failures
    run = cutover.carry_out("cut-over")
    assert end_of(cutover, run.status) == MADE
    assert cutover.hosts.name == "target"
    assert len(cutover.events("migration:name_switched")) == 1


def test_a_name_that_stays_behind_is_left_to_a_person_whose_inspection_ends_the_cutover(
    cutover: CutoverCase,
) -> None:
    cutover.hosts.events["cut_over"].append(on.switches_without_name)
    cutover.hosts.events["reopen"] += [on.fails] * 4
    run = cutover.carry_out("cut-over")
    assert end_of(cutover, run.status) == MADE._replace(run="failed")
    assert cutover.hosts.name == "source"
    assert_explained(cutover)
    assert end_of(cutover, cutover.carry_out("inspect").status) == MADE
    assert (cutover.hosts.name, cutover.switches[-1].proof_equal) == ("target", True)
