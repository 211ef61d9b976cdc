"""Months in a row over random histories, prices and terms: every statement equals exact fractions."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Engine, text
from sqlmodel import Session

from orchestrator.billing import statement_queries as queries
from orchestrator.billing import store
from orchestrator.billing.errors import (
    EarlierMonthOpen,
    EarlierStatementUndecided,
    LaterMonthIssued,
    StatementStale,
)
from orchestrator.billing.intervals import EventKind, Origin, SkuUse
from orchestrator.billing.models import MeteredResource, StatementLine, UsageStatement
from orchestrator.billing.months import month_after, parse_month
from orchestrator.core import clock
from orchestrator.core.clock import CITY
from orchestrator.core.db import transaction
from orchestrator.policies.pack import PolicyPack
from orchestrator.workflows.billing import month_close
from orchestrator.workflows.billing.acts import CONFIRM, DISPUTE, ISSUE, LET_STAND, UPHOLD
from tests.db.billing import closes, hosts
from tests.db.billing.fraction_rater import Line
from tests.db.billing.month_oracle import (
    ANCHOR,
    DEPARTMENTS,
    ONCE,
    ONE_DAY,
    PRICE_CHANGE,
    SPEC,
    STANDBY,
    USED,
    Act,
    Book,
    Month,
    Report,
    Stated,
    Terms,
    years,
)

_SPLIT = text(
    "INSERT INTO price_catalogues SELECT (jsonb_populate_record(c, jsonb_build_object("
    "'code', 'CAT-RANDOM', 'valid_from', CAST(:day AS date)))).* FROM price_catalogues c"
    " WHERE code = 'CAT-2019-01'"
)
_COPY = text(
    'INSERT INTO sku_prices SELECT (jsonb_populate_record(p, \'{"catalogue_code": "CAT-RANDOM"}\')).*'
    " FROM sku_prices p WHERE catalogue_code = 'CAT-2019-01'"
)
_END = text("UPDATE price_catalogues SET valid_to = :day WHERE code = 'CAT-2019-01'")
_PRICE = text(
    "UPDATE sku_prices SET price_fen = :fen, suspended_percent = :suspended"
    " WHERE catalogue_code = :catalogue AND sku_code = :sku AND price_fen IS NOT NULL"
)
_PRICES = text(
    "SELECT p.sku_code AS sku, c.code AS catalogue, p.price_fen, p.percent, p.tiers, p.suspended_percent,"
    " c.valid_from AS starts, c.valid_to AS ends FROM sku_prices p"
    " JOIN price_catalogues c ON c.code = p.catalogue_code WHERE p.sku_code = ANY(:skus)"
)
_KINDS = text(
    "SELECT code AS sku, billing, quota_class AS counts, coalesce(arch, '') AS arch, payer FROM skus"
    " WHERE code = ANY(:skus)"
)
_ORDERED = text(
    "SELECT args ->> 'month' FROM queue.procrastinate_jobs WHERE task_name = 'billing.meter' ORDER BY id"
)
_DISCOUNT = text(
    "INSERT INTO billing_discounts (id, organisation_code, sku_code, percent, days)"
    " VALUES (gen_random_uuid(), :department, :sku, :percent, daterange(:starts, :ends))"
)
_PAYERS = text(
    "INSERT INTO billing_payer_splits (id, organisation_code, sku_code, payers, percents, days)"
    " VALUES (gen_random_uuid(), :department, :sku, :payers, :percents, daterange(:starts, :ends))"
)


class City:
    """The set-up of every example."""

    def __init__(
        self, engine: Engine, pack: PolicyPack, resources: Sequence[tuple[MeteredResource, UUID]]
    ) -> None:
        self.engine, self.pack, self.resources = engine, pack, resources


@dataclass
class Product:
    """The same months by the product, in one transaction that is rolled back."""

    session: Session
    city: City

    def report(self, book: Book, report: Report, kind: EventKind = EventKind.CORRECTED) -> None:
        resource, run = self.city.resources[report.resource]
        skus = report.skus
        if report.once is not None:
            kind, skus = EventKind.CHARGED, {ONCE: report.once}
        uses = None if skus is None else [_use(sku, quantity) for sku, quantity in skus.items()]
        happening = store.Happening(kind, book.on(report), report.state, uses, Origin(run, 1), "test")
        assert store.record_event(self.session, resource, happening)
        book.reported.append(report)

    def close(self, month: date, *, again: bool = False) -> None:
        """As a worker does it: later months whose metering was ordered are metered after this one."""
        month_close.open_statements(self.session, month, closes.ACTOR, again=again)
        done = self.session.execute(_ORDERED).scalars().all()
        month_close.meter_statements(self.session, month, closes.ACTOR)
        ordered = self.session.execute(_ORDERED).scalars().all()
        while len(done) < len(ordered):
            month_close.meter_statements(self.session, parse_month(ordered[len(done)]), closes.ACTOR)
            done = [*done, ordered[len(done)]]
            ordered = self.session.execute(_ORDERED).scalars().all()
        self.session.expire_all()

    def statement(self, department: str, month: date) -> UsageStatement:
        return queries.current(self.session, department, month)

    def lines(self, row: UsageStatement) -> list[StatementLine]:
        return [item.line for item in queries.lines(self.session, row.id)]

    def digest(self, department: str, month: date) -> str:
        return queries.digest(self.session, self.statement(department, month).id, None, None)

    def movement(self, row: UsageStatement) -> dict[str, tuple[Fraction, ...]]:
        found = {
            one.sku_code: tuple(
                Fraction(figure) for figure in (one.opening, one.increases, one.decreases, one.closing)
            )
            for one in queries.movements(self.session, row.id)
        }
        return {sku: figures for sku, figures in found.items() if any(figures)}

    def issue(self, row: UsageStatement) -> None:
        closes.act(self.session, "xxh.reviewer", ISSUE, row.id)

    def confirm(self, row: UsageStatement) -> None:
        closes.act(self.session, hosts.OFFICERS[row.organisation_code][0], CONFIRM, row.id)

    def decide(self, row: UsageStatement, *, upheld: bool) -> None:
        closes.act(self.session, "zhb.approver", UPHOLD if upheld else LET_STAND, row.id, "seen")

    def dispute(self, row: UsageStatement) -> None:
        closes.act(self.session, hosts.OFFICERS[row.organisation_code][0], DISPUTE, row.id, "It was less.")

    def set_terms(self, first: date, terms: Terms) -> dict[str, list[dict[str, Any]]]:
        """Write prices and terms; the same for the oracle."""
        day = min(first + terms.list_begins * ONE_DAY, PRICE_CHANGE - ONE_DAY)
        for statement in (_SPLIT, _COPY, _END):
            self.session.execute(statement, {"day": day} if statement is not _COPY else {})
        for (catalogue, sku), (fen, suspended) in terms.prices.items():
            given = {"catalogue": catalogue, "sku": sku, "fen": fen, "suspended": suspended}
            self.session.execute(_PRICE, given)
        found = {
            name: [dict(row) for row in self.session.execute(query, {"skus": list(USED)}).mappings()]
            for name, query in (("prices", _PRICES), ("skus", _KINDS))
        }
        return found | {"discounts": [self._discount(first, terms)], "splits": [self._split(first, terms)]}

    def _discount(self, first: date, terms: Terms) -> dict[str, Any]:
        department, sku, percent, starts, ends = terms.discount
        row = {"department": department, "sku": sku, "percent": percent, **_days(first, starts, ends)}
        self.session.execute(_DISCOUNT, row)
        return row

    def _split(self, first: date, terms: Terms) -> dict[str, Any]:
        department, sku, percent, starts, ends = terms.split
        shares = {"payers": ["central", "department"], "percents": [percent, 100 - percent]}
        row = {"department": department, "sku": sku, **shares, **_days(first, starts, ends)}
        self.session.execute(_PAYERS, row)
        return row


def _days(first: date, starts: int, ends: int) -> dict[str, date]:
    return {"starts": first + starts * ONE_DAY, "ends": first + ends * ONE_DAY}


def _use(sku: str, quantity: Decimal) -> SkuUse:
    return SkuUse(sku, quantity, SPEC if sku == STANDBY else None)


def line_of(line: StatementLine) -> Line:
    """A stored line as the oracle writes one; a counter-line with the sign of the line that it reverses."""
    sign = -1 if line.kind == "counter" else 1
    shares = tuple(sign * share for share in line.shares_fen)
    head = (str(line.resource_id), line.sku_code, Fraction(line.quantity), line.billing_state)
    return (*head, line.catalogue_code, line.starts, line.ends, sign * line.amount_fen, shares)


@pytest.fixture(scope="module")
def metered_city(shared_engine: Engine, pack: PolicyPack) -> City:
    """Three resources that things happen to, and one of each department to which nothing does."""
    made = []
    with transaction(shared_engine) as session:
        found = [hosts.in_trial(session, "one"), hosts.in_trial(session, "two", "MZJ")]
        owners = [("SLJ", found[0].instance, found[0].run), ("MZJ", found[1].instance, found[1].run)]
        third = hosts.in_trial(session, "three")
        owners += [("SLJ", third.instance, third.run)]
        owners += [("SLJ", found[0].volume, found[0].run), ("MZJ", found[1].volume, found[1].run)]
        for department, resource, run in owners:
            system = hosts.OFFICERS[department][1]
            row = MeteredResource(
                resource_id=resource,
                organisation_code=department,
                system_code=system,
                zone="extranet",
                address=str(resource),
            )
            store.meter(session, row)
            made.append((row, run))
    return City(shared_engine, pack, made)


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Session]:
    with engine.connect() as connection, connection.begin() as whole:
        mode: Any = "create_savepoint"
        with Session(connection, expire_on_commit=False, join_transaction_mode=mode) as session:
            yield session
        whole.rollback()


def check(product: Product, book: Book, department: str, month: date) -> None:
    """Compare the newest statement of a month with the oracle."""
    row, stated = product.statement(department, month), book.stated[department, month]
    lines = product.lines(row)
    assert row.status == stated.status
    if row.status == "open":
        return
    assert Counter(line_of(line) for line in lines if line.kind == "ordinary") == stated.ordinary
    for kind, expected in (("counter", stated.counters), ("right", stated.rights)):
        found = Counter((line.month, line_of(line)) for line in lines if line.kind == kind)
        assert found == Counter((each, line) for each, of_month in expected.items() for line in of_month)
    assert row.total_fen == sum(line.amount_fen for line in lines)
    assert row.line_count == len(lines)
    assert all(sum(line.shares_fen) == line.amount_fen for line in lines)
    assert product.movement(row) == stated.movement
    for opening, increases, decreases, closing in stated.movement.values():
        assert opening + increases - decreases == closing


def close(product: Product, book: Book, month: date, *, again: bool = False) -> None:
    """Close a month, or be refused because an earlier one is open; then everything is as the oracle says."""
    if book.close(month, again):
        product.close(month, again=again)
    else:
        with pytest.raises(EarlierMonthOpen):
            month_close.open_statements(product.session, month, closes.ACTOR, again=again)
    for department, each in book.stated:
        check(product, book, department, each)


def close_twice(product: Product, book: Book, month: date) -> None:
    """A month without new reports says the same when it is metered again."""
    before = [product.digest(department, month) for department in DEPARTMENTS]
    close(product, book, month, again=True)
    assert [product.digest(department, month) for department in DEPARTMENTS] == before


def act(product: Product, book: Book, act: Act, month: date) -> None:
    """Try an act; it must be refused where the oracle refuses it."""
    if act.reported is not None:
        product.report(book, act.reported)
    if act.kind in ("close", "again"):
        close(product, book, month, again=act.kind == "again")
        return
    if (act.department, month) not in book.stated:
        return
    row, stated = product.statement(act.department, month), book.stated[act.department, month]
    if act.kind == "issue" and stated.status == "metered":
        allowed = book.may_issue(act.department, month)
        with nullcontext() if allowed else pytest.raises((StatementStale, EarlierStatementUndecided)):
            product.issue(row)
        stated.status = "issued" if allowed else stated.status
    elif act.kind == "confirm" and stated.status == "issued":
        product.confirm(row)
        stated.status = "confirmed"
    elif act.kind == "uphold" and stated.status == "issued":
        uphold(product, book, row)


def uphold(product: Product, book: Book, row: UsageStatement) -> None:
    """A dispute is upheld, or cannot be because a later month is issued; then the statement stands."""
    department, month = row.organisation_code, row.month
    product.dispute(row)
    if book.may_uphold(department, month):
        product.decide(row, upheld=True)
        book.stated[department, month] = Stated()
        return
    with pytest.raises(LaterMonthIssued):
        product.decide(row, upheld=True)
    product.decide(row, upheld=False)


def expect_kept(product: Product) -> None:
    """Every issued statement still has its content."""
    for row in queries.issued(product.session):
        digest = queries.digest(product.session, row.id, row.number, row.issued_on)
        assert digest == row.digest, row.number


@pytest.mark.invariant(4, 5, 6, 7, 8)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(years())
def test_months_in_any_order_of_issuing_are_stated_to_the_fen_balance_and_stay_as_they_were_issued(
    metered_city: City, year: tuple[date, list[Month], Terms]
) -> None:
    first, happened, terms = year
    with rolled_back(metered_city.engine) as session:
        clock.set_to(session, datetime.combine(first, time(8), CITY))
        product = Product(session, metered_city)
        owners = [(row.organisation_code, str(row.resource_id)) for row, _ in metered_city.resources]
        book = Book(first, owners, product.set_terms(first, terms))
        for number in range(5):
            sizes = {ANCHOR: Decimal(10)} if number > 2 else {"ECS-X86-CPU": Decimal(8)}
            product.report(book, Report(number, 0, "active", sizes), EventKind.OPENED)
        month, months = first, list[date]()
        for this in happened:
            clock.set_to(session, datetime.combine(month_after(month), time(8), CITY))
            months.append(month)
            for report in this.reported:
                product.report(book, report)
            close(product, book, month)
            if this.again and book.of("SLJ").get(month):
                close_twice(product, book, month)
            for one in this.acts:
                act(product, book, one, months[one.month])
            expect_kept(product)
            month = month_after(month)
        for department, each in book.stated:
            check(product, book, department, each)
