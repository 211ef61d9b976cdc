"""Shapes of organisations with their quota, budget and systems."""

from typing import Any, Literal
from uuid import UUID

from pydantic import RootModel
from typing_extensions import TypeAliasType

from orchestrator.api.shapes import Shape
from orchestrator.content import documents
from orchestrator.core.zone_classes import ZoneClass
from orchestrator.departments.models import OrganisationKind
from orchestrator.departments.queries import Filing
from orchestrator.quotas.models import BudgetState, Payer, ResourceClass
from orchestrator.systems.models import Classification

BudgetPurpose = TypeAliasType("BudgetPurpose", documents.BudgetPurpose)
OfficerFiling = TypeAliasType("OfficerFiling", Filing)
SystemNetwork = TypeAliasType("SystemNetwork", Literal["private", "extranet", "internet"])
SystemHosting = TypeAliasType("SystemHosting", Literal["department_room", "city_cloud"])


class QuotaLimitDetail(Shape):
    """The limit of an organisation for one resource class in all zones of a zone class."""

    organisation_code: str
    zone_class: ZoneClass
    resource_class: ResourceClass
    amount: int
    held: int
    committed: int


class BudgetLineDetail(Shape):
    """Money of one payer for one purpose in one fiscal year."""

    id: UUID
    organisation_code: str
    fiscal_year: int
    purpose: BudgetPurpose
    payer: Payer
    state: BudgetState
    appropriated_fen: int
    held_fen: int
    committed_fen: int
    spent_fen: int
    free_fen: int


class SystemAttributes(RootModel[dict[str, Any]]):
    """The further columns of the city's inventory of systems."""


class SystemDetail(Shape):
    """A government information system; `mlps_level` 0 means not graded yet."""

    code: str
    organisation_code: str
    name_zh: str
    name_en: str
    network: SystemNetwork
    hosting: SystemHosting
    mlps_level: int
    classification: Classification
    zombie: bool
    attributes: SystemAttributes


class DepartmentSummary(Shape):
    """An organisation."""

    code: str
    name_zh: str
    name_en: str
    kind: OrganisationKind
    parent_code: str | None


class DepartmentDetail(DepartmentSummary):
    """An organisation with its quota, its budget, the filing of its information officer, and its systems."""

    quota: list[QuotaLimitDetail]
    budget_lines: list[BudgetLineDetail]
    officer_filing: OfficerFiling
    systems: list[SystemDetail]
