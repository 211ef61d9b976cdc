"""After a switch: proof, automatic rollback, reverse replication; and switches whose end nobody knows."""

from collections.abc import Callable

import pytest

from orchestrator.core.errors import IllegalTransition
from orchestrator.migrations.errors import NotInThisStep
from orchestrator.migrations.kinds import Side
from tests import fake_movers as on
from tests.db.migrations.cutover_case import CutoverCase
from tests.db.migrations.ends import (
    BACK,
    MADE,
    REVERTED,
    End,
    assert_explained,
    assert_record_is_true,
    end_of,
)
from tests.fake_movers import Event, FakeHosts

# --- proof, automatic rollback, reverse replication ------------------------------------------------

TWO = ["cutover switched", "rollback switched"]
UNPROVEN: dict[str, Callable[[FakeHosts], None]] = {
    "unequal": lambda hosts: hosts.events["prove"].append(lambda hosts, to: on.proof(hosts, to, equal=False)),
    "unreadable": lambda hosts: hosts.events["prove"].append(on.fails),
}


@pytest.mark.parametrize("name", UNPROVEN)
def test_a_cutover_that_is_not_proven_is_rolled_back_automatically(cutover: CutoverCase, name: str) -> None:
    UNPROVEN[name](cutover.hosts)
    run = cutover.carry_out("cut-over")
    assert end_of(cutover, run.status) == End("failed", TWO, "rolled_back", [Side.SOURCE])
    there, back = cutover.switches
    assert (there.automatic, there.proof_equal is True) == (False, False)
    assert (back.automatic, back.proof_equal, back.followed_at is not None) == (True, True, True)
    assert (cutover.plan_status("cutover"), cutover.plan_status("rollback")) == ("abandoned", "applied")
    assert_record_is_true(cutover)
    assert_explained(cutover)


LEFT: dict[str, tuple[Event, str]] = {
    "is refused": (on.is_refused, "refused"),
    "exceeds its budget": (on.is_reverted, "reverted"),
    "answer lost while fenced": (on.is_lost_fenced, "reverted"),
    "host away": (on.fails, "reverted"),
}


@pytest.mark.parametrize("name", LEFT)
def test_an_automatic_rollback_that_comes_to_nothing_leaves_the_target_serving_and_both_reasons(
    cutover: CutoverCase, name: str
) -> None:
    event, outcome = LEFT[name]
    UNPROVEN["unequal"](cutover.hosts)
    cutover.hosts.events["roll_back"].append(event)
    run = cutover.carry_out("cut-over")
    outcomes = ["cutover switched", f"rollback {outcome}"]
    assert end_of(cutover, run.status) == End("failed", outcomes, "trial_run", [Side.TARGET])
    assert "person" in (cutover.migration.reason or "")
    assert_record_is_true(cutover)
    assert_explained(cutover)


def test_an_automatic_rollback_whose_answer_is_lost_after_opening_is_made(cutover: CutoverCase) -> None:
    UNPROVEN["unequal"](cutover.hosts)
    cutover.hosts.events["roll_back"].append(on.is_lost_open)
    run = cutover.carry_out("cut-over")
    assert end_of(cutover, run.status) == End("failed", TWO, "rolled_back", [Side.SOURCE])
    assert_record_is_true(cutover)


@pytest.mark.parametrize("event", [on.kills_fenced, on.kills_open], ids=["while fenced", "after opening"])
def test_a_worker_killed_in_an_automatic_rollback_is_followed_by_one_that_does_not_prove_the_cutover_again(
    cutover: CutoverCase, event: Event
) -> None:
    cutover.hosts.events["prove"].append(on.fails)
    cutover.hosts.events["roll_back"].append(event)
    run = cutover.carry_out_twice("cut-over")
    assert (run.status, run.attempt) == ("failed", 2)
    assert cutover.hosts.calls.count("roll_back") == 1
    assert cutover.switches[0].proof_equal is None
    assert_record_is_true(cutover)
    assert_explained(cutover)


