"""List, form and detail of resource requests."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime

from orchestrator.console.frame.views import ActionSet, Finding, Happening, Option, Pager, QuotaCard, Quote
from orchestrator.console.requests.form import RequestForm

MAIN_PATH = (
    "draft",
    "awaiting_endorsement",
    "submitted",
    "accepted",
    "under_review",
    "approved",
    "planned",
    "in_trial",
    "fulfilled",
)
"""The statuses of a request that is never returned or stopped."""


@dataclass(frozen=True)
class RequestRow:
    """One request in a list; `id` is part of its address, `number` is shown to people."""

    id: str
    number: str
    kind: str
    organisation: str
    requester: str
    created_at: datetime
    title: str
    system: str
    zone_class: str
    instances: int
    monthly_fen: int | None
    status: str


@dataclass(frozen=True)
class RequestList:
    """Page ``requests/list.html``: `status` and `text` are the filters in force, `statuses` the choices."""

    rows: tuple[RequestRow, ...]
    pager: Pager
    status: str
    text: str
    statuses: tuple[str, ...]
    may_create: bool
    shows_all: bool
    quota: QuotaCard | None = None


@dataclass(frozen=True)
class FormField:
    """A field of a line on the form; texts in the reader's language, `kind` as in the macro ``field``."""

    name: str
    label: str
    kind: str
    hint: str
    required: bool
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class FormChoices:
    """The choices of the request form; labels in the reader's language."""

    systems: tuple[Option, ...]
    zone_classes: tuple[Option, ...]
    line_fields: tuple[FormField, ...]


@dataclass(frozen=True)
class Removal:
    """A live host or data disk that a change or release destroys, by its address ``instance/web-2``."""

    address: str

    @property
    def kind(self) -> str:
        """Its code in ``labels.WORDS["resource_kind"]``."""
        return self.address.partition("/")[0]

    @property
    def name(self) -> str:
        """Its name in the workspace."""
        return self.address.partition("/")[2]


@dataclass(frozen=True)
class QuoteBox:
    """Partial ``requests/_quote.html``: a price, or the errors that prevent it.

    `quota` carries the asked amounts; `findings` are the policy results to expect at submission; `removals`
    are the live objects that the form leaves out.
    """

    quote: Quote | None = None
    quota: QuotaCard | None = None
    findings: tuple[Finding, ...] = ()
    problems: tuple[str, ...] = ()
    removals: tuple[Removal, ...] = ()


@dataclass(frozen=True)
class RequestFormPage:
    """Page ``requests/form.html``: a new request (`id` empty) or a draft or returned one being corrected.

    `errors` maps a field's name (``system``, ``lines-0-vcpu``) or ``""`` for the whole form to a sentence.
    `key` is the idempotency key of this form; `version` that of the request being edited, 0 for a new one.
    """

    form: RequestForm
    choices: FormChoices
    quote: QuoteBox
    key: str
    id: str = ""
    number: str = ""
    version: int = 0
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Return the path that the form posts to."""
        return f"/console/requests/{self.id}/edit" if self.id else "/console/requests/new"


@dataclass(frozen=True)
class InstanceLine:
    """One line of a request: `count` instances of one kind; `key` begins their names in the plan.

    `others` are the fields that the page has no sentence for, with their labels.
    """

    key: str
    label: str
    purpose: str
    pool: str
    image: str
    vcpu: int
    memory_gb: int
    disk_gb: int
    tier: str
    backup_gb: int
    count: int
    services: tuple[str, ...]
    ports: tuple[int, ...]
    others: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class HoldRow:
    """Something held for this request; `amount` ready for the reader."""

    kind: str
    subject: str
    amount: str
    status: str
    expires_at: datetime | None


@dataclass(frozen=True)
class PlanRow:
    """An execution plan of a request."""

    id: str
    number: str
    kind: str
    status: str
    created_at: datetime
    creates: int
    updates: int
    deletes: int
    monthly_fen: int | None


@dataclass(frozen=True)
class ResourceRow:
    """A resource; `name` is its logical name, `address` its network address."""

    name: str
    kind: str
    spec: str
    zone: str
    address: str
    status: str
    drift: str


@dataclass(frozen=True)
class RequestDetail:
    """Page ``requests/detail.html``.

    `due_on` is the deadline of the step that is open now; `reached` are all statuses the request has had;
    `removals` are the live objects that it destroys when it is carried out.
    """

    id: str
    number: str
    kind: str
    status: str
    title: str
    organisation: str
    requester: str
    system: str
    zone_class: str
    justification: str
    created_at: datetime
    due_on: date | None
    lines: tuple[InstanceLine, ...]
    quote: Quote | None
    holds: tuple[HoldRow, ...]
    findings: tuple[Finding, ...]
    plans: tuple[PlanRow, ...]
    resources: tuple[ResourceRow, ...]
    timeline: tuple[Happening, ...]
    acts: ActionSet
    reached: frozenset[str] = frozenset()
    removals: tuple[Removal, ...] = ()

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """The main path as (status, done | now | todo); a stopped request ends with its own status."""
        return path_of(self.status, self.reached)


def path_of(status: str, reached: AbstractSet[str]) -> tuple[tuple[str, str], ...]:
    """Return the main path of a request; `reached` are the statuses that a stopped request went through."""
    if status in MAIN_PATH:
        here = MAIN_PATH.index(status)
        last = status == MAIN_PATH[-1]
        return tuple(
            (step, "done" if i < here or (last and i == here) else "now" if i == here else "todo")
            for i, step in enumerate(MAIN_PATH)
        )
    return (*((step, "done") for step in MAIN_PATH if step in reached), (status, "stopped"))
