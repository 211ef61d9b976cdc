"""Writes of resources and drift cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlmodel import Session, col, select

from orchestrator.core import audit, transitions
from orchestrator.core.clock import now
from orchestrator.core.events import Event
from orchestrator.core.rows import lock_row
from orchestrator.core.transitions import Transition
from orchestrator.resources.drift import DriftFinding
from orchestrator.resources.lifecycle import RESOURCE_LIFECYCLE, DriftStatus, ResourceStatus
from orchestrator.resources.models import DriftCase, Resource


@dataclass(frozen=True)
class Origin:
    """The workspace, request, plan and owner of the resources of one plan."""

    workspace_id: UUID
    request_id: UUID
    plan_id: UUID
    organisation: str
    system: str | None


@dataclass(frozen=True)
class Expected:
    """One object that a plan creates."""

    address: str
    kind: str
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """The facts about one resource that an apply or the cloud's list reported."""

    cloud_id: str | None
    ip_address: str | None
    connection: Mapping[str, Any]


def lock(session: Session, resource_id: UUID) -> Resource:
    """Lock and return a resource.

    Raises:
        NotFound: it does not exist.
    """
    return lock_row(session, Resource, resource_id)


def lock_all(session: Session, workspace_id: UUID) -> Sequence[Resource]:
    """Lock and return the unreleased resources of a workspace, ordered by address."""
    statement = (
        select(Resource)
        .where(Resource.workspace_id == workspace_id, Resource.status != ResourceStatus.RELEASED)
        .order_by(Resource.address)
        .with_for_update()
    )
    return session.exec(statement).all()


def expect(session: Session, origin: Origin, objects: Sequence[Expected], actor: str) -> None:
    """Store a row for each object before the apply creates it, so that no object is without a row."""
    rows = [_expected_row(session, origin, expected) for expected in objects]
    if rows:
        # A plan can create hundreds of objects; one INSERT without ORM objects is several times faster.
        session.execute(insert(Resource), rows)
    for row in rows:
        audit.record(
            session,
            Event(
                "resource:expected",
                ("resource", row["id"]),
                actor=actor,
                organisation=origin.organisation,
                data={"address": row["address"], "plan": str(origin.plan_id)},
            ),
        )


def _expected_row(session: Session, origin: Origin, expected: Expected) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "workspace_id": origin.workspace_id,
        "address": expected.address,
        "kind": expected.kind,
        "request_id": origin.request_id,
        "plan_id": origin.plan_id,
        "organisation_code": origin.organisation,
        "system_code": origin.system,
        "spec": dict(expected.spec),
        "connection": {},
        "drift": {},
        "status": ResourceStatus.PROVISIONING,
        "created_at": now(session),
        "status_at": now(session),
    }


def transition(
    session: Session,
    resource: Resource,
    status: ResourceStatus,
    actor: str,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Change the status of a resource. No other function changes it.

    The row is written at the next flush, because one run changes hundreds of resources.
    """
    session.add(resource)
    transitions.transition(
        session,
        RESOURCE_LIFECYCLE,
        resource,
        Transition(
            status,
            actor=actor,
            organisation=resource.organisation_code,
            data={"address": resource.address, **(data or {})},
        ),
        flush=False,
    )


def note_found(
    session: Session, resource: Resource, facts: Found, spec: Mapping[str, Any] | None = None
) -> None:
    """Store the facts that the cloud reports about a resource, and clear its drift."""
    resource.drift = {}
    resource.cloud_id = facts.cloud_id or resource.cloud_id
    resource.ip_address = facts.ip_address or resource.ip_address
    resource.connection = dict(facts.connection) or resource.connection
    if spec is not None:
        resource.spec = dict(spec)
    session.add(resource)


@dataclass(frozen=True)
class Drift:
    """The differences between reality and the state that one drift check found in a workspace."""

    workspace_id: UUID
    run_id: UUID
    organisation: str
    findings: Sequence[DriftFinding]


def open_drift(session: Session, drift: Drift, actor: str) -> DriftCase:
    """Open a drift case, or replace the findings of the open one."""
    case = session.exec(
        select(DriftCase)
        .where(DriftCase.workspace_id == drift.workspace_id, DriftCase.status == DriftStatus.OPEN)
        .with_for_update()
    ).one_or_none()
    case = case or DriftCase(
        workspace_id=drift.workspace_id,
        run_id=drift.run_id,
        organisation_code=drift.organisation,
        opened_at=now(session),
    )
    case.run_id = drift.run_id
    case.findings = [finding.document() for finding in drift.findings]
    session.add(case)
    session.flush()
    subject, data = ("drift_case", case.id), {"findings": case.findings}
    audit.record(session, Event("drift:found", subject, actor, drift.organisation, data))
    return case


def close_drift(session: Session, workspace_id: UUID, actor: str) -> None:
    """Close the open case, because reality agrees with the state again."""
    statement = select(DriftCase).where(
        DriftCase.workspace_id == workspace_id, DriftCase.status == DriftStatus.OPEN
    )
    for case in session.exec(statement.with_for_update()):
        case.status = DriftStatus.CLOSED
        case.closed_at = now(session)
        session.add(case)
        audit.record(
            session,
            Event("drift:closed", ("drift_case", case.id), actor=actor, organisation=case.organisation_code),
        )
    session.flush()


def trials_over(session: Session, day: date) -> Sequence[Resource]:
    """Lock and return the resources whose free trial has ended by `day`."""
    statement = (
        select(Resource)
        .where(Resource.status == ResourceStatus.TRIAL, col(Resource.trial_ends_on) <= day)
        .with_for_update(skip_locked=True)
    )
    return session.exec(statement).all()
