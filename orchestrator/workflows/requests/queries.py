"""SQL conditions of the acts on requests."""

from sqlalchemy import ColumnElement
from sqlmodel import col, select

from orchestrator.core.plan_kinds import MIGRATION_KINDS
from orchestrator.departments.permissions import Actor
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.resources.lifecycle import BEGUN
from orchestrator.resources.models import Resource
from orchestrator.runs.lifecycle import LIVE
from orchestrator.runs.models import ExecutionPlan


def has_no_live_plan(_actor: Actor) -> ColumnElement[bool]:
    """Select requests without a live Terraform plan."""
    live = select(ExecutionPlan.id).where(
        ExecutionPlan.request_id == ResourceRequest.id,
        col(ExecutionPlan.status).in_(LIVE),
        col(ExecutionPlan.kind).not_in(MIGRATION_KINDS),
    )
    return ~live.exists()


def is_in_review_or_leaves_parts(_actor: Actor) -> ColumnElement[bool]:
    """Select requests under review, and those whose failed apply has left resources behind."""
    parts = (
        select(Resource.id)
        .join(ExecutionPlan, col(ExecutionPlan.workspace_id) == Resource.workspace_id)
        .where(ExecutionPlan.request_id == ResourceRequest.id, col(Resource.status).in_(BEGUN))
    )
    return (col(ResourceRequest.status) == RequestStatus.UNDER_REVIEW) | parts.exists()
