"""Shapes of resources, workspaces and drift."""

from datetime import date, datetime
from uuid import UUID

from typing_extensions import TypedDict

from orchestrator.api.shapes import AttributeValue, Page, ResourceAttributes, Shape
from orchestrator.resources.lifecycle import DriftStatus, ResourceStatus


class AttributeDrift(TypedDict):
    """One attribute whose real value differs from the Terraform state."""

    attribute: str
    state: AttributeValue
    reality: AttributeValue


class DriftFinding(TypedDict):
    """One object that differs: it is `gone`, or `unknown` to the state, or has other attributes."""

    address: str
    gone: bool
    unknown: bool
    changes: list[AttributeDrift]


class ResourceDrift(TypedDict, total=False):
    """The difference that the last drift check found at a resource; empty where it found none."""

    address: str
    gone: bool
    unknown: bool
    changes: list[AttributeDrift]


class ResourceDetail(Shape):
    """A resource; `address` is its logical name in the workspace."""

    id: UUID
    workspace_id: UUID
    address: str
    kind: str
    request_id: UUID
    organisation_code: str
    system_code: str | None
    status: ResourceStatus
    status_at: datetime
    version: int
    cloud_id: str | None
    ip_address: str | None
    trial_ends_on: date | None
    opened_on: date | None
    released_on: date | None
    spec: ResourceAttributes
    drift: ResourceDrift


class ResourcePage(Page):
    """Resources, oldest first."""

    items: list[ResourceDetail]


class WorkspaceDetail(Shape):
    """One Terraform state and its system."""

    id: UUID
    key: str
    cloud: str
    zone: str
    organisation_code: str
    system_code: str | None
    origin_request_id: UUID
    serial: int


class DriftCaseDetail(Shape):
    """A difference between state and reality that a person has to decide about."""

    id: UUID
    workspace_id: UUID
    run_id: UUID
    organisation_code: str
    status: DriftStatus
    opened_at: datetime
    closed_at: datetime | None
    findings: list[DriftFinding]
