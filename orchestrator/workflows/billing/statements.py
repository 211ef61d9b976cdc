"""A statement with the names that are printed on it: SKUs, systems, organisations and people."""

from collections.abc import Mapping
from uuid import UUID

from sqlmodel import Session

from orchestrator.billing import statement_queries as queries
from orchestrator.billing.models import SkuMovement, UsageStatement
from orchestrator.billing.rating import LineKind
from orchestrator.billing.statement_document import (
    DocumentLine,
    DocumentMovement,
    SkuName,
    StatementDocument,
)
from orchestrator.billing.statement_queries import ListedLine
from orchestrator.catalogue import queries as catalogue_queries
from orchestrator.catalogue.models import SkuBilling
from orchestrator.departments import queries as department_queries
from orchestrator.departments.permissions import Actor, require_visible
from orchestrator.systems import queries as system_queries

CENTRE = "XXH"
"""Issues statements, unless another organisation verified one (domain §2.15)."""


def read_statement(session: Session, actor: Actor, statement_id: UUID) -> UsageStatement:
    """Return one statement of an organisation that the actor sees.

    Raises:
        NotFound: it does not exist, or the actor does not see it.
    """
    return require_visible(actor, queries.get(session, statement_id))


def statement_document(session: Session, row: UsageStatement) -> StatementDocument:
    """Return the content of a statement for files and pages."""
    names = {
        sku.code: SkuName(sku.code, sku.name_zh, sku.name_en, sku.unit, sku.billing == SkuBilling.ONE_OFF)
        for sku in catalogue_queries.skus(session)
    }
    systems = {
        system.code: system.name_zh
        for system in system_queries.of_organisation(session, row.organisation_code)
    }
    organisations = {one.code: one.name_zh for one in department_queries.organisations(session)}
    persons = department_queries.people(
        session, [one for one in (row.verified_by_id, row.confirmed_by_id) if one is not None]
    )
    verifier = persons.get(row.verified_by_id) if row.verified_by_id else None
    confirmer = persons.get(row.confirmed_by_id) if row.confirmed_by_id else None
    return StatementDocument(
        number=row.number or "",
        organisation=row.organisation_code,
        organisation_name=organisations[row.organisation_code],
        issuer_name=organisations[verifier.organisation_code if verifier else CENTRE],
        month=row.month,
        revision=row.revision,
        status=row.status,
        issued_on=row.issued_on,
        answer_due=row.answer_due,
        confirmed_on=row.confirmed_on,
        confirmed_by=confirmer.name_zh if confirmer else "",
        verified_by=verifier.name_zh if verifier else "",
        digest=row.digest or "",
        total_fen=row.total_fen,
        lines=sorted(
            (_line(item, names, systems) for item in queries.lines(session, row.id)), key=_reading_order
        ),
        movements=[_movement(item, names) for item in queries.movements(session, row.id)],
    )


def _line(item: ListedLine, names: Mapping[str, SkuName], systems: Mapping[str, str]) -> DocumentLine:
    line, resource = item.line, item.resource
    return DocumentLine(
        position=line.position,
        kind=line.kind,
        month=line.month,
        resource=str(line.resource_id),
        address=resource.address,
        system=resource.system_code or "",
        system_name=systems.get(resource.system_code or "", ""),
        zone=resource.zone,
        sku=names[line.sku_code],
        quantity=line.quantity,
        state=line.billing_state,
        catalogue=line.catalogue_code,
        price_fen=line.price_fen,
        percent=line.percent,
        discount=line.discount,
        starts=line.starts,
        ends=line.ends,
        month_days=line.month_days,
        amount_fen=line.amount_fen,
        shares=list(zip(line.payers, line.shares_fen, strict=True)),
        run=str(line.run_id),
    )


def _reading_order(line: DocumentLine) -> tuple[object, ...]:
    """This month's lines, then corrections by month; each by system, resource, SKU and day."""
    of_month = (line.kind != LineKind.ORDINARY, line.month, line.system, line.address, line.resource)
    return (*of_month, line.sku.code, line.starts, line.kind)


def _movement(item: SkuMovement, names: Mapping[str, SkuName]) -> DocumentMovement:
    return DocumentMovement(names[item.sku_code], item.opening, item.increases, item.decreases, item.closing)