def test_an_automatic_rollback_that_is_not_equal_says_so(cutover: CutoverCase) -> None:
    UNPROVEN["unequal"](cutover.hosts)
    UNPROVEN["unequal"](cutover.hosts)
    run = cutover.carry_out("cut-over")
    assert end_of(cutover, run.status) == End("failed", TWO, "rolled_back", [Side.SOURCE])
    assert [switch.proof_equal for switch in cutover.switches] == [False, False]
    assert "follow" not in cutover.hosts.calls
    assert_explained(cutover)


def test_a_worker_killed_during_the_proof_is_followed_by_one_that_proves(cutover: CutoverCase) -> None:
    cutover.hosts.events["prove"].append(on.kills)
    run = cutover.carry_out_twice("cut-over")
    assert (end_of(cutover, run.status), cutover.hosts.calls.count("prove")) == (MADE, 2)


def test_a_worker_killed_before_the_other_side_follows_is_followed_by_one_that_trusts_the_proof(
    cutover: CutoverCase,
) -> None:
    cutover.hosts.events["follow"].append(on.kills)
    run = cutover.carry_out_twice("cut-over")
    assert (end_of(cutover, run.status), cutover.hosts.calls.count("prove")) == (MADE, 1)
    assert cutover.switches[-1].followed_at is not None


def test_a_cutover_whose_source_does_not_follow_fails_and_the_target_serves(cutover: CutoverCase) -> None:
    cutover.hosts.events["follow"].append(on.fails)
    run = cutover.carry_out("cut-over")
    assert end_of(cutover, run.status) == MADE._replace(run="failed")
    assert (cutover.switches[-1].proof_equal, cutover.switches[-1].followed_at) == (True, None)
    assert_explained(cutover)


@pytest.mark.parametrize("name", UNPROVEN)
def test_a_rollback_that_is_not_proven_fails_and_the_source_serves(rollback: CutoverCase, name: str) -> None:
    UNPROVEN[name](rollback.hosts)
    run = rollback.carry_out("roll-back")
    assert end_of(rollback, run.status, 1) == BACK._replace(run="failed")
    assert "cut_over" not in rollback.hosts.calls
    assert_explained(rollback)


def test_a_rollback_whose_target_does_not_follow_fails_and_the_source_serves(rollback: CutoverCase) -> None:
    rollback.hosts.events["follow"].append(on.fails)
    run = rollback.carry_out("roll-back")
    assert end_of(rollback, run.status, 1) == BACK._replace(run="failed")
    assert_explained(rollback)


# --- nobody knows ----------------------------------------------------------------------------------


def both_open(hosts: FakeHosts, to: Side) -> object:
    """Both sides accept writes; the answer is lost."""
    result = on.is_lost_open(hosts, to)
    hosts.accepts |= {Side.SOURCE: True, Side.TARGET: True}
    return result


