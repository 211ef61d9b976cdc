"""What the books say of the bill once another side serves."""

from orchestrator.workflows.migrating_ends import BILLED
from orchestrator.workflows.migrating_switches import TRIAL, billing_after


def test_a_target_is_in_its_trial_until_it_is_accepted_whichever_side_serves() -> None:
    assert billing_after({}) == TRIAL
    assert billing_after(TRIAL) == TRIAL


def test_a_return_after_the_acceptance_does_not_say_that_a_billed_target_is_in_its_trial() -> None:
    assert billing_after(BILLED) == BILLED
