"""The rows of the acts agree with `duties.yml`, and no duty of the pack is overlooked."""

from pathlib import Path
from typing import Final

import pytest

from orchestrator.adapters.policy_files import load_pack
from orchestrator.departments.permissions import ROLE_PERMISSIONS
from orchestrator.workflows.act import Act, Noun
from orchestrator.workflows.nouns import NOUNS
from orchestrator.workflows.plans import approval

PACK: Final = load_pack(Path(__file__).resolve().parents[3] / "policies" / "xinyu-2019")
DUTIES: Final = {duty.act: duty for duty in PACK.duties.acts}
COLUMNS: Final = {
    "draft_request": "requester_id",
    "propose_content": "author_id",
    "endorse_request": "endorser_id",
    "author_plan": "author_id",
    "apply_plan": "applier_id",
    "verify_statement": "verified_by_id",
    "confirm_statement": "confirmed_by_id",
    "dispute_statement": "disputed_by_id",
    "decide_dispute": "decided_by_id",
}
"""The column that names the person who carried out a duty. Approvers have a table of their own."""
GIVE_UP: Final = {"decline", "withdraw"}
"""They end an own part and decide nothing, so everyone with the duty may take them."""
ELSEWHERE: Final = {
    "activate_policy_pack",
    "propose_content",
    "read_everything",
}
"""Duties whose acts are not rows yet; `test_duties.py` and the tests of content hold them."""
NOT_BUILT: Final = {
    "apply_for_exemption",
    "approve_finalise",
    "change_quota",
    "confirm_non_classified",
    "draw_experts",
    "enter_platform_certificate",
    "evaluate_provider",
    "file_officer",
    "freeze_inventory",
    "give_budget_verdict",
    "give_drc_opinion",
    "give_expert_opinion",
    "grant_exemption",
    "order_cutover",
    "order_rollback",
    "overrule_reclaim",
    "publish_notice",
    "review_county_request",
    "review_technically",
    "settle_statement",
    "sign_inventory",
}
"""Duties of later capabilities, and of migrations, whose plans are approved like all plans."""
ROWS: Final = [(noun, act) for noun in NOUNS for act in noun.acts if act.duty]
NAMES: Final = [f"{noun.path}.{act.name}" for noun, act in ROWS]


def columns(noun: Noun, duties: set[str]) -> set[str]:
    """Return the columns of the noun that name persons with these duties."""
    named = {COLUMNS[duty] for duty in duties & COLUMNS.keys()}
    return named.intersection(noun.table.model_fields)


def test_every_duty_of_the_pack_belongs_to_a_row_or_is_listed_once() -> None:
    duties = [*{duty for _, act in ROWS for duty in act.duties}, *ELSEWHERE, *NOT_BUILT]
    assert sorted(duties) == sorted(DUTIES)


@pytest.mark.parametrize("act", [act for _, act in ROWS], ids=NAMES)
def test_a_row_is_open_to_the_roles_of_its_duty(act: Act) -> None:
    duties = [DUTIES[name] for name in act.duties]
    holders = {role for role, held in ROLE_PERMISSIONS.items() if held.intersection(act.permissions)}
    also = [one.role for duty in duties for one in duty.also_needs]
    assert holders == {role.value for role in (*(role for duty in duties for role in duty.roles), *also)}


@pytest.mark.parametrize(("noun", "act"), ROWS, ids=NAMES)
def test_a_row_forbids_the_persons_that_its_duty_forbids(noun: Noun, act: Act) -> None:
    if act.name in GIVE_UP:
        assert not act.never_with
        return
    forbidden = {other for name in act.duties for other in DUTIES[name].never_with}
    either_way = forbidden | {one.act for one in DUTIES.values() if {*act.duties} & {*one.never_with}}
    others = set(act.never_with) - {"id"}  # Nobody acts on their own account.
    assert columns(noun, forbidden) <= others <= columns(noun, either_way)
    is_by_table = approval.NOT_AN_APPROVER in act.conditions
    assert is_by_table == ("approve_plan" in forbidden)


@pytest.mark.parametrize("act", [act for _, act in ROWS], ids=NAMES)
def test_only_an_officer_who_files_alone_is_excepted(act: Act) -> None:
    columns_of = {"officer_files_alone": "filed_by_officer", None: ""}
    exceptions = {columns_of[DUTIES[name].except_when] for name in act.duties}
    assert {act.unless} == (exceptions if act.never_with else {""})


def test_every_substitute_of_the_pack_acts_for_a_row_or_an_approval() -> None:
    substituted = {name for _, act in ROWS if act.has_substitutes for name in act.duties}
    by_row = {role for name in substituted for role in DUTIES[name].roles}
    approving = {*DUTIES["approve_plan"].roles, *(one.role for one in DUTIES["approve_plan"].also_needs)}
    unused = {one.role for one in PACK.duties.substitutes} - by_row - approving
    assert unused == {"drc_officer"}, "the DRC opinion is not built yet"
