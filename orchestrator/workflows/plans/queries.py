"""Conditions of the acts on plans and runs, as SQL."""

from typing import Any

from sqlalchemy import ColumnElement, false, func, or_, text
from sqlmodel import col, select

from orchestrator.core.clock import PRODUCT_NOW
from orchestrator.core.plan_kinds import MIGRATION_KINDS
from orchestrator.departments.permissions import APPROVAL_PERMISSIONS, Actor
from orchestrator.runs.kinds import Decision
from orchestrator.runs.models import Approval, ExecutionPlan, Run


def is_not_cancelled(_actor: Actor) -> ColumnElement[bool]:
    """Select runs that no person has cancelled."""
    return col(Run.cancel_requested).is_(False)


def has_not_decided(actor: Actor) -> ColumnElement[bool]:
    """Select plans on which the actor has not decided."""
    decided = select(Approval.id).where(
        Approval.plan_id == ExecutionPlan.id, Approval.approver_id == actor.person_id
    )
    return ~decided.exists()


def has_not_approved(actor: Actor) -> ColumnElement[bool]:
    """Select plans that the actor has not approved."""
    approved = select(Approval.id).where(
        Approval.plan_id == ExecutionPlan.id,
        Approval.approver_id == actor.person_id,
        Approval.decision == Decision.APPROVED,
    )
    return ~approved.exists()


def lacks_their_approval(actor: Actor) -> ColumnElement[bool]:
    """Compare, for each role of the actor, the approvals that are required with those that were given."""
    roles = [role for role, permission in APPROVAL_PERMISSIONS.items() if actor.may(permission)]
    return or_(false(), *(_required(role) > _given(role) for role in roles))


def _required(role: str) -> Any:
    return func.jsonb_array_length(
        func.jsonb_path_query_array(
            col(ExecutionPlan.required_approvals), text(f"'$[*] ? (@ == \"{role}\")'::jsonpath")
        )
    )


def _given(role: str) -> Any:
    given = select(func.count()).where(
        Approval.plan_id == ExecutionPlan.id, Approval.role == role, Approval.decision == Decision.APPROVED
    )
    return given.scalar_subquery()


def is_valid(_actor: Actor) -> ColumnElement[bool]:
    """Select plans that have not expired."""
    expires = col(ExecutionPlan.expires_at)
    return or_(expires.is_(None), expires > text(f"({PRODUCT_NOW})"))


def is_no_migration(_actor: Actor) -> ColumnElement[bool]:
    """Select plans that do not belong to a migration."""
    return col(ExecutionPlan.kind).not_in(MIGRATION_KINDS)
