"""The documents in ``quotas/``: one frozen, strict model for each kind of file.

Unknown fields are errors. Amounts are quoted strings in CNY and become whole fen; days are written
``2019-06-19``; fractions do not exist. Sizes are whole vCPU and whole GB. References between documents, such
as the code of an organisation, are checked in :mod:`orchestrator.content.references`.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from orchestrator.core.documents import Day, Document, Fen, Name, PlainText

ResourceClass = Literal["vcpu", "memory_gb", "block_gb"]
RESOURCE_CLASSES: tuple[ResourceClass, ...] = ("vcpu", "memory_gb", "block_gb")

OrganisationKind = Literal[
    "city_dept",
    "city_unit",
    "county",
    "committee",
    "county_informatization",
    "vertical",
    "provider",
    "authority",
]
RoleName = Literal[
    "department_clerk",
    "information_officer",
    "centre_reviewer",
    "centre_approver",
    "smart_city_office",
    "applier",
    "finance",
    "auditor",
    "technical_administrator",
]
BudgetPurpose = Literal[
    "new_project",
    "gov_cloud_service",
    "platform_operation",
    "maintenance_and_docking",
    "professional_services",
    "demonstration_development",
    "data_governance",
    "other",
]
Arch = Literal["x86", "hygon", "arm"]
Unit = Literal[
    "vcpu",
    "gb",
    "host",
    "percent_of_spec",
    "instance",
    "mbps",
    "channel",
    "db_instance",
    "domain",
    "system",
    "person_day",
]
DiskTier = Literal["SATA", "SSD", "UHIO"]
Remark = Annotated[PlainText, StringConstraints(max_length=400)]
OrganisationCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,11}$")]
SystemCode = Annotated[str, StringConstraints(pattern=r"^SYS-[0-9]{3}$")]
SkuCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*$", max_length=30)]
CatalogueCode = Annotated[str, StringConstraints(pattern=r"^CAT-[0-9]{4}-[0-9]{2}$")]
PoolCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*$", max_length=20)]
Username = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*([.-][a-z0-9]+)*$", max_length=40)]
Size = Annotated[int, Field(ge=0, le=100_000_000)]
FiscalYear = Annotated[int, Field(ge=2019, le=2100)]


class Amounts(Document):
    """One whole number for each resource class: vCPU, GB of memory, GB of block storage."""

    vcpu: Size
    memory_gb: Size
    block_gb: Size

    def of(self, resource_class: ResourceClass) -> int:
        """Return the amount of one resource class."""
        return {"vcpu": self.vcpu, "memory_gb": self.memory_gb, "block_gb": self.block_gb}[resource_class]


class QuotaRules(Document):
    """The rules that derive a trial quota from the production quota (domain §5).

    ``trial_percent`` of the production limit is rounded up to the next multiple of ``trial_step`` and is
    at least ``trial_minimum``.
    """

    trial_percent: Annotated[int, Field(ge=0, le=100)]
    trial_minimum: Amounts
    trial_step: Amounts

    @model_validator(mode="after")
    def _steps_are_positive(self) -> Self:
        if 0 in {self.trial_step.of(name) for name in RESOURCE_CLASSES}:
            raise ValueError("every trial_step must be at least 1")
        return self

    def trial_limit(self, production: Amounts, resource_class: ResourceClass) -> int:
        """Return the trial limit of one resource class."""
        step = self.trial_step.of(resource_class)
        steps = -(-production.of(resource_class) * self.trial_percent // (100 * step))
        return max(steps * step, self.trial_minimum.of(resource_class))


class PersonDocument(Document):
    """A person of an organisation and the roles held there from a day on."""

    username: Username
    name_zh: Name
    name_en: Name
    roles: Annotated[tuple[RoleName, ...], Field(min_length=1)]
    since: Day


class BudgetLineDocument(Document):
    """Money appropriated for one purpose in one fiscal year (clauses 2 and 15)."""

    fiscal_year: FiscalYear
    purpose: BudgetPurpose
    payer: Literal["department", "central"]
    appropriated_fen: Annotated[Fen, Field(alias="appropriated")]


class OfficerFilingDocument(Document):
    """The filing of an information officer for one year (clause 13)."""

    year: Annotated[int, Field(ge=2018, le=2100)]
    officer: Username
    filed_on: Day
    status: Literal["current", "superseded", "lapsed"]


class AccessLinkDocument(Document):
    """The link between an organisation and the data centre (clause 1)."""

    mbps: Annotated[int, Field(ge=1, le=1_000_000)]


class OrganisationDocument(Document):
    """``quotas/departments/<CODE>.yml``: an organisation with its limits, money, link, filing and people."""

    code: OrganisationCode
    name_zh: Name
    name_en: Name
    kind: OrganisationKind
    parent: OrganisationCode | None = None
    quota: Amounts | None = None
    budget_lines: tuple[BudgetLineDocument, ...] = ()
    access_link: AccessLinkDocument | None = None
    officer_filings: tuple[OfficerFilingDocument, ...] = ()
    people: tuple[PersonDocument, ...] = ()

    @property
    def officer_filing(self) -> Literal["current", "changed", "lapsed", "never_filed"]:
        """The state of the information officer's filing; ``changed`` is current after a change of person."""
        statuses = {filing.status for filing in self.officer_filings}
        if "current" in statuses:
            return "changed" if "superseded" in statuses else "current"
        return "lapsed" if statuses else "never_filed"


class SourceStack(Document):
    """The platform that a system runs on today; None means not known."""

    arch: Name | None = None
    os: Name | None = None
    db: Name | None = None


