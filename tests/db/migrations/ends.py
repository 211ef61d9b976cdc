"""The ends of cutovers and rollbacks, and the conditions after each end."""

from typing import NamedTuple

from orchestrator.migrations.kinds import Side
from tests.db.migrations.cutover_case import CutoverCase


class End(NamedTuple):
    """How a run ended: its status, every switch of the case, the migration's status, who serves."""

    run: str
    outcomes: list[str]
    status: str
    serving: list[Side]


def end_of(case: CutoverCase, run_status: str, earlier: int = 0) -> End:
    """How the case ended, without the switches that came before it."""
    outcomes = [f"{way} {outcome}" for way, outcome in case.outcomes[earlier:]]
    return End(run_status, outcomes, case.migration.status, case.hosts.serving())


def assert_explained(case: CutoverCase) -> None:
    """A person reads in both languages what happened and what to do next."""
    shown = case.migration
    assert all((shown.reason, shown.reason_zh, shown.next_step, shown.next_step_zh)), shown


def assert_record_is_true(case: CutoverCase) -> None:
    """The record names the side that accepts writes."""
    assert case.hosts.serving() == [case.migration.serving_side]


MADE = End("succeeded", ["cutover switched"], "trial_run", [Side.TARGET])
REFUSED = End("failed", ["cutover refused"], "rolled_back", [Side.SOURCE])
REVERTED = End("failed", ["cutover reverted"], "rolled_back", [Side.SOURCE])
BACK = End("succeeded", ["rollback switched"], "rolled_back", [Side.SOURCE])
BACK_REFUSED = End("failed", ["rollback refused"], "trial_run", [Side.TARGET])
BACK_REVERTED = End("failed", ["rollback reverted"], "trial_run", [Side.TARGET])
