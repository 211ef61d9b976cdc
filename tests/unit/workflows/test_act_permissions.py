"""Every act is open to exactly the roles, organisations and persons of the table below."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import pytest
from sqlmodel import Session

from orchestrator.adapters.policy_files import load_pack
from orchestrator.core.errors import BusinessError
from orchestrator.departments.permissions import ROLE_PERMISSIONS, Actor, Permission, Role
from orchestrator.runs.errors import OwnOrganisation
from orchestrator.workflows.act import Act, Call, Noun, may
from orchestrator.workflows.nouns import NOUNS
from orchestrator.workflows.perform import perform

PACK: Final = load_pack(Path(__file__).resolve().parents[3] / "policies" / "xinyu-2019")
OWNER, OTHER = "SLJ", "XXH"
KEY: Final = UUID(int=1)
PERSON_COLUMNS: Final = (
    "id",
    "requester_id",
    "endorser_id",
    "author_id",
    "applier_id",
    "registered_by",
    "verified_by_id",
    "confirmed_by_id",
    "disputed_by_id",
    "decided_by_id",
)
CLERK, OFFICER = "department_clerk", "information_officer"
REVIEWER, APPLIER = "centre_reviewer", "applier"
APPROVERS = "centre_approver smart_city_office finance"
PARTIES = "requester_id endorser_id"
ALL_PARTIES = f"{PARTIES} author_id applier_id"
DECIDED_PARTIES = "verified_by_id confirmed_by_id disputed_by_id"


class Right(NamedTuple):
    """Roles that may act; for whose objects; who may not; the one person who may."""

    roles: str
    body: str = "any"
    never_with: str = ""
    only: str = ""


EXPECTED: Final = {
    "requests.edit": Right(f"{CLERK} {OFFICER}", only="requester_id"),
    "requests.ask-endorsement": Right(f"{CLERK} {OFFICER}", only="requester_id"),
    "requests.endorse-and-submit": Right(OFFICER, "own", "requester_id"),
    "requests.endorse": Right(OFFICER, "own", "requester_id"),
    "requests.submit": Right(f"{CLERK} {OFFICER}", "own"),
    "requests.decline": Right(OFFICER, "own"),
    "requests.accept": Right(REVIEWER, "other", PARTIES),
    "requests.approve": Right(REVIEWER, "other", PARTIES),
    "requests.return": Right(REVIEWER, "other", PARTIES),
    "requests.refuse": Right(REVIEWER, "other", PARTIES),
    "requests.reject": Right(REVIEWER, "other", PARTIES),
    "requests.cancel": Right(f"{CLERK} {OFFICER}", only="requester_id"),
    "requests.plans": Right(REVIEWER, "other", PARTIES),
    "requests.activate": Right(OFFICER, "own"),
    "plans.approve": Right(APPROVERS, "other", ALL_PARTIES),
    "plans.return": Right(APPROVERS, "other", ALL_PARTIES),
    "plans.refuse": Right(APPROVERS, "other", ALL_PARTIES),
    "plans.apply": Right(APPLIER, never_with=f"{PARTIES} author_id"),
    "plans.withdraw": Right(REVIEWER),
    "plans.abandon": Right(REVIEWER),
    "runs.cancel": Right(APPLIER),
    "migrations.inspect": Right(REVIEWER),
    "migrations.preflight": Right(REVIEWER, never_with="registered_by"),
    "migrations.approve": Right(APPROVERS, "other"),
    "migrations.start": Right(APPLIER),
    "migrations.plan-cutover": Right(REVIEWER, never_with="registered_by"),
    "migrations.approve-cutover": Right(APPROVERS, "other"),
    "migrations.cut-over": Right(APPLIER),
    "migrations.accept": Right(OFFICER, "own"),
    "migrations.roll-back": Right(APPLIER),
    "migrations.plan-rollback": Right(REVIEWER, never_with="registered_by"),
    "migrations.plan-finalisation": Right(REVIEWER, never_with="registered_by"),
    "migrations.finalise": Right(APPLIER),
    "migrations.plan-clean-up": Right(REVIEWER, never_with="registered_by"),
    "migrations.clean-up": Right(APPLIER),
    "migrations.retire": Right(APPLIER),
    "migrations.abort": Right(f"{CLERK} {OFFICER} {REVIEWER}"),
    "resources.suspend": Right(OFFICER, "own"),
    "resources.resume": Right(OFFICER, "own"),
    "statements.issue": Right(REVIEWER, "other", "confirmed_by_id"),
    "statements.confirm": Right(OFFICER, "own", "verified_by_id decided_by_id"),
    "statements.dispute": Right(f"{OFFICER} {APPLIER}", never_with="decided_by_id"),
    "statements.uphold": Right("smart_city_office", "other", DECIDED_PARTIES),
    "statements.let-stand": Right("smart_city_office", "other", DECIDED_PARTIES),
    "people.deactivate": Right("technical_administrator", never_with="id"),
    "content-revisions.approve": Right("smart_city_office finance", never_with="author_id"),
    "content-revisions.reject": Right("smart_city_office finance", never_with="author_id"),
}
"""Persons whose part is written in another table (the plan of a migration) are compared in the flow tests.

