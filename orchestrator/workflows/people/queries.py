"""Conditions of the acts on people, as SQL."""

from sqlalchemy import ColumnElement, or_, text
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from orchestrator.core.clock import PRODUCT_TODAY
from orchestrator.departments.lifecycle import PersonStatus
from orchestrator.departments.models import Person, RoleGrant
from orchestrator.departments.permissions import Actor, Role


def leaves_an_administrator(_actor: Actor) -> ColumnElement[bool]:
    """Somebody else is an active technical administrator today."""
    other, today = aliased(Person), text(f"({PRODUCT_TODAY})")
    remaining = (
        select(RoleGrant.id)
        .join(other, col(other.id) == RoleGrant.person_id)
        .where(
            other.id != Person.id,
            other.status == PersonStatus.ACTIVE,
            RoleGrant.role == Role.TECHNICAL_ADMINISTRATOR,
            col(RoleGrant.valid_from) <= today,
            or_(col(RoleGrant.valid_to).is_(None), col(RoleGrant.valid_to) > today),
        )
    )
    return remaining.exists()
