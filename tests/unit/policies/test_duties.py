"""The acts and roles of the policy pack agree with the permissions of the roles."""

from pathlib import Path

import pytest

from orchestrator.adapters.policy_files import load_pack
from orchestrator.departments.permissions import ROLE_PERMISSIONS, Permission, Role

PACK = load_pack(Path(__file__).resolve().parents[3] / "policies" / "xinyu-2019")
ACTS = {act.act: act for act in PACK.duties.acts}


@pytest.mark.parametrize(
    ("permission", "acts"),
    [
        (Permission.REQUESTS_DRAFT, ["draft_request"]),
        (Permission.REQUESTS_ENDORSE, ["endorse_request"]),
        (Permission.REQUESTS_REVIEW, ["review_request"]),
        (Permission.PLANS_AUTHOR, ["author_plan"]),
        (Permission.PLANS_APPROVE, ["approve_plan"]),
        (Permission.PLANS_APPLY, ["apply_plan"]),
        (Permission.CONTENT_PROPOSE, ["propose_content"]),
        (Permission.CONTENT_APPROVE_LIMITS, ["approve_limits"]),
        (Permission.CONTENT_APPROVE_MONEY, ["approve_prices"]),
        (Permission.CONTENT_APPROVE_MONEY, ["approve_budgets"]),
        (Permission.PEOPLE_MANAGE, ["manage_people"]),
        (Permission.STATEMENTS_CLOSE, ["verify_statement"]),
        (Permission.STATEMENTS_CONFIRM, ["confirm_statement"]),
        (Permission.STATEMENTS_DECIDE, ["decide_dispute"]),
        (Permission.STATEMENTS_DISPUTE, ["dispute_statement"]),
        (Permission.STATEMENTS_VERIFY, ["verify_statement"]),
    ],
)
def test_a_permission_is_held_by_exactly_the_roles_of_its_acts(
    permission: Permission, acts: list[str]
) -> None:
    holders = {role for role in Role if permission in ROLE_PERMISSIONS[role]}
    assert holders == {role.value for act in acts for role in ACTS[act].roles}


def test_the_further_approvals_of_a_plan_are_given_by_the_roles_that_may() -> None:
    further = {one.when: one.role for one in ACTS["approve_plan"].also_needs}
    assert Permission.PLANS_APPROVE_LEVEL_3 in ROLE_PERMISSIONS[Role(further["level_3"])]
    assert Permission.PLANS_APPROVE_FINANCE in ROLE_PERMISSIONS[Role(further["above_finance_threshold"])]


def test_the_auditor_reads_everything_and_writes_nothing() -> None:
    acts = {action.split(":")[1] for action in ROLE_PERMISSIONS[Role.AUDITOR]}
    assert acts == {"read", "read_all", "own"}
