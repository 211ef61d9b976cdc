"""Read statements as the view models of the pages."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from orchestrator.billing import statement_queries as queries
from orchestrator.billing.chinese_amount import capital_amount
from orchestrator.billing.models import SkuMovement, UsageStatement
from orchestrator.billing.months import month_text
from orchestrator.billing.preview_case import plain
from orchestrator.billing.statement_queries import ListedLine
from orchestrator.console.frame.acts import buttons
from orchestrator.console.frame.render import money
from orchestrator.console.frame.views import ActionSet, Pager
from orchestrator.console.frame.visit import Visit
from orchestrator.console.requests import reading as request_reading
from orchestrator.console.statements.views import (
    GivenApproval,
    IntervalRow,
    LineDetail,
    LineRow,
    MovementRow,
    StatementDetail,
    StatementRow,
)
from orchestrator.console.words.i18n import N_
from orchestrator.workflows.billing import reports, statements
from orchestrator.workflows.nouns import STATEMENTS

LINES_PER_PAGE = 100
OF_SPEC = N_("规格价的 %(percent)s%%")
TIERS = N_("阶梯价")


def row(visit: Visit, statement: UsageStatement) -> StatementRow:
    """One statement in the list."""
    return StatementRow(
        id=str(statement.id),
        number=statement.number or "",
        organisation=visit.names.organisation(statement.organisation_code),
        month=month_text(statement.month),
        revision=statement.revision,
        status=statement.status,
        line_count=statement.line_count,
        total_fen=statement.total_fen,
        answer_due=statement.answer_due,
    )


def detail(visit: Visit, statement_id: UUID, after: int = 0) -> StatementDetail:
    """One statement with a page of its lines, those after position `after`.

    Raises:
        NotFound: there is none, or it belongs to an organisation that this person does not see.
    """
    statement = statements.read_statement(visit.session, visit.actor, statement_id)
    lines = queries.lines(visit.session, statement.id, after=after, limit=LINES_PER_PAGE)
    following = str(lines[-1].line.position) if len(lines) == LINES_PER_PAGE else ""
    name = visit.names.person
    return StatementDetail(
        id=str(statement.id),
        number=statement.number or "",
        organisation=visit.names.organisation(statement.organisation_code),
        month=month_text(statement.month),
        revision=statement.revision,
        status=statement.status,
        line_count=statement.line_count,
        total_fen=statement.total_fen,
        total_zh=capital_amount(statement.total_fen),
        issued_on=statement.issued_on,
        answer_due=statement.answer_due,
        confirmed_on=statement.confirmed_on,
        verified_by=name(statement.verified_by_id),
        confirmed_by=name(statement.confirmed_by_id),
        disputed_by=name(statement.disputed_by_id),
        dispute_reason=statement.dispute_reason or "",
        decided_by=name(statement.decided_by_id),
        decision_reason=statement.decision_reason or "",
        digest=statement.digest or "",
        replaces=str(statement.replaces_id or ""),
        movements=tuple(_movement(visit, item) for item in queries.movements(visit.session, statement.id)),
        lines=tuple(_line(visit, item) for item in lines),
        pager=Pager(statement.line_count, str(after or ""), following),
        timeline=request_reading.timeline_of(visit, statement.id),
        acts=ActionSet(buttons(visit, STATEMENTS, statement), hidden={"version": str(statement.version)}),
    )


def _movement(visit: Visit, item: SkuMovement) -> MovementRow:
    name, unit = visit.names.sku(item.sku_code)
    return MovementRow(
        name=name,
        sku=item.sku_code,
        unit=visit.word(unit, "unit"),
        opening=plain(item.opening),
        increases=plain(item.increases),
        decreases=plain(item.decreases),
        closing=plain(item.closing),
    )


def _line(visit: Visit, item: ListedLine) -> LineRow:
    line, resource = item.line, item.resource
    name, unit = visit.names.sku(line.sku_code)
    return LineRow(
        position=line.position,
        kind=line.kind,
        month=month_text(line.month),
        system=visit.names.system(resource.system_code),
        resource=resource.address,
        zone=visit.word(resource.zone, "zone"),
        name=name,
        sku=line.sku_code,
        quantity=plain(line.quantity),
        unit=visit.word(unit, "unit"),
        state=line.billing_state,
        starts=line.starts,
        ends=line.ends,
        days=(line.ends - line.starts).days,
        price=_price(visit, item),
        amount_fen=line.amount_fen,
    )


def _price(visit: Visit, item: ListedLine) -> str:
    line = item.line
    if line.price_fen is not None:
        return money(line.price_fen)
    return visit.say(TIERS) if line.percent is None else visit.say(OF_SPEC, percent=line.percent)


def line_detail(visit: Visit, statement_id: UUID, position: int) -> LineDetail:
    """Return one line and the origin of its amount.

    Raises:
        NotFound: there is no such line, or the person does not see its statement.
    """
    statement = statements.read_statement(visit.session, visit.actor, statement_id)
    item = queries.line(visit.session, statement.id, position)
    behind = reports.trace(visit.session, item)
    line, run = item.line, behind["run"]
    return LineDetail(
        statement_id=str(statement.id),
        statement=statement.number or month_text(statement.month),
        line=_line(visit, item),
        organisation=visit.names.organisation(statement.organisation_code),
        catalogue=line.catalogue_code,
        discount=plain(line.discount),
        month_days=line.month_days,
        shares=tuple(
            (visit.word(payer, "payer"), share)
            for payer, share in zip(line.payers, line.shares_fen, strict=True)
        ),
        resource_id=str(line.resource_id),
        intervals=tuple(_interval(interval) for interval in behind["intervals"]),
        run_id=run["id"],
        run_kind=run["kind"],
        run_status=run["status"],
        reverses=_reversed(item),
        **_cause(visit, behind),
    )


def _interval(document: dict[str, Any]) -> IntervalRow:
    ends = document["ends"]
    return IntervalRow(
        state=document["billing_state"],
        quantity=plain(Decimal(document["quantity"])),
        starts=date.fromisoformat(document["starts"]),
        ends=date.fromisoformat(ends) if ends else None,
    )


def _reversed(item: ListedLine) -> str:
    """Return the address of the line that a counter-line reverses."""
    line = item.line
    if line.reverses_statement_id is None:
        return ""
    return f"/console/statements/{line.reverses_statement_id}/lines/{line.reverses_position}"


def _cause(visit: Visit, behind: dict[str, Any]) -> dict[str, Any]:
    """Return plan, approvals and request of a run; None for a run without a plan."""
    if "plan" not in behind:
        return {}
    plan, request = behind["plan"], behind["request"]
    return {
        "plan_id": plan["id"],
        "plan_number": plan["number"],
        "plan_digest": plan["digest"] or "",
        "plan_status": plan["status"],
        "request_id": request["id"],
        "request_number": request["number"],
        "request_title": request["title"],
        "approvals": tuple(_approval(visit, approval) for approval in behind["approvals"]),
    }


def _approval(visit: Visit, document: dict[str, Any]) -> GivenApproval:
    person = UUID(document["approver_id"])
    return GivenApproval(
        role=document["role"],
        decision=document["decision"],
        person=visit.names.person(person),
        organisation=visit.names.organisation_of(person),
        digest=document["digest"] or "",
        at=datetime.fromisoformat(document["at"]),
    )
