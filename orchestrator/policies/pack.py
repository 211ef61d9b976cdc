"""A policy pack: the rules, deadlines, time limits, calendars and duties that one founding text sets.

A pack is data under ``policies/<id>/``. This module declares its frozen form and does no I/O. A rule taken
from the notice quotes a complete sentence with its position, so that a refusal can be contested.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from orchestrator.core.calendar import CalendarYear, WorkingCalendar
from orchestrator.core.documents import Day, Document, Fen, Name, PlainText


class Effect(StrEnum):
    """The verdict on a violation of a rule."""

    REFUSE = "refuse"
    BLOCK = "block"
    ESCALATE = "escalate"
    WARN = "warn"


class JudgedKind(StrEnum):
    """The kind of a request as rules distinguish it: a change of sizes is judged as growing or shrinking."""

    PROVISION = "provision"
    GROW = "grow"
    SHRINK = "shrink"
    RELEASE = "release"
    RENEW = "renew"
    SECURITY_CHANGE = "security_change"
    ROLLBACK = "rollback"


class Moment(StrEnum):
    """The decision for which a rule is judged."""

    REQUEST = "request"
    INVENTORY = "inventory"
    EXEMPTION = "exemption"
    PROJECT = "project"
    FUNDING = "funding"
    PLAN = "plan"
    ACTIVATION = "activation"
    TRIAL = "trial"
    MIGRATION = "migration"
    WAVE = "wave"
    CUTOVER = "cutover"
    STATEMENT = "statement"


class DutyRole(StrEnum):
    """A role that a pack names, also for acts that this service does not have."""

    DEPARTMENT_CLERK = "department_clerk"
    INFORMATION_OFFICER = "information_officer"
    CENTRE_REVIEWER = "centre_reviewer"
    CENTRE_APPROVER = "centre_approver"
    SMART_CITY_OFFICE = "smart_city_office"
    APPLIER = "applier"
    FINANCE = "finance"
    AUDITOR = "auditor"
    TECHNICAL_ADMINISTRATOR = "technical_administrator"
    DRC_OFFICER = "drc_officer"
    EXPERT = "expert"
    SECURITY_REVIEWER = "security_reviewer"
    SECRECY_OFFICER = "secrecy_officer"
    LEADING_GROUP_OFFICE = "leading_group_office"
    COUNTY_AUTHORITY = "county_authority"
    INVENTORY_SIGNATORY = "inventory_signatory"
    POLICY_ADMIN = "policy_admin"


class HardwareVerdict(StrEnum):
    """The verdict on request lines of a hardware category."""

    REFUSE = "refuse"
    ESCALATE = "escalate"
    ALLOW = "allow"


AsText = Field(strict=False)
"""The member of an enum, which a document names by its value."""

RuleId = Annotated[str, StringConstraints(pattern=r"^R-[0-9]{2}$")]
Clause = Annotated[str, StringConstraints(pattern=r"^(0|[1-9]|1[0-6])$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9-]{1,29}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Message = Annotated[
    PlainText, StringConstraints(max_length=300, pattern=r"^[^$]*\$detail([^$A-Za-z0-9_][^$]*)?$")
]
Days = Annotated[int, Field(ge=0, le=3650)]
Percent = Annotated[int, Field(ge=0, le=100)]


class AppliesTo(Document):
    """Where a rule applies; an empty list means everywhere. Elsewhere the rule warns or is silent."""

    organisation_kinds: tuple[Word, ...] = ()
    project_levels: tuple[Literal["municipal", "county"], ...] = ()
    request_kinds: tuple[Annotated[JudgedKind, AsText], ...] = ()
    outside: Literal["warn", "silent"] = "silent"


class Rule(Document):
    """One rule. It has ``clause`` and ``quote_zh`` exactly when its basis is the notice."""

    id: RuleId
    title_zh: Name
    title_en: Name
    basis: Literal["notice", "practice", "design"]
    clause: Clause | None = None
    quote_zh: PlainText | None = None
    quote_start: Annotated[int, Field(ge=0)] | None = None
    quote_end: Annotated[int, Field(ge=0)] | None = None
    effect: Annotated[Effect, AsText]
    judged_at: Annotated[tuple[Annotated[Moment, AsText], ...], Field(min_length=1)]
    applies_to: AppliesTo = AppliesTo()
    message_zh: Message
    message_en: Message

    @model_validator(mode="after")
    def _the_notice_is_quoted(self) -> Self:
        quote = (self.clause, self.quote_zh, self.quote_start, self.quote_end)
        given = [part is not None for part in quote]
        if any(given) != all(given) or all(given) != (self.basis == "notice"):
            raise ValueError(
                "give clause, quote_zh, quote_start and quote_end together, and only with basis notice"
            )
        return self


class PolicyDeadline(Document):
    """A date set by the notice: once, or every year on ``MM-DD``; with ``starts`` the day a duty begins."""

    id: Annotated[str, StringConstraints(pattern=r"^DL-[0-9]{2}$")]
    clause: Clause
    due: Day | None = None
    yearly: (
        Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")] | None
    ) = None
    starts: bool = False
    replaces: str | None = None
    what_zh: Name
    what_en: Name
    lead_zh: Name | None = None
    lead_en: Name | None = None

    @model_validator(mode="after")
    def _one_kind_of_date(self) -> Self:
        if (self.due is None) == (self.yearly is None):
            raise ValueError("give either due or yearly")
        return self


class TimeLimit(Document):
    """The longest time that a step may take."""

    step: Word
    name_zh: Name
    name_en: Name
    count: Days
    unit: Literal["working_days", "calendar_days"]


class Holiday(Document):
    """Days off, both ends included."""

    name_zh: Name
    first: Day
    last: Day


class CalendarDocument(Document):
    """``calendar/<year>.yml``: the State Council's days off and make-up days of one year."""

    year: Annotated[int, Field(ge=2019, le=2100)]
    source_zh: Name
    holidays: tuple[Holiday, ...]
    make_up_days: tuple[Day, ...]

    @model_validator(mode="after")
    def _days_lie_in_the_year(self) -> Self:
        days = [day for holiday in self.holidays for day in (holiday.first, holiday.last)]
        if any(day.year != self.year for day in (*days, *self.make_up_days)):
            raise ValueError(f"every day must lie in {self.year}")
        if any(holiday.last < holiday.first for holiday in self.holidays):
            raise ValueError("a holiday must not end before its first day")
        return self

    def calendar_year(self) -> CalendarYear:
        """Return this year for the working calendar."""
        days_off = frozenset(
            holiday.first + dt.timedelta(days=number)
            for holiday in self.holidays
            for number in range((holiday.last - holiday.first).days + 1)
        )
        return CalendarYear(self.year, days_off, frozenset(self.make_up_days))


