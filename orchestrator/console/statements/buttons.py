"""The buttons of a statement. The workflows decide; a button only shows their answer in advance."""

from typing import Final
from uuid import UUID

from orchestrator.billing.lifecycle import StatementStatus
from orchestrator.billing.models import UsageStatement
from orchestrator.console.frame.views import Action, ActionSet
from orchestrator.console.frame.visit import Visit
from orchestrator.console.words.i18n import N_
from orchestrator.departments.permissions import Permission, Role
from orchestrator.policies import rules

P = Permission
YES: Final = "primary"
NO: Final = "outline-danger"
TWICE = N_("您在本事项中已承担其他环节，须由另一人办理。")
OWN_BODY = N_("单位不得审批本单位的事项。")
S = StatementStatus


def on_statement(visit: Visit, row: UsageStatement) -> ActionSet:
    """The buttons of a statement."""
    path = f"/console/statements/{row.id}"
    actions: list[Action] = []
    if row.status == S.METERED:
        actions += _issue(visit, row, path)
    if row.status in (S.ISSUED, S.ESCALATED):
        actions += _answer(visit, row, path)
    if row.status == S.DISPUTED:
        actions += _decide(visit, row, path)
    return ActionSet(tuple(actions), hidden={"version": str(row.version)})


def _issue(visit: Visit, row: UsageStatement, path: str) -> list[Action]:
    if not _acts_as(visit, row, Role.CENTRE_REVIEWER, P.STATEMENTS_VERIFY):
        return []
    return [Action("issue_statement", f"{path}/issue", YES, blocked=_own_body(visit, row))]


def _answer(visit: Visit, row: UsageStatement, path: str) -> list[Action]:
    own = visit.actor.organisation == row.organisation_code
    actions: list[Action] = []
    if own and visit.actor.may(P.STATEMENTS_CONFIRM):
        blocked = _twice(visit, row.verified_by_id, row.decided_by_id)
        actions.append(Action("confirm_statement", f"{path}/confirm", YES, blocked=blocked))
    if visit.actor.may(P.STATEMENTS_DISPUTE) and (own or Role.APPLIER in visit.actor.roles):
        actions.append(Action("dispute_statement", f"{path}/dispute", NO, needs_reason=True))
    return actions


def _decide(visit: Visit, row: UsageStatement, path: str) -> list[Action]:
    if not _acts_as(visit, row, Role.SMART_CITY_OFFICE, P.STATEMENTS_DECIDE):
        return []
    blocked = _own_body(visit, row) or _twice(visit, row.verified_by_id, row.disputed_by_id)
    return [
        Action("uphold_dispute", f"{path}/uphold", YES, needs_reason=True, blocked=blocked),
        Action("reject_dispute", f"{path}/let-stand", NO, needs_reason=True, blocked=blocked),
    ]


def _acts_as(visit: Visit, row: UsageStatement, role: Role, permission: Permission) -> bool:
    """Whether the person holds the acting role for this department's matters."""
    acting = Role(rules.approving_role(role, row.organisation_code, visit.service.pack))
    return visit.actor.may(permission) if acting is role else acting in visit.actor.roles


def _own_body(visit: Visit, row: UsageStatement) -> str:
    return visit.say(OWN_BODY) if visit.actor.organisation == row.organisation_code else ""


def _twice(visit: Visit, *others: UUID | None) -> str:
    return visit.say(TWICE) if visit.actor.person_id in others else ""
