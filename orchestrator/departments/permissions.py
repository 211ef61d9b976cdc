"""Permissions in alphabetical order, roles as data, and the check whether a person may act.

Sources: the matrix of acts and roles of the policy pack (``policies/xinyu-2019/duties.yml``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar
from uuid import UUID

from orchestrator.core.errors import NotFound, NotPermitted


class Permission(StrEnum):
    """A right, written ``noun:action``."""

    AUDIT_READ = "audit:read"
    CONTENT_APPROVE_LIMITS = "content:approve_limits"
    CONTENT_APPROVE_MONEY = "content:approve_money"
    CONTENT_PROPOSE = "content:propose"
    OBJECTS_READ_ALL = "objects:read_all"
    PEOPLE_MANAGE = "people:manage"
    PLANS_APPLY = "plans:apply"
    PLANS_APPROVE = "plans:approve"
    PLANS_APPROVE_FINANCE = "plans:approve_finance"
    PLANS_APPROVE_LEVEL_3 = "plans:approve_level_3"
    PLANS_AUTHOR = "plans:author"
    REQUESTS_DRAFT = "requests:draft"
    REQUESTS_ENDORSE = "requests:endorse"
    REQUESTS_READ = "requests:read"
    REQUESTS_REVIEW = "requests:review"
    RESOURCES_ACTIVATE = "resources:activate"
    RESOURCES_CHECK_DRIFT = "resources:check_drift"
    RUNS_CANCEL = "runs:cancel"
    RUNS_RECOVER = "runs:recover"
    STATEMENTS_CLOSE = "statements:close"
    STATEMENTS_CONFIRM = "statements:confirm"
    STATEMENTS_DECIDE = "statements:decide"
    STATEMENTS_DISPUTE = "statements:dispute"
    STATEMENTS_VERIFY = "statements:verify"
    SYSTEM_MANAGE = "system:manage"
    TOKENS_OWN = "tokens:own"
    USAGE_CORRECT = "usage:correct"


class Role(StrEnum):
    """The roles of domain §4.4."""

    DEPARTMENT_CLERK = "department_clerk"
    INFORMATION_OFFICER = "information_officer"
    CENTRE_REVIEWER = "centre_reviewer"
    CENTRE_APPROVER = "centre_approver"
    SMART_CITY_OFFICE = "smart_city_office"
    APPLIER = "applier"
    FINANCE = "finance"
    AUDITOR = "auditor"
    TECHNICAL_ADMINISTRATOR = "technical_administrator"


P = Permission
_EVERYBODY = frozenset({P.REQUESTS_READ, P.TOKENS_OWN})
_CENTRE = _EVERYBODY | {P.OBJECTS_READ_ALL, P.RESOURCES_CHECK_DRIFT}

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.DEPARTMENT_CLERK: _EVERYBODY | {P.REQUESTS_DRAFT},
    Role.INFORMATION_OFFICER: _EVERYBODY
    | {
        P.REQUESTS_DRAFT,
        P.REQUESTS_ENDORSE,
        P.RESOURCES_ACTIVATE,
        P.STATEMENTS_CONFIRM,
        P.STATEMENTS_DISPUTE,
    },
    Role.CENTRE_REVIEWER: _CENTRE
    | {
        P.REQUESTS_REVIEW,
        P.PLANS_AUTHOR,
        P.CONTENT_PROPOSE,
        P.RUNS_RECOVER,
        P.STATEMENTS_CLOSE,
        P.STATEMENTS_VERIFY,
        P.USAGE_CORRECT,
    },
    Role.CENTRE_APPROVER: _CENTRE | {P.PLANS_APPROVE},
    Role.SMART_CITY_OFFICE: _CENTRE
    | {P.PLANS_APPROVE_LEVEL_3, P.CONTENT_APPROVE_LIMITS, P.STATEMENTS_DECIDE},
    Role.APPLIER: _CENTRE | {P.PLANS_APPLY, P.RUNS_CANCEL, P.STATEMENTS_DISPUTE},
    Role.FINANCE: _CENTRE | {P.PLANS_APPROVE_FINANCE, P.CONTENT_APPROVE_MONEY},
    Role.AUDITOR: _EVERYBODY | {P.OBJECTS_READ_ALL, P.AUDIT_READ},
    Role.TECHNICAL_ADMINISTRATOR: _EVERYBODY
    | {P.OBJECTS_READ_ALL, P.PEOPLE_MANAGE, P.SYSTEM_MANAGE, P.AUDIT_READ, P.CONTENT_PROPOSE},
}

APPROVAL_PERMISSIONS: Mapping[str, Permission] = {
    Role.CENTRE_APPROVER: P.PLANS_APPROVE,
    Role.SMART_CITY_OFFICE: P.PLANS_APPROVE_LEVEL_3,
    Role.FINANCE: P.PLANS_APPROVE_FINANCE,
}
"""Which permission fills which of the approvals that a plan needs."""


@dataclass(frozen=True)
class Actor:
    """Who acts: a person with the roles in force today, narrowed by a token's scopes if one was used."""

    person_id: UUID
    name: str
    organisation: str
    roles: frozenset[Role]
    name_en: str = ""
    language: str = "zh"
    scopes: frozenset[Permission] | None = field(default=None)

    @property
    def permissions(self) -> frozenset[Permission]:
        """The permissions of this person through this identity."""
        granted = frozenset(p for role in self.roles for p in ROLE_PERMISSIONS[role])
        return granted if self.scopes is None else granted & self.scopes

    def may(self, permission: Permission) -> bool:
        """Return whether the actor has the permission for any organisation."""
        return permission in self.permissions

    def acts_as(self, role: Role) -> bool:
        """Return whether the actor has all permissions of the role; the scopes of a token may lack some."""
        return role in self.roles and ROLE_PERMISSIONS[role] <= self.permissions

    @property
    def sight(self) -> str | None:
        """The only organisation whose objects the actor may see; None for all organisations."""
        return None if self.may(P.OBJECTS_READ_ALL) else self.organisation

    def sees(self, organisation: str) -> bool:
        """Return whether the actor may see objects of that organisation."""
        return self.sight in (None, organisation)

    @property
    def audit_name(self) -> str:
        """The name of this person in the audit."""
        return f"person:{self.person_id}"


def visible_to(actor: Actor) -> str | None:
    """Return the only organisation whose objects a list shows to this person; None for those of all.

    Raises:
        NotPermitted: the token that was used does not include reading.
    """
    require(actor, P.REQUESTS_READ)
    return actor.sight


class Owned(Protocol):
    """An object of an organisation."""

    organisation_code: str


Row = TypeVar("Row", bound=Owned)


def require_visible(actor: Actor, row: Row) -> Row:
    """Return the object if this person may read it; to other organisations it does not exist.

    Raises:
        NotFound: the object belongs to an organisation that this person does not see.
        NotPermitted: the token that was used does not include reading.
    """
    require(actor, P.REQUESTS_READ, row.organisation_code)
    return row


def require(actor: Actor, permission: Permission, organisation: str | None = None) -> None:
    """Require that `actor` holds `permission`; to other organisations the object does not exist.

    Raises:
        NotFound: the object belongs to an organisation that this person does not see.
        NotPermitted: the person sees the object but lacks the right.
    """
    if organisation is not None and not actor.sees(organisation):
        raise NotFound
    if not actor.may(permission):
        raise NotPermitted(f"This act needs the permission {permission}.", permission=permission.value)