class FurtherRole(Document):
    """A role that an act needs as well in one case."""

    when: Literal["level_3", "above_finance_threshold"]
    role: Annotated[DutyRole, AsText]


class Act(Document):
    """The roles that may do an act, and the acts on the same object that exclude a person from it."""

    act: Word
    name_zh: Name
    name_en: Name
    roles: Annotated[tuple[Annotated[DutyRole, AsText], ...], Field(min_length=1)]
    never_with: tuple[Word, ...] = ()
    except_when: Literal["officer_files_alone"] | None = None
    also_needs: tuple[FurtherRole, ...] = ()


class Substitute(Document):
    """The organisation and role that approve where an organisation would decide on itself (domain §2.15)."""

    organisation: Code
    role: Annotated[DutyRole, AsText]
    by_organisation: Code
    by_role: Annotated[DutyRole, AsText]


class Thresholds(Document):
    """Amounts in fen and MLPS levels from which further approvals are needed."""

    drc_approval_fen: Annotated[Fen, Field(alias="drc_approval")]
    finance_approval_per_year_fen: Annotated[Fen, Field(alias="finance_approval_per_year")]
    second_approver_from_level: Annotated[int, Field(ge=1, le=5)]


class Periods(Document):
    """Validity periods."""

    approved_unused_days: Days
    hold_days: Days
    plan_expiry_hours: Annotated[int, Field(ge=1, le=8760)]
    trial_days: Days
    migration_trial_days: Days
    splitting_window_months: Annotated[int, Field(ge=1, le=60)]