UNDECIDED: dict[str, Event] = {
    "target unreadable": on.loses(Side.TARGET),
    "source unreadable": on.loses(Side.SOURCE),
    "both open": both_open,
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_a_cutover_that_leaves_nobody_known_to_serve_needs_a_person(cutover: CutoverCase, name: str) -> None:
    cutover.hosts.events["cut_over"].append(UNDECIDED[name])
    run = cutover.carry_out("cut-over")
    assert (run.status, cutover.outcomes, cutover.migration.status) == (
        "failed",
        [("cutover", "unknown")],
        "cutting_over",
    )
    assert "reopen" not in cutover.hosts.calls
    assert len(cutover.events("migration:needs_a_person")) == 1
    assert_explained(cutover)


AFTERWARDS: dict[str, tuple[dict[Side, bool | None], End]] = {
    "the fenced source is opened again": ({Side.SOURCE: False, Side.TARGET: False}, REVERTED),
    "the source had served on": ({Side.SOURCE: True, Side.TARGET: False}, REVERTED),
    "the target had opened": ({Side.SOURCE: False, Side.TARGET: True}, MADE),
}


@pytest.mark.parametrize("name", AFTERWARDS)
def test_an_inspection_ends_a_cutover_that_was_unknown(cutover: CutoverCase, name: str) -> None:
    accepts, end = AFTERWARDS[name]
    cutover.hosts.events["cut_over"].append(on.loses(Side.TARGET))
    cutover.carry_out("cut-over")
    cutover.hosts.accepts.update(accepts)
    run = cutover.carry_out("inspect")
    assert end_of(cutover, run.status) == end
    assert_record_is_true(cutover)


def test_an_inspection_that_still_cannot_read_a_side_leaves_it_to_a_person_again(
    cutover: CutoverCase,
) -> None:
    cutover.hosts.events["cut_over"].append(on.loses(Side.TARGET))
    cutover.carry_out("cut-over")
    assert cutover.carry_out("inspect").status == "failed"
    assert cutover.outcomes == [("cutover", "unknown")]
    assert cutover.hosts.serving() == []


def test_an_inspection_whose_worker_is_killed_is_taken_over(cutover: CutoverCase) -> None:
    cutover.hosts.events["cut_over"].append(on.loses(Side.TARGET))
    cutover.carry_out("cut-over")
    cutover.hosts.accepts[Side.TARGET] = False
    cutover.hosts.events["reopen"].append(on.kills)
    run = cutover.carry_out_twice("inspect")
    assert end_of(cutover, run.status) == REVERTED
    assert_record_is_true(cutover)


def test_sides_that_cannot_be_read_at_all_are_left_to_a_person(cutover: CutoverCase) -> None:
    cutover.hosts.events["cut_over"].append(on.fails)
    cutover.hosts.events["sides"].append(on.fails)
    assert cutover.carry_out("cut-over").status == "failed"
    assert cutover.outcomes == [("cutover", "unknown")]
    assert_explained(cutover)


def test_nothing_can_be_inspected_while_nothing_has_failed(rollback: CutoverCase) -> None:
    with pytest.raises((NotInThisStep, IllegalTransition)):
        rollback.order("inspect")


# --- a target that is gone for good ----------------------------------------------------------------


def test_a_target_that_its_cloud_lost_in_a_cutover_lets_the_source_serve_alone(cutover: CutoverCase) -> None:
    cutover.hosts.events["cut_over"].append(on.loses(Side.TARGET))
    cutover.carry_out("cut-over")
    cutover.lose_target()
    run = cutover.carry_out("inspect")
    assert end_of(cutover, run.status) == REVERTED
    assert "reopen_alone" in cutover.hosts.calls
    (event,) = cutover.events("migration:source_alone")
    assert '"writes_may_be_missing":false' in str(event).replace(" ", "")


def test_a_target_that_its_cloud_lost_on_trial_lets_the_source_serve_alone_with_a_warning(
    rollback: CutoverCase,
) -> None:
    rollback.lose_target()
    rollback.hosts.accepts[Side.SOURCE] = False
    rollback.hosts.events["roll_back"].append(on.is_refused)
    assert rollback.carry_out("roll-back").status == "failed"
    assert "may not have reached the source" in (rollback.migration.reason or "")
    rollback.carry_out("inspect")
    assert (rollback.migration.status, rollback.hosts.serving()) == ("rolled_back", ["source"])
    (event,) = rollback.events("migration:source_alone")
    assert '"writes_may_be_missing":true' in str(event).replace(" ", "")
    assert "may be missing" in (rollback.migration.reason or "")


def test_a_target_that_is_only_away_never_lets_the_source_serve_alone(rollback: CutoverCase) -> None:
    rollback.hosts.events["roll_back"].append(on.loses(Side.TARGET))
    rollback.carry_out("roll-back")
    rollback.carry_out("inspect")
    assert "reopen_alone" not in rollback.hosts.calls
    assert rollback.hosts.serving() == []


# --- one cutover after the other -------------------------------------------------------------------


def test_a_rollback_and_a_cutover_change_the_billing_with_the_side_that_serves(rollback: CutoverCase) -> None:
    assert rollback.migration.billing == {"source": "not_billed", "target": "trial"}
    rollback.carry_out("roll-back")
    assert rollback.migration.trial_since is None
    assert rollback.migration.serving_address == rollback.migration.source_host["address"]


def test_a_result_of_an_earlier_switch_is_not_taken_for_this_one(rollback: CutoverCase) -> None:
    rollback.hosts.events["roll_back"].append(on.kills_open)
    rollback.hosts.events["last_switch"].append(lambda hosts, _to: hosts.journal[Side.TARGET])
    rollback.carry_out_twice("roll-back")
    assert (rollback.switches[-1].outcome, rollback.switches[-1].switch_key) == ("switched", None)
