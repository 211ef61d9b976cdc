"""Conditions of the acts on migrations, as SQL."""

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from orchestrator.departments.permissions import Actor
from orchestrator.migrations.models import Migration, MigrationAct
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.runs.models import ExecutionPlan
from orchestrator.workflows.plans.acts import PARTIES
from orchestrator.workflows.plans.queries import has_not_decided

Clause = Callable[[Actor], ColumnElement[bool]]


def plan_in(
    acts: Collection[str], statuses: Collection[PlanStatus], *further: Clause, absent: bool = False
) -> Clause:
    """Return a clause: the newest plan of one of these acts is in one of these statuses, or none is."""

    def clause(actor: Actor) -> ColumnElement[bool]:
        plans = (
            select(ExecutionPlan.id)
            .join(MigrationAct, col(MigrationAct.plan_id) == ExecutionPlan.id)
            .where(
                MigrationAct.migration_id == Migration.id,
                MigrationAct.round == _newest_round(),
                col(MigrationAct.act).in_(list(acts)),
                col(ExecutionPlan.status).in_(list(statuses)),
                *(one(actor) for one in further),
            )
        )
        return ~plans.exists() if absent else plans.exists()

    return clause


def _newest_round() -> Any:
    later = aliased(MigrationAct)
    rounds = select(func.max(later.round)).where(
        later.migration_id == Migration.id, later.act == MigrationAct.act
    )
    return rounds.correlate(Migration, MigrationAct).scalar_subquery()


def no_part_in_plan(actor: Actor) -> ColumnElement[bool]:
    """Select plans in which the actor has no part."""
    parts = [getattr(ExecutionPlan, column).is_distinct_from(actor.person_id) for column in PARTIES]
    return and_(*parts, has_not_decided(actor))


def no_part_in_request(actor: Actor) -> ColumnElement[bool]:
    """Select migrations whose request the actor has no part in."""
    part = select(ResourceRequest.id).where(
        ResourceRequest.id == Migration.request_id,
        (col(ResourceRequest.requester_id) == actor.person_id)
        | (col(ResourceRequest.endorser_id) == actor.person_id),
    )
    return ~part.exists()
