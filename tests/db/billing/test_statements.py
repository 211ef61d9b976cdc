"""A month becomes a statement that balances, adds up, and stays what it is once it was issued."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from orchestrator.billing.errors import (
    EarlierMonthOpen,
    EarlierStatementUndecided,
    MonthNotOver,
    OwnStatement,
    SamePersonInStatement,
    StatementStale,
    UnpricedUsage,
    UsageGap,
)
from orchestrator.billing.intervals import SkuUse
from orchestrator.core import audit
from orchestrator.core.db import transaction
from orchestrator.core.errors import BadInput, IllegalMove, NotFound, NotPermitted
from orchestrator.policies.pack import PolicyPack
from orchestrator.workflows import metering, settling
from tests.db.billing import closes, hosts
from tests.db.billing.closes import AUGUST, JULY, JUNE

MORE_LINES = (
    "INSERT INTO statement_lines SELECT statement_id, position + 100, kind, month, resource_id, sku_code,"
    " quantity, billing_state, catalogue_code, price_fen, percent, vcpu, memory_gb, discount, starts,"
    " ends, month_days, amount_fen, payers, shares_fen, run_id FROM statement_lines"
)
CPU, MEM, SSD, BACKUP = "ECS-X86-CPU", "ECS-X86-MEM", "EVS-SSD", "BAK-VM"


def correct(engine: Engine, host: hosts.Host, day: date, **sizes: int) -> None:
    """A late word of the centre about the instance."""
    uses = [SkuUse(f"ECS-X86-{name}", Decimal(quantity)) for name, quantity in sizes.items()]
    with transaction(engine) as session:
        correction = metering.UsageCorrection(day, "read from the meter", skus=uses)
        metering.correct_usage(session, hosts.actor(session, "xxh.reviewer"), host.instance, correction)


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
def test_activation_is_an_increase_and_the_next_month_opens_with_what_was_stated(
    engine: Engine, pack: PolicyPack
) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-10")
    hosts.resize(engine, host, 4, 16)
    closes.settle(engine, pack, JUNE)
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
        correction = metering.UsageCorrection(date(2019, 6, 30), "two days", skus=work, once=True)
        metering.correct_usage(session, hosts.actor(session, "xxh.reviewer"), host.instance, correction)
    closes.close(engine, JUNE)
    assert ("ordinary", "MIG-DAY", 2, "2019-06-30", "2019-07-01", 240000) in closes.lines(engine, JUNE)
    assert "MIG-DAY" not in closes.movement(engine, JUNE)


def test_a_department_that_gave_everything_back_is_stated_once_more_and_then_no_longer(
    engine: Engine, pack: PolicyPack
) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01", hour=10)
    hosts.release(engine, host)
    closes.settle(engine, pack, JUNE)
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
    assert closes.lines(engine, JUNE) == []


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


def test_what_happened_after_metering_must_be_metered_before_it_is_issued(
    engine: Engine, pack: PolicyPack
) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    correct(engine, host, date(2019, 6, 25), CPU=4, MEM=16)
    with pytest.raises(StatementStale):
        closes.issue(engine, pack, JUNE)
    assert closes.close(engine, JUNE) == 1
    assert closes.issue(engine, pack, JUNE).total_fen == 32480


def test_issuing_fixes_number_day_digest_and_the_day_of_the_answer(engine: Engine, pack: PolicyPack) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    found = closes.issue(engine, pack, JUNE)
    assert (found.number, found.status, found.issued_on) == ("ST-2019-06-SLJ", "issued", date(2019, 7, 1))
    assert found.answer_due == date(2019, 7, 8)
    assert len(found.digest or "") == 64


def test_a_month_is_not_issued_while_the_one_before_is_undecided(engine: Engine, pack: PolicyPack) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-08-01")
    closes.close(engine, JUNE)
    closes.close(engine, JULY)
    with pytest.raises(EarlierStatementUndecided, match="2019-06 is metered"):
        closes.issue(engine, pack, JULY)


def test_the_centre_issues_and_the_officer_of_the_department_confirms(
    engine: Engine, pack: PolicyPack
) -> None:
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
            settling.issue_statement(session, hosts.actor(session, username), row.id, pack)
    closes.issue(engine, pack, JUNE)
    for username, error in (
        ("slj.clerk", NotPermitted),
        ("xxh.reviewer", NotPermitted),
        ("xxh.officer", NotFound),
        ("csp1.applier", NotPermitted),
    ):
        with pytest.raises(error), transaction(engine) as session:
            settling.confirm_statement(session, hosts.actor(session, username), row.id)
    assert closes.confirm(engine, JUNE).status == "confirmed"


def test_nobody_confirms_what_they_verified_whatever_roles_they_hold(
    engine: Engine, pack: PolicyPack
) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    closes.issue(engine, pack, JUNE)
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
        settling.confirm_statement(session, hosts.actor(session, "xxh.reviewer"), row.id)
    reviewer = text(
        "UPDATE usage_statements SET confirmed_by_id ="
        " (SELECT id FROM persons WHERE username = 'xxh.reviewer')"
    )
    with pytest.raises(DBAPIError, match="confirmed_by_another_person"), engine.begin() as connection:
        connection.execute(reviewer)


def test_an_upheld_dispute_makes_a_new_revision_and_keeps_the_old_one(
    engine: Engine, pack: PolicyPack
) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-02")
    closes.close(engine, JUNE)
    first = closes.issue(engine, pack, JUNE)
    with transaction(engine) as session:
        officer = hosts.actor(session, "slj.officer")
        settling.dispute_statement(session, officer, first.id, "It was halved on the 25th.")
    correct(engine, host, date(2019, 6, 25), CPU=4, MEM=16)
    with pytest.raises(IllegalMove):
        closes.confirm(engine, JUNE)
    decision = settling.Decision(upheld=True, reason="The meter says so.")
    with pytest.raises(NotPermitted), transaction(engine) as session:
        settling.decide_dispute(session, hosts.actor(session, "xxh.approver"), first.id, decision, pack)
    with transaction(engine) as session:
        settling.decide_dispute(session, hosts.actor(session, "zhb.approver"), first.id, decision, pack)
    closes.close(engine, JUNE)
    second = closes.issue(engine, pack, JUNE)
    assert (second.number, second.revision, second.total_fen) == ("ST-2019-06-SLJ-2", 2, 32480)
    with Session(engine) as session:
        old = session.get_one(type(first), first.id)
        assert (old.status, old.number, old.total_fen) == ("upheld", "ST-2019-06-SLJ", 40640)
    assert closes.confirm(engine, JUNE).status == "confirmed"


def test_a_rejected_dispute_leaves_the_statement_as_it_was_issued(engine: Engine, pack: PolicyPack) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-02")
    closes.close(engine, JUNE)
    issued = closes.issue(engine, pack, JUNE)
    with transaction(engine) as session:
        settling.dispute_statement(session, hosts.actor(session, "csp1.applier"), issued.id, "Meter differs.")
    empty = settling.Decision(upheld=False, reason=" ")
    with pytest.raises(BadInput), transaction(engine) as session:
        settling.decide_dispute(session, hosts.actor(session, "zhb.approver"), issued.id, empty, pack)
    with transaction(engine) as session:
        decision = settling.Decision(upheld=False, reason="Within tolerance.")
        settling.decide_dispute(session, hosts.actor(session, "zhb.approver"), issued.id, decision, pack)
    again = closes.statement(engine, JUNE)
    assert (again.status, again.digest, again.number) == ("issued", issued.digest, issued.number)


def test_silence_escalates_and_never_confirms(engine: Engine, pack: PolicyPack) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    closes.issue(engine, pack, JUNE)
    hosts.on_day(engine, "2019-07-08")
    with transaction(engine) as session:
        assert settling.escalate_statements(session) == 0
    hosts.on_day(engine, "2019-07-09")
    with transaction(engine) as session:
        assert settling.escalate_statements(session) == 1
    assert closes.statement(engine, JUNE).status == "escalated"
    assert closes.confirm(engine, JUNE).status == "confirmed"


def test_the_centre_does_not_verify_its_own_statement(engine: Engine, pack: PolicyPack) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    row = closes.statement(engine, JUNE)
    with engine.begin() as connection:
        connection.execute(text("UPDATE usage_statements SET organisation_code = 'XXH'"))
    with pytest.raises((NotPermitted, OwnStatement)), transaction(engine) as session:
        settling.issue_statement(session, hosts.actor(session, "xxh.reviewer"), row.id, pack)
    with transaction(engine) as session:
        office = hosts.actor(session, "zhb.approver")
        assert settling.issue_statement(session, office, row.id, pack).status == "issued"


@pytest.mark.invariant(6)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE statement_lines SET amount_fen = amount_fen + 1",
        "DELETE FROM statement_lines",
        "TRUNCATE statement_lines",
        MORE_LINES,
        "UPDATE sku_movements SET closing = closing + 1, increases = increases + 1",
        "DELETE FROM sku_movements",
        "UPDATE usage_statements SET total_fen = 0",
        "UPDATE usage_statements SET number = 'ST-0'",
        "UPDATE usage_statements SET digest = 'x'",
        "UPDATE usage_statements SET status = 'open', number = NULL, event_seq = NULL",
        "UPDATE usage_statements SET status = 'issued'",
        "UPDATE usage_statements SET confirmed_on = '2019-01-01'",
        "DELETE FROM usage_statements",
        "TRUNCATE usage_statements CASCADE",
    ],
)
def test_a_confirmed_month_cannot_be_edited_by_sql(engine: Engine, pack: PolicyPack, statement: str) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.settle(engine, pack, JUNE)
    before = closes.stored(engine)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    assert closes.stored(engine) == before


@pytest.mark.parametrize(
    "statement",
    ["UPDATE statement_lines SET amount_fen = 1", "UPDATE usage_statements SET total_fen = 1, digest = 'x'"],
)
def test_who_switches_the_guards_off_and_edits_is_reported(
    engine: Engine, pack: PolicyPack, statement: str
) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.settle(engine, pack, JUNE)
    with Session(engine) as session:
        assert settling.altered_statements(session) == []
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))
    with Session(engine) as session:
        assert settling.altered_statements(session) == ["ST-2019-06-SLJ"]


def test_every_move_is_audited_with_its_figures(engine: Engine, pack: PolicyPack) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    row = closes.settle(engine, pack, JUNE)
    with Session(engine) as session:
        events = {event.action: event.body for event in audit.page(session, object_id=str(row.id))}
        assert audit.verify(session, []) == []
    assert set(events) == {
        "usage_statement:opened",
        "usage_statement:metered",
        "usage_statement:issued",
        "usage_statement:confirmed",
    }
    assert '"total_fen":40640' in events["usage_statement:issued"]


def test_a_late_event_gives_the_next_open_month_counter_lines_for_what_changes_alone(
    engine: Engine, pack: PolicyPack
) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-05")
    closes.settle(engine, pack, JUNE)
    correct(engine, host, date(2019, 6, 25), CPU=4, MEM=32)
    hosts.on_day(engine, "2019-08-01")
    closes.settle(engine, pack, JULY)
    assert [line for line in closes.lines(engine, JULY) if line[0] != "ordinary"] == [
        ("counter", CPU, 8, "2019-06-19", "2019-07-01", -13440),
        ("right", CPU, 8, "2019-06-19", "2019-06-25", 6720),
        ("right", CPU, 4, "2019-06-25", "2019-07-01", 3360),
    ]
    assert closes.statement(engine, JULY).total_fen == 84800 - 13440 + 6720 + 3360
    assert closes.movement(engine, JULY)[CPU] == (8, 0, 4, 4)
    assert closes.movement(engine, JULY)[MEM] == (32, 0, 0, 32)
    hosts.on_day(engine, "2019-09-01")
    closes.settle(engine, pack, AUGUST)
    assert [line for line in closes.lines(engine, AUGUST) if line[0] != "ordinary"] == []


def test_a_correction_is_itself_corrected_by_a_counter_line(engine: Engine, pack: PolicyPack) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-05")
    closes.settle(engine, pack, JUNE)
    correct(engine, host, date(2019, 6, 19), CPU=4, MEM=32)
    hosts.on_day(engine, "2019-08-01")
    closes.settle(engine, pack, JULY)
    correct(engine, host, date(2019, 6, 19), CPU=8, MEM=32)
    hosts.on_day(engine, "2019-09-01")
    closes.settle(engine, pack, AUGUST)
    corrections = [line for line in closes.lines(engine, AUGUST) if line[0] != "ordinary"]
    assert corrections == [
        ("counter", CPU, 4, "2019-06-19", "2019-07-01", -6720),
        ("right", CPU, 8, "2019-06-19", "2019-07-01", 13440),
        ("counter", CPU, 4, "2019-07-01", "2019-08-01", -16800),
        ("right", CPU, 8, "2019-07-01", "2019-08-01", 33600),
    ]
    months = (JUNE, JULY, AUGUST)
    assert sum(closes.statement(engine, month).total_fen for month in months) == 40640 + 2 * 101600


def test_a_counter_line_is_divided_among_the_payers_as_the_line_that_it_reverses(
    engine: Engine, pack: PolicyPack
) -> None:
    host = hosts.in_production(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO billing_payer_splits (id, organisation_code, sku_code, days, payers, percents)"
                " VALUES (gen_random_uuid(), 'SLJ', 'ECS-X86-CPU', '[2019-01-01,)',"
                " '{central,department}', '{33.33,66.67}')"
            )
        )
    hosts.on_day(engine, "2019-07-05")
    closes.settle(engine, pack, JUNE)
    correct(engine, host, date(2019, 6, 19), CPU=7, MEM=32)
    hosts.on_day(engine, "2019-08-01")
    closes.close(engine, JULY)
    with engine.connect() as connection:
        shares = text(
            "SELECT shares_fen FROM statement_lines WHERE sku_code = 'ECS-X86-CPU' AND amount_fen = :amount"
        )
        stated = connection.execute(shares, {"amount": 13440}).scalar_one()
        countered = connection.execute(shares, {"amount": -13440}).scalar_one()
    assert stated == [4480, 8960]
    assert countered == [-4480, -8960]