Whose statements an officer disputes is compared in `tests/db/billing/test_statement_acts.py`.
"""

ACTS: Final = {f"{noun.path}.{act.name}": (noun, act) for noun in NOUNS for act in noun.acts}


@dataclass(frozen=True)
class Case:
    """A person of `role` at `organisation` who takes the part `part` in the object, or none."""

    role: Role
    organisation: str
    part: str


def cases(noun: Noun, act: Act) -> Iterator[Case]:
    columns = [name for name in PERSON_COLUMNS if hasattr(noun.table, name) and name not in act.empty]
    for role in Role:
        for organisation in (OWNER, OTHER):
            for part in ("", *columns):
                yield Case(role, organisation, part)


def expected(noun: Noun, right: Right, case: Case) -> str:
    reads_all = case.role not in (Role.DEPARTMENT_CLERK, Role.INFORMATION_OFFICER)
    sees = reads_all or case.organisation == OWNER or not noun.owner
    is_not_theirs = (right.body == "own" and case.organisation != OWNER) or (
        bool(right.only) and case.part != right.only
    )
    refusals = [
        ("not_found", not sees),
        ("not_permitted", case.role not in right.roles.split()),
        (OwnOrganisation().code(), right.body == "other" and case.organisation == OWNER),
        (noun.not_theirs().code(), is_not_theirs),
        (noun.same_person().code(), case.part in right.never_with.split()),
    ]
    return next((code for code, is_so in refusals if is_so), "done")


def outcome(noun: Noun, act: Act, case: Case, owner: str = OWNER, **columns: Any) -> str:
    """Carry the act out on an object in memory, without its conditions on other tables."""
    actor = Actor(uuid4(), "", case.organisation, frozenset({case.role}))
    persons = {name: uuid4() for name in PERSON_COLUMNS if name not in act.empty}
    values = {**persons, "tuple_digest": "d", "version": 1, case.part: actor.person_id, **columns}
    subject = noun.table(organisation_code=owner, status=min(act.statuses))
    for name in values.keys() & noun.table.model_fields.keys():
        setattr(subject, name, values[name])
    in_memory = replace(
        act, lock=lambda _session, _key: (subject, None), conditions=(), runs=lambda _call, _subject: "done"
    )
    try:
        return str(perform(noun, in_memory, Call(Session(), actor, PACK, reason="因故", digest="d"), KEY))
    except BusinessError as error:
        return error.code()


def differences(noun: Noun, act: Act, right: Right) -> dict[Case, str]:
    """Return the cases in which the act does not answer as the table says."""
    outcomes = {case: outcome(noun, act, case) for case in cases(noun, act)}
    return {case: code for case, code in outcomes.items() if code != expected(noun, right, case)}


def test_the_table_names_every_act() -> None:
    assert set(EXPECTED) == set(ACTS)


@pytest.mark.parametrize("name", EXPECTED)
def test_an_act_is_open_to_exactly_the_roles_and_persons_of_the_table(name: str) -> None:
    noun, act = ACTS[name]
    assert differences(noun, act, EXPECTED[name]) == {}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_table_notices_every_changed_right(name: str) -> None:
    noun, act = ACTS[name]
    assert differences(noun, replace(act, permission=Permission.AUDIT_READ), EXPECTED[name])
    assert not act.never_with or differences(noun, replace(act, never_with=()), EXPECTED[name])
    assert not act.only or differences(noun, replace(act, only=""), EXPECTED[name])


@pytest.mark.parametrize("name", ["requests.endorse", "requests.endorse-and-submit"])
def test_an_officer_who_files_alone_endorses_the_own_request(name: str) -> None:
    noun, act = ACTS[name]
    alone = Case(Role.INFORMATION_OFFICER, OWNER, "requester_id")
    assert outcome(noun, act, alone, filed_by_officer=True) == "done"
    assert outcome(noun, act, alone, filed_by_officer=False) == noun.same_person().code()


SUBSTITUTED: Final = ["requests.accept", "requests.approve", "requests.reject", "requests.plans"]


@pytest.mark.parametrize("name", SUBSTITUTED)
def test_the_substitute_and_nobody_else_reviews_a_request_of_the_centre(name: str) -> None:
    """The pack has the smart-city office review requests of the centre (domain §2.15)."""
    noun, act = ACTS[name]
    able = {
        (role, organisation)
        for role in Role
        for organisation in ("XXH", "ZHB", OWNER)
        if outcome(noun, act, Case(role, organisation, ""), owner="XXH") == "done"
    }
    assert able == {(Role.SMART_CITY_OFFICE, "ZHB")}


@pytest.mark.parametrize(
    ("name", "owner", "office"),
    [
        ("statements.issue", "XXH", (Role.SMART_CITY_OFFICE, "ZHB")),
        ("statements.uphold", "ZHB", (Role.CENTRE_APPROVER, "XXH")),
        ("statements.let-stand", "ZHB", (Role.CENTRE_APPROVER, "XXH")),
    ],
)
def test_the_substitute_and_nobody_else_verifies_and_decides_for_the_own_office(
    name: str, owner: str, office: tuple[Role, str]
) -> None:
    noun, act = ACTS[name]
    able = {
        (role, organisation)
        for role in Role
        for organisation in ("XXH", "ZHB", OWNER)
        if outcome(noun, act, Case(role, organisation, ""), owner=owner) == "done"
    }
    assert able == {office}


@pytest.mark.parametrize(
    ("scopes", "is_able"),
    [
        (ROLE_PERMISSIONS[Role.SMART_CITY_OFFICE], True),
        (ROLE_PERMISSIONS[Role.SMART_CITY_OFFICE] - {Permission.STATEMENTS_DECIDE}, False),
        (frozenset({Permission.REQUESTS_READ, Permission.OBJECTS_READ_ALL}), False),
    ],
)
def test_a_substitute_acts_with_a_token_of_all_the_own_rights(
    scopes: frozenset[Permission], is_able: bool
) -> None:
    _, act = ACTS["requests.accept"]
    office = frozenset({Role.SMART_CITY_OFFICE})
    assert may(act, Actor(uuid4(), "", "ZHB", office, scopes=scopes), PACK, "XXH") is is_able
