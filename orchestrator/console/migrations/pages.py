"""Pages of migrations: the list, registration, one migration, and every act on it."""

from dataclasses import replace
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Response

from orchestrator.adapters.migration_plan_files import read_plan
from orchestrator.console.frame.menu import MenuEntry
from orchestrator.console.frame.render import wants_part
from orchestrator.console.frame.views import Option, Pager
from orchestrator.console.frame.visit import Sent, TheVisit, Visit, go, words_of
from orchestrator.console.migrations import reading
from orchestrator.console.migrations.views import MigrationDetail, MigrationList, RegisterForm, RetirementForm
from orchestrator.console.words.i18n import N_
from orchestrator.core.errors import BadInput, BusinessError
from orchestrator.departments.permissions import Permission, require
from orchestrator.migrations.lifecycle import MigrationStatus
from orchestrator.migrations.records import Retirement
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.workflows.migrations import reads, steps
from orchestrator.workflows.migrations.acts import RETIRE
from orchestrator.workflows.nouns import MIGRATIONS
from orchestrator.workflows.perform import perform

router = APIRouter(prefix="/console/migrations", include_in_schema=False)
MENU = MenuEntry(50, N_("系统迁移"), "/console/migrations", "", frozenset({Permission.REQUESTS_READ}))

PAGE_SIZE = 20
UNPROCESSABLE = 422
DETAIL = "migrations/detail.html"
STATE = "migration-state"
PARTS = {STATE: "migrations/_state.html"}
HAS_HOSTS = (RequestStatus.IN_TRIAL, RequestStatus.FULFILLED, RequestStatus.PLANNED, RequestStatus.APPROVED)
NEEDED = N_("必须填写")
WRONG_DAY = N_("日期应为 2019-06-30 的形式")

Digest = Annotated[str, Form(max_length=64)]
Text = Annotated[str, Form(max_length=2000)]
PlanText = Annotated[str, Form(max_length=200_000)]
"""The text of a plan file, as typed into the form."""


@router.get("")
def list_migrations(
    visit: TheVisit,
    status: Annotated[str, Query(max_length=30)] = "",
    before: Annotated[str, Query(max_length=30)] = "",
) -> Response:
    """Migrations of the person's organisation, or of all."""
    statuses = [MigrationStatus(status)] if status in set(MigrationStatus) else []
    migrations = reads.list_migrations(
        visit.session, visit.actor, statuses, before=before or None, limit=PAGE_SIZE
    )
    page = MigrationList(
        rows=tuple(reading.row(visit, migration) for migration in migrations),
        pager=Pager(None, before, migrations[-1].number if len(migrations) == PAGE_SIZE else ""),
        status=status,
        statuses=tuple(MigrationStatus),
        may_register=visit.actor.may(Permission.REQUESTS_DRAFT),
    )
    return visit.show("migrations/list.html", page, parts={"migration-rows": "migrations/_rows.html"})


@router.get("/new")
def show_form(visit: TheVisit) -> Response:
    """Show the form that registers a migration."""
    require(visit.actor, Permission.REQUESTS_DRAFT)
    return visit.show("migrations/register.html", _form(visit, "", ""))


@router.post("/new")
def register(visit: TheVisit, plan: PlanText = "", request: Text = "") -> Response:
    """Register a migration; every mistake of its plan is shown at once, with its line."""
    require(visit.actor, Permission.REQUESTS_DRAFT)
    form = _form(visit, plan, request)
    read = read_plan("plan.yml", plan.replace("\r\n", "\n").encode())
    if read.plan is None:
        wrong = replace(form, problems=tuple(str(problem) for problem in read.problems))
        return visit.show("migrations/register.html", wrong, status=UNPROCESSABLE)
    visit.on_refusal(lambda again, error: _form_again(again, plan, request, error))
    migration = steps.register(visit.session, visit.actor, read.plan, request)
    return go(f"/console/migrations/{migration.id}", "move_registered")


def _form(visit: Visit, plan: str, request: str) -> RegisterForm:
    chosen = request_queries.Filter(visit.actor.organisation, HAS_HOSTS)
    own = request_queries.page(visit.session, chosen, limit=100)
    options = tuple(
        Option(item.number, f"{item.number} · {item.title}")
        for item in own
        if item.kind == RequestKind.PROVISION
    )
    return RegisterForm(plan, request, options)


def _form_again(visit: Visit, plan: str, request: str, error: BusinessError) -> Response:
    errors = {str(error.extra.get("field") or ""): words_of(error, visit.language)}
    return visit.show("migrations/register.html", replace(_form(visit, plan, request), errors=errors))


@router.get("/{migration_id}")
def show_migration(migration_id: UUID, visit: TheVisit) -> Response:
    """Show one migration; a refreshed part makes htmx reload the page if the buttons may have changed."""
    page = reading.detail(visit, migration_id)
    response = visit.show(DETAIL, page, parts=PARTS)
    if not page.live and wants_part(visit.request, STATE):
        response.headers["HX-Trigger"] = "acts-changed"
    return response


@router.post("/{migration_id}/retire")
def retire(migration_id: UUID, visit: TheVisit, sent: Sent) -> Response:
    """Record that the legacy system was stopped and its media sanitised."""
    typed = RetirementForm(*(sent.get(name, "")[:2000] for name in ("stopped_on", "sanitisation", "remark")))
    _stay(visit, migration_id, typed=typed)
    perform(MIGRATIONS, RETIRE, visit.call(sent, content=_record(visit, typed)), migration_id)
    return _back(migration_id, RETIRE.name)


def _record(visit: Visit, typed: RetirementForm) -> Retirement:
    try:
        day = date.fromisoformat(typed.stopped_on.strip())
    except ValueError:
        raise BadInput(visit.say(WRONG_DAY), field="stopped_on", detail_zh=visit.say(WRONG_DAY)) from None
    if not typed.sanitisation.strip():
        raise BadInput(visit.say(NEEDED), field="sanitisation", detail_zh=visit.say(NEEDED))
    return Retirement(day, typed.sanitisation.strip(), typed.remark.strip())


@router.post("/{migration_id}/{name}")
def act_on_migration(migration_id: UUID, name: str, visit: TheVisit, sent: Sent) -> Response:
    """Do one act on a migration; the page then follows the log of its run."""
    act, call = MIGRATIONS.act(name), visit.call(sent)
    _stay(visit, migration_id, call.reason)
    perform(MIGRATIONS, act, call, migration_id)
    return _back(migration_id, act.name)


def _back(migration_id: UUID, act: str) -> Response:
    return go(f"/console/migrations/{migration_id}", f"{MIGRATIONS.path}.{act}")


def _stay(visit: Visit, migration_id: UUID, reason: str = "", *, typed: RetirementForm | None = None) -> None:
    """If the act is refused, show the migration as it is now, with the reason and the typed text."""

    def again(visit: Visit, error: BusinessError) -> Response:
        page = _with_problem(visit, reading.detail(visit, migration_id), error, reason)
        return visit.show(DETAIL, replace(page, retirement=typed) if typed else page)

    visit.on_refusal(again)


def _with_problem(visit: Visit, page: MigrationDetail, error: BusinessError, reason: str) -> MigrationDetail:
    acts = replace(page.acts, problem=words_of(error, visit.language), reason=reason)
    return replace(page, acts=acts)
