"""Shapes of resource requests, their prices and their holds."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from orchestrator.api.shapes import Instant, Page, Shape
from orchestrator.core.zone_classes import ZoneClass
from orchestrator.policies.rules import Verdict
from orchestrator.quotas.models import HoldStatus
from orchestrator.resource_requests.drafting import MOST_LINES, LineDraft, LineFields
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.lifecycle import RequestStatus


class QuoteBody(BaseModel):
    """Lines to price; nothing is stored."""

    model_config = ConfigDict(extra="forbid")

    lines: tuple[LineDraft, ...] = Field(max_length=MOST_LINES)


class QuoteLine(TypedDict):
    """The price of one SKU for a whole month; `price_fen` is null for tiers and percentages."""

    sku: str
    quantity: int
    price_fen: int | None
    amount_fen: int


class QuoteDetail(Shape):
    """A price: a whole month, and from today to the end of the fiscal year."""

    catalogue: str
    monthly_fen: int
    year_fen: int
    lines: list[QuoteLine]


class QuotedCommitment(TypedDict):
    """Money for a quantity of one SKU on one resource over the days from `starts` to before `ends`."""

    address: str
    sku: str
    quantity: int
    catalogue: str
    price_fen: int | None
    starts: date
    ends: date
    amount_fen: int


class RequestQuote(TypedDict, total=False):
    """The stored price of a request; empty until its first submission.

    `budgets` are the fen that the request takes from each budget line, `basis` is the digest of the inputs.
    """

    lines: list[QuoteLine]
    basis: str
    budget_line: UUID | None
    commitments: list[QuotedCommitment]
    budgets: dict[str, int]


class RuleResult(TypedDict):
    """The verdict of one rule. `facts` are the facts used, as pairs of name and text.

    `clause` and `quote_zh` are empty for a rule that is not taken from the notice.
    """

    rule_id: str
    verdict: Verdict
    stops: bool
    clause: str
    quote_zh: str
    message_zh: str
    message_en: str
    facts: list[tuple[str, str]]
    missing: list[str]


class RequestHold(BaseModel):
    """The amounts held for a request by counter, such as `quota:production:vcpu`; money is in fen."""

    status: HoldStatus
    expires_at: Instant
    amounts: dict[str, int]


class RequestComment(Shape):
    """The reason of a person who returned, refused, declined or rejected the request."""

    id: UUID
    request_id: UUID
    person_id: UUID
    at: datetime
    act: str
    text: str


class RequestLine(LineFields):
    """`count` equal hosts of a request, with the code of their resource pool."""

    model_config = ConfigDict(from_attributes=True)

    pool_code: str


class RequestSummary(Shape):
    """A resource request; `version` is its ETag."""

    id: UUID
    number: str
    kind: RequestKind
    organisation_code: str
    system_code: str | None
    zone_class: ZoneClass
    target_workspace_id: UUID | None
    title: str
    justification: str
    status: RequestStatus
    status_at: datetime
    version: int
    requester_id: UUID
    endorser_id: UUID | None
    reviewer_id: UUID | None
    created_at: datetime
    submitted_at: datetime | None
    reason: str | None
    catalogue_code: str | None
    monthly_fen: int
    year_fen: int


class RequestDetail(RequestSummary):
    """A request with its lines, price, policy results and hold.

    `removals` are the live hosts and data disks that its plan will destroy, by address.
    """

    lines: list[RequestLine]
    quote: RequestQuote
    judgement: list[RuleResult]
    hold: RequestHold | None
    comments: list[RequestComment]
    removals: list[str]


class RequestPage(Page):
    """Requests, newest first."""

    items: list[RequestSummary]