class Target(Document):
    """The size that a system needs on the cloud, with its monthly price by the first catalogue."""

    pool: PoolCode
    vcpu: Size
    memory_gb: Size
    disk_gb: Size
    disk_tier: DiskTier | None = None
    monthly_fen: Annotated[Fen | None, Field(alias="monthly_price")] = None


class SystemDocument(Document):
    """An information system of a department. ``mlps_level`` 0 means not graded yet."""

    code: SystemCode
    department: OrganisationCode
    name_zh: Name
    name_en: Name
    origin: Literal["notice", "notice_dataset", "invented"]
    network: Literal["private", "extranet", "internet"]
    private_network: Name | None = None
    hosting: Literal["department_room", "city_cloud"]
    source: SourceStack
    hosts: Size | None = None
    db_instances: Size | None = None
    target: Target | None = None
    data_gb: Size | None = None
    mlps_level: Annotated[int, Field(ge=0, le=5)]
    users: Size | None = None
    public_users: bool
    depends: tuple[SystemCode, ...] = ()
    classification: Literal["undetermined", "mixed", "non_classified_confirmed"]
    quota_counted: bool
    zombie: bool = False
    on_duty_list: bool = False
    bottleneck_service: bool = False
    high_frequency_dataset: (
        Literal[
            "population",
            "legal_entity",
            "natural_resources",
            "electronic_licence",
            "taxation",
            "investment_project",
            "credit",
            "social_security",
        ]
        | None
    ) = None
    remark_zh: Remark = ""
    remark_en: Remark = ""

    @model_validator(mode="after")
    def _a_private_network_has_a_name(self) -> Self:
        if self.network != "private" and self.private_network is not None:
            raise ValueError("give private_network only where network is private")
        return self


class SkuDocument(Document):
    """A priced unit; ``fulfilment`` names the way it is delivered."""

    code: SkuCode
    name_zh: Name
    name_en: Name
    unit: Unit
    product_group: Literal["compute", "storage", "backup", "security", "network", "database", "service"]
    billing: Literal["monthly", "one_off", "percent_of_spec"]
    quota_class: Literal["vcpu", "memory_gb", "block_gb", "none"]
    fulfilment: Literal["terraform", "ansible", "manual", "included"]
    payer: Literal["department", "central"] = "department"
    arch: Arch | None = None
    disk_tier: DiskTier | None = None


class TierDocument(Document):
    """The unit price up to a quantity; without `up_to`, the unit price of all further units."""

    up_to: Annotated[int | None, Field(ge=1, le=100_000_000)] = None
    price_fen: Annotated[Fen, Field(alias="price")]


class PriceDocument(Document):
    """The price of one SKU: CNY for a unit and month (or once), graduated tiers, or a percentage of a spec.

    A suspended resource costs the full price unless `suspended_percent` is given.
    """

    sku: SkuCode
    price_fen: Annotated[Fen | None, Field(alias="price")] = None
    percent: Annotated[int | None, Field(alias="percent_of_spec", ge=0, le=100)] = None
    tiers: tuple[TierDocument, ...] = ()
    suspended_percent: Annotated[int | None, Field(ge=0, le=100)] = None

    @model_validator(mode="after")
    def _one_kind_of_price(self) -> Self:
        if [self.price_fen is None, self.percent is None, not self.tiers].count(False) != 1:
            raise ValueError("give exactly one of price, percent_of_spec and tiers")
        return self

    @model_validator(mode="after")
    def _tiers_rise_and_have_no_end(self) -> Self:
        limits = [tier.up_to for tier in self.tiers]
        rising = [limit for limit in limits if limit is not None]
        if limits and (limits[:-1] != rising or rising != sorted(set(rising))):
            raise ValueError("up_to must rise from tier to tier, and only the last tier has none")
        return self


class PriceCatalogueDocument(Document):
    """``quotas/price_catalogues/<CODE>.yml``: all prices of the days ``[valid_from, valid_to)``."""

    code: CatalogueCode
    name_zh: Name
    name_en: Name
    valid_from: Day
    valid_to: Day | None = None
    prices: Annotated[tuple[PriceDocument, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _the_period_runs_forward(self) -> Self:
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("valid_to must lie after valid_from: it is the first day no longer covered")
        return self


class ResourcePoolDocument(Document):
    """Capacity of one zone and architecture; ``overcommit_percent`` 100 means no overcommitment."""

    code: PoolCode
    name_zh: Name
    name_en: Name
    zone: Literal["extranet", "internet", "dev"]
    arch: Arch
    capacity: Amounts
    overcommit_percent: Annotated[int, Field(ge=1, le=1000)]
    warn_at_percent: Annotated[int, Field(ge=1, le=100)]
    free: bool = False
    expiry_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class SystemsDocument(Document):
    """``quotas/systems.yml``."""

    systems: tuple[SystemDocument, ...]


class SkusDocument(Document):
    """``quotas/skus.yml``."""

    skus: tuple[SkuDocument, ...]


class ResourcePoolsDocument(Document):
    """``quotas/resource_pools.yml``."""

    resource_pools: tuple[ResourcePoolDocument, ...]


SINGLE_FILES: Mapping[str, type[Document]] = {
    "quotas/quota_rules.yml": QuotaRules,
    "quotas/resource_pools.yml": ResourcePoolsDocument,
    "quotas/skus.yml": SkusDocument,
    "quotas/systems.yml": SystemsDocument,
}
"""The model of each single file."""

FOLDERS: Mapping[str, type[Document]] = {
    "quotas/departments": OrganisationDocument,
    "quotas/price_catalogues": PriceCatalogueDocument,
}
"""The model of the files in each folder; a file is named after the code of its object."""
