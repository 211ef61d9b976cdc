"""Permissions of roles, scopes that narrow them, and outsiders who see nothing."""

from itertools import combinations
from uuid import uuid4

import pytest

from orchestrator.core.errors import NotFound, NotPermitted
from orchestrator.departments.permissions import ROLE_PERMISSIONS, Actor, Permission, Role, require

P, R = Permission, Role
EXCLUSIVE = [
    P.PLANS_AUTHOR,
    P.PLANS_APPROVE,
    P.PLANS_APPLY,
    P.REQUESTS_ENDORSE,
]
"""Acts of which no role alone carries two (domain §4.4)."""


def actor(*roles: Role, scopes: frozenset[Permission] | None = None) -> Actor:
    return Actor(uuid4(), "name", "SLJ", frozenset(roles), scopes=scopes)


@pytest.mark.parametrize("role", list(Role))
def test_no_role_carries_two_acts_that_need_two_persons(role: Role) -> None:
    assert not [pair for pair in combinations(EXCLUSIVE, 2) if set(pair) <= ROLE_PERMISSIONS[role]]


def test_the_auditor_reads_everything_and_writes_nothing() -> None:
    own = ROLE_PERMISSIONS[R.AUDITOR] - {P.TOKENS_OWN}
    assert own == {P.REQUESTS_READ, P.OBJECTS_READ_ALL, P.AUDIT_READ}


def test_the_administrator_has_no_business_act() -> None:
    business = {p for p in Permission if p.startswith(("plans:", "requests:", "resources:"))} - {
        P.REQUESTS_READ
    }
    assert not ROLE_PERMISSIONS[R.TECHNICAL_ADMINISTRATOR] & business


@pytest.mark.parametrize("role", [R.DEPARTMENT_CLERK, R.INFORMATION_OFFICER])
def test_a_department_sees_only_itself(role: Role) -> None:
    clerk = actor(role)
    assert clerk.sees("SLJ")
    assert not clerk.sees("RSJ")
    with pytest.raises(NotFound):
        require(clerk, P.REQUESTS_READ, "RSJ")


def test_a_refusal_names_the_missing_permission_to_an_insider() -> None:
    with pytest.raises(NotPermitted) as refused:
        require(actor(R.DEPARTMENT_CLERK), P.REQUESTS_ENDORSE, "SLJ")
    assert refused.value.extra["permission"] == "requests:endorse"


@pytest.mark.parametrize("role", list(Role))
def test_scopes_only_ever_narrow(role: Role) -> None:
    whole = actor(role).permissions
    assert actor(role, scopes=frozenset(Permission)).permissions == whole
    assert actor(role, scopes=frozenset()).permissions == frozenset()
    one = next(iter(whole))
    assert actor(role, scopes=frozenset({one, P.SYSTEM_MANAGE})).permissions <= whole


def test_permissions_are_listed_by_name() -> None:
    values = [permission.value for permission in Permission]
    assert values == sorted(values)
