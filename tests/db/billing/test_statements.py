"""A month becomes a statement that balances, adds up, and stays what it is once it was issued."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from orchestrator.billing import statement_store
from orchestrator.billing.errors import (
    EarlierMonthOpen,
    EarlierStatementUndecided,
    MonthNotOver,
    SamePersonInStatement,
    UnpricedUsage,
    UsageGap,
)
from orchestrator.billing.intervals import SkuUse
from orchestrator.core.db import transaction
from orchestrator.core.errors import BadInput, IllegalTransition, NotFound, NotPermitted
from orchestrator.workflows.billing import month_close, usage
from orchestrator.workflows.billing.acts import CONFIRM, DISPUTE, ISSUE, LET_STAND, UPHOLD
from tests.db.billing import closes, hosts
from tests.db.billing.closes import AUGUST, JULY, JUNE

CPU, MEM, SSD, BACKUP = "ECS-X86-CPU", "ECS-X86-MEM", "EVS-SSD", "BAK-VM"


def test_the_stated_case_is_billed_to_the_fen_from_the_opening_day_on(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    assert closes.close(engine, JUNE) == 1
    assert closes.lines(engine, JUNE) == [
        ("ordinary", BACKUP, 500, "2019-06-19", "2019-07-01", 4000),
        ("ordinary", CPU, 8, "2019-06-19", "2019-07-01", 13440),
        ("ordinary", MEM, 32, "2019-06-19", "2019-07-01", 19200),
        ("ordinary", SSD, 500, "2019-06-19", "2019-07-01", 4000),
    ]
    found = closes.statement(engine, JUNE)
    assert (found.status, found.total_fen, found.line_count, found.number) == ("metered", 40640, 4, None)


@pytest.mark.invariant(7)
def test_activation_is_an_increase_and_the_next_month_opens_with_what_was_stated(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-10")
    hosts.resize(engine, host, 4, 16)
    closes.settle(engine, JUNE)
    hosts.on_day(engine, "2019-08-05")
    closes.close(engine, JULY)
    assert closes.movement(engine, JUNE)[CPU] == (0, 8, 0, 8)
    assert closes.movement(engine, JULY) == {
        BACKUP: (500, 0, 0, 500),
        CPU: (8, 0, 4, 4),
        MEM: (32, 0, 16, 16),
        SSD: (500, 0, 0, 500),
    }


def test_what_is_paid_once_moves_no_quantity(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    with transaction(engine) as session:
        work = [SkuUse("MIG-DAY", Decimal(2))]
        correction = usage.UsageCorrection(date(2019, 6, 30), "two days", skus=work, once=True)
        usage.correct_usage(session, hosts.actor(session, "xxh.reviewer"), host.instance, correction)
    closes.close(engine, JUNE)
    assert ("ordinary", "MIG-DAY", 2, "2019-06-30", "2019-07-01", 240000) in closes.lines(engine, JUNE)
    assert "MIG-DAY" not in closes.movement(engine, JUNE)


def test_a_department_that_gave_everything_back_is_stated_once_more_and_then_no_longer(
    engine: Engine,
) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01", hour=10)
    hosts.release(engine, host)
    closes.settle(engine, JUNE)
    hosts.on_day(engine, "2019-09-02")
    assert closes.close(engine, JULY) == 1
    assert closes.lines(engine, JULY) == []
    assert closes.movement(engine, JULY)[CPU] == (8, 0, 8, 0)
    assert closes.close(engine, AUGUST) == 0


@pytest.mark.invariant(6)
def test_closing_again_changes_nothing_and_metering_again_gives_the_same(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.in_production(engine, department="MZJ")
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    before = closes.stored(engine)
    assert closes.close(engine, JUNE) == 0
    assert closes.stored(engine) == before
    assert closes.close(engine, JUNE, again=True) == 2
    assert closes.stored(engine) == before


@pytest.mark.parametrize("at_once", [1, 4, 7])
def test_departments_metered_in_groups_are_billed_what_all_together_are(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    for key, department in (("web", "SLJ"), ("gate", "MZJ")):
        hosts.in_production(engine, key, department)
    hosts.on_day(engine, "2019-07-01")
    assert closes.close(engine, JUNE) == 2
    together = said(engine)
    monkeypatch.setattr(statement_store, "AT_ONCE", at_once)
    assert closes.close(engine, JUNE, again=True) == 2
    assert said(engine) == together


def said(engine: Engine) -> list[tuple[object, ...]]:
    """Lines and movement of both departments in June; each of the four intervals has a line."""
    found = [
        (closes.lines(engine, JUNE, code), closes.movement(engine, JUNE, code)) for code in hosts.OFFICERS
    ]
    assert [len(lines) for lines, _ in found] == [4, 4]
    return list(found)


def test_a_month_is_closed_when_it_is_over_and_after_those_before(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-06-30", hour=23)
    with pytest.raises(MonthNotOver):
        closes.close(engine, JUNE)
    hosts.on_day(engine, "2019-08-01", hour=0)
    with pytest.raises(EarlierMonthOpen, match="2019-06 of SLJ"):
        closes.close(engine, JULY)


@pytest.mark.invariant(8)
def test_a_day_without_a_price_refuses_the_close_and_names_sku_and_day(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE price_catalogues SET valid_from = '2019-06-21' WHERE valid_to > '2020-01-01'")
        )
    with pytest.raises(UnpricedUsage, match="BAK-VM has no price on 2019-06-19"):
        closes.close(engine, JUNE)
    with pytest.raises(NotFound):
        closes.lines(engine, JUNE)


@pytest.mark.invariant(4)
def test_usage_that_no_event_tells_refuses_the_close(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE usage_intervals SET days = '[2019-06-20,)' WHERE sku_code = 'EVS-SSD'")
        )
    with pytest.raises(UsageGap, match=r"EVS-SSD of resource .* on 2019-06-19"):
        closes.close(engine, JUNE)


def test_issuing_fixes_number_day_digest_and_the_day_of_the_answer(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    found = closes.issue(engine, JUNE)
    assert (found.number, found.status, found.issued_on) == ("ST-2019-06-SLJ", "issued", date(2019, 7, 1))
    assert found.answer_due == date(2019, 7, 8)
    assert len(found.digest or "") == 64


def test_a_month_is_not_issued_while_the_one_before_is_undecided(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-08-01")
    closes.close(engine, JUNE)
    closes.close(engine, JULY)
    with pytest.raises(EarlierStatementUndecided, match="2019-06 is metered"):
        closes.issue(engine, JULY)


def test_the_centre_issues_and_the_officer_of_the_department_confirms(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    row = closes.statement(engine, JUNE)
    for username, error in (
        ("slj.officer", NotPermitted),
        ("xxh.approver", NotPermitted),
        ("csp1.applier", NotPermitted),
        ("mzj.officer", NotFound),
    ):
        with pytest.raises(error), transaction(engine) as session:
            closes.act(session, username, ISSUE, row.id)
    closes.issue(engine, JUNE)
    for username, error in (
        ("slj.clerk", NotPermitted),
        ("xxh.reviewer", NotPermitted),
        ("xxh.officer", NotFound),
        ("csp1.applier", NotPermitted),
    ):
        with pytest.raises(error), transaction(engine) as session:
            closes.act(session, username, CONFIRM, row.id)
    assert closes.confirm(engine, JUNE).status == "confirmed"


def test_nobody_confirms_what_they_verified_whatever_roles_they_hold(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    closes.issue(engine, JUNE)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE persons SET organisation_code = 'SLJ' WHERE username = 'xxh.reviewer'")
        )
        connection.execute(
            text(
                "INSERT INTO role_grants (id, person_id, role, valid_from) SELECT gen_random_uuid(), id,"
                " 'information_officer', '2019-01-01' FROM persons WHERE username = 'xxh.reviewer'"
            )
        )
    row = closes.statement(engine, JUNE)
    with pytest.raises(SamePersonInStatement), transaction(engine) as session:
        closes.act(session, "xxh.reviewer", CONFIRM, row.id)
    reviewer = text(
        "UPDATE usage_statements SET confirmed_by_id ="
        " (SELECT id FROM persons WHERE username = 'xxh.reviewer')"
    )
    with pytest.raises(DBAPIError, match="confirmed_by_another_person"), engine.begin() as connection:
        connection.execute(reviewer)


def test_an_upheld_dispute_makes_a_new_revision_and_keeps_the_old_one(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-02")
    closes.close(engine, JUNE)
    first = closes.issue(engine, JUNE)
    with transaction(engine) as session:
        closes.act(session, "slj.officer", DISPUTE, first.id, "It was halved on the 25th.")
    closes.correct(engine, host, date(2019, 6, 25), CPU=4, MEM=16)
    with pytest.raises(IllegalTransition):
        closes.confirm(engine, JUNE)
    with pytest.raises(NotPermitted), transaction(engine) as session:
        closes.act(session, "xxh.approver", UPHOLD, first.id, "The meter says so.")
    with transaction(engine) as session:
        closes.act(session, "zhb.approver", UPHOLD, first.id, "The meter says so.")
    closes.close(engine, JUNE)
    second = closes.issue(engine, JUNE)
    assert (second.number, second.revision, second.total_fen) == ("ST-2019-06-SLJ-2", 2, 32480)
    with Session(engine) as session:
        old = session.get_one(type(first), first.id)
        assert (old.status, old.number, old.total_fen) == ("upheld", "ST-2019-06-SLJ", 40640)
    assert closes.confirm(engine, JUNE).status == "confirmed"


def test_a_rejected_dispute_leaves_the_statement_as_it_was_issued(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-02")
    closes.close(engine, JUNE)
    issued = closes.issue(engine, JUNE)
    with transaction(engine) as session:
        closes.act(session, "csp1.applier", DISPUTE, issued.id, "Meter differs.")
    with pytest.raises(BadInput), transaction(engine) as session:
        closes.act(session, "zhb.approver", LET_STAND, issued.id, " ")
    with transaction(engine) as session:
        closes.act(session, "zhb.approver", LET_STAND, issued.id, "Within tolerance.")
    again = closes.statement(engine, JUNE)
    assert (again.status, again.digest, again.number) == ("issued", issued.digest, issued.number)


def test_silence_escalates_and_never_confirms(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    closes.issue(engine, JUNE)
    hosts.on_day(engine, "2019-07-08")
    with transaction(engine) as session:
        assert month_close.escalate_statements(session) == 0
    hosts.on_day(engine, "2019-07-09")
    with transaction(engine) as session:
        assert month_close.escalate_statements(session) == 1
    assert closes.statement(engine, JUNE).status == "escalated"
    assert closes.confirm(engine, JUNE).status == "confirmed"


def test_the_centre_does_not_verify_its_own_statement(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    row = closes.statement(engine, JUNE)
    with engine.begin() as connection:
        connection.execute(text("UPDATE usage_statements SET organisation_code = 'XXH'"))
    with pytest.raises(NotPermitted), transaction(engine) as session:
        closes.act(session, "xxh.reviewer", ISSUE, row.id)
    with transaction(engine) as session:
        assert closes.act(session, "zhb.approver", ISSUE, row.id).status == "issued"