class Links(Document):
    """The share of an access link that may be used."""

    peak_percent: Percent
    copy_percent: Percent


class PlatformCertificate(Document):
    """A passed MLPS assessment of the platform, on the days ``[valid_from, valid_to)`` (clause 2)."""

    level: Annotated[int, Field(ge=1, le=5)]
    report: Name
    valid_from: Day
    valid_to: Day


class HardwareCategory(Document):
    """The verdict on request lines of this category, and the SKUs to order instead (clause 1)."""

    category: Word
    verdict: Annotated[HardwareVerdict, AsText]
    scope: Literal["hardware", "room"]
    instead: tuple[Code, ...]


class PackHead(Document):
    """``pack.yml``: the identity of the pack and its figures."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,39}$")]
    version: Annotated[int, Field(ge=1)]
    name_zh: Name
    name_en: Name
    valid_from: Day
    notice_title_zh: Name
    thresholds: Thresholds
    periods: Periods
    links: Links
    platform_certificates: tuple[PlatformCertificate, ...]
    hardware_categories: tuple[HardwareCategory, ...]


class RulesDocument(Document):
    """``rules.yml``."""

    rules: tuple[Rule, ...]


class DeadlinesDocument(Document):
    """``deadlines.yml``."""

    deadlines: tuple[PolicyDeadline, ...]


class TimeLimitsDocument(Document):
    """``time_limits.yml``."""

    time_limits: tuple[TimeLimit, ...]


class DutiesDocument(Document):
    """``duties.yml``."""

    acts: tuple[Act, ...]
    substitutes: tuple[Substitute, ...]


PACK_FILES: Mapping[str, type[Document]] = {
    "deadlines.yml": DeadlinesDocument,
    "duties.yml": DutiesDocument,
    "pack.yml": PackHead,
    "rules.yml": RulesDocument,
    "time_limits.yml": TimeLimitsDocument,
}
"""The files of every pack besides ``notice.zh.txt`` and ``calendar/<year>.yml``."""


class PolicyPack(Document):
    """A complete pack."""

    head: PackHead
    rules: tuple[Rule, ...]
    deadlines: tuple[PolicyDeadline, ...]
    time_limits: tuple[TimeLimit, ...]
    duties: DutiesDocument
    calendars: tuple[CalendarDocument, ...]
    notice_zh: Annotated[str, Field(repr=False)]

    @cached_property
    def calendar(self) -> WorkingCalendar:
        """The working calendar of all loaded years."""
        return WorkingCalendar.of(document.calendar_year() for document in self.calendars)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the pack's content; layout and comments of its files do not count."""
        return "sha256:" + hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @cached_property
    def request_rules(self) -> tuple[Rule, ...]:
        """The rules that are judged on a request, by id."""
        return tuple(
            sorted(
                (rule for rule in self.rules if Moment.REQUEST in rule.judged_at), key=lambda rule: rule.id
            )
        )

    @property
    def approved_unused_days(self) -> int:
        """Days after which an approved but unused request expires."""
        return self.head.periods.approved_unused_days

    @property
    def hold_days(self) -> int:
        """Days from submission until a hold expires."""
        return self.head.periods.hold_days

    @property
    def plan_expiry_hours(self) -> int:
        """Hours during which an execution plan can be approved and applied."""
        return self.head.periods.plan_expiry_hours

    @property
    def trial_days(self) -> int:
        """Calendar days of the free trial."""
        return self.head.periods.trial_days

    def rule(self, rule_id: str) -> Rule:
        """Return the rule with this id. Raises KeyError when the pack has none."""
        return {rule.id: rule for rule in self.rules}[rule_id]

    def time_limit(self, step: str) -> TimeLimit:
        """Return the time limit of a step. Raises KeyError when the pack has none."""
        return {limit.step: limit for limit in self.time_limits}[step]

    def substitute(self, organisation: str, role: str) -> Substitute | None:
        """Return the substitute for this role in matters of this organisation; None where none is needed."""
        for substitute in self.duties.substitutes:
            if (substitute.organisation, substitute.role) == (organisation, role):
                return substitute
        return None
