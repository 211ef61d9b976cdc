"""Late reports: metered again before a month is issued, counter-lines once it was confirmed."""

from datetime import date

import pytest
from sqlalchemy import Engine, text

from orchestrator.billing.errors import LaterMonthIssued, StatementStale, UnpricedUsage
from orchestrator.billing.models import UsageStatement
from orchestrator.billing.months import parse_month
from orchestrator.core.db import transaction
from orchestrator.core.errors import NotFound
from orchestrator.workflows.billing import month_close
from orchestrator.workflows.billing.acts import DISPUTE, UPHOLD
from tests.db.billing import closes, hosts
from tests.db.billing.closes import AUGUST, JULY, JUNE

CPU, MEM, SSD, BACKUP = "ECS-X86-CPU", "ECS-X86-MEM", "EVS-SSD", "BAK-VM"
LATER_LIST = (
    "INSERT INTO price_catalogues SELECT (jsonb_populate_record(c, jsonb_build_object('code', 'CAT-2019-07',"
    " 'valid_from', '2019-07-01'))).* FROM price_catalogues c WHERE code = 'CAT-2019-01'"
)
LATER_PRICES = (
    'INSERT INTO sku_prices SELECT (jsonb_populate_record(p, \'{"catalogue_code": "CAT-2019-07"}\')).*'
    " FROM sku_prices p WHERE catalogue_code = 'CAT-2019-01'"
)


def test_what_happened_after_metering_must_be_metered_before_it_is_issued(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, JUNE)
    closes.correct(engine, host, date(2019, 6, 25), CPU=4, MEM=16)
    with pytest.raises(StatementStale):
        closes.issue(engine, JUNE)
    assert closes.close(engine, JUNE) == 1
    assert closes.issue(engine, JUNE).total_fen == 32480


def test_a_late_event_gives_the_next_open_month_counter_lines_for_what_changes_alone(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-05")
    closes.settle(engine, JUNE)
    closes.correct(engine, host, date(2019, 6, 25), CPU=4, MEM=32)
    hosts.on_day(engine, "2019-08-01")
    closes.settle(engine, JULY)
    assert [line for line in closes.lines(engine, JULY) if line[0] != "ordinary"] == [
        ("counter", CPU, 8, "2019-06-19", "2019-07-01", -13440),
        ("right", CPU, 8, "2019-06-19", "2019-06-25", 6720),
        ("right", CPU, 4, "2019-06-25", "2019-07-01", 3360),
    ]
    assert closes.statement(engine, JULY).total_fen == 84800 - 13440 + 6720 + 3360
    assert closes.movement(engine, JULY)[CPU] == (8, 0, 4, 4)
    assert closes.movement(engine, JULY)[MEM] == (32, 0, 0, 32)
    hosts.on_day(engine, "2019-09-01")
    closes.settle(engine, AUGUST)
    assert [line for line in closes.lines(engine, AUGUST) if line[0] != "ordinary"] == []


def meter_ordered(engine: Engine) -> list[str]:
    """Meter the months whose metering was ordered, as a worker would."""
    query = text(
        "SELECT args ->> 'month' FROM queue.procrastinate_jobs WHERE task_name = 'billing.meter' ORDER BY id"
    )
    with engine.connect() as connection:
        ordered = list(connection.execute(query).scalars())
    for month in ordered:
        with transaction(engine) as session:
            month_close.meter_statements(session, parse_month(month), closes.ACTOR)
    return ordered


def halved_in_july_and_closed_in_august(engine: Engine) -> None:
    """June is confirmed; that July was halved is known after July was metered and before August is."""
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.settle(engine, JUNE)
    hosts.on_day(engine, "2019-08-01")
    closes.close(engine, JULY)
    hosts.on_day(engine, "2019-08-10")
    closes.correct(engine, host, date(2019, 6, 25), CPU=6, MEM=32)
    closes.correct(engine, host, date(2019, 7, 16), CPU=4, MEM=32)


@pytest.mark.invariant(7)
def test_a_month_that_is_metered_again_has_the_later_ones_metered_after_it(engine: Engine) -> None:
    halved_in_july_and_closed_in_august(engine)
    hosts.on_day(engine, "2019-09-01")
    closes.close(engine, AUGUST)
    closes.close(engine, JULY)
    assert closes.statement(engine, AUGUST).status == "open"
    assert closes.lines(engine, AUGUST) == []
    assert meter_ordered(engine) == ["2019-08"]
    assert closes.movement(engine, JULY)[CPU] == (8, 0, 4, 4)
    assert closes.movement(engine, AUGUST)[CPU] == (4, 0, 0, 4)
    kinds = [[line[0] for line in closes.lines(engine, month)] for month in (JULY, AUGUST)]
    assert [[kind for kind in month if kind != "ordinary"] for month in kinds] == [
        ["counter", "right", "right"],
        [],
    ]


def uphold(engine: Engine, issued: UsageStatement) -> None:
    with transaction(engine) as session:
        closes.act(session, "slj.officer", DISPUTE, issued.id, "It was halved on the 16th.")
        closes.act(session, "zhb.approver", UPHOLD, issued.id, "The meter says so.")


def stated_of_june(engine: Engine) -> int:
    """Return the total of June over all valid statements, in fen."""
    amount = text(
        "SELECT sum(l.amount_fen) FROM statement_lines l JOIN usage_statements s ON s.id = l.statement_id"
        " WHERE l.month = '2019-06-01' AND s.status <> 'upheld'"
    )
    with engine.connect() as connection:
        return int(connection.execute(amount).scalar_one())


@pytest.mark.invariant(7)
def test_a_dispute_is_not_upheld_while_a_later_month_that_builds_on_it_is_issued(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-05")
    closes.settle(engine, JUNE)
    closes.correct(engine, host, date(2019, 6, 19), CPU=4, MEM=32)
    hosts.on_day(engine, "2019-08-01")
    closes.close(engine, JULY)
    july = closes.issue(engine, JULY)
    closes.correct(engine, host, date(2019, 6, 19), CPU=6, MEM=32)
    hosts.on_day(engine, "2019-09-01")
    closes.close(engine, AUGUST)
    august = closes.issue(engine, AUGUST)
    with pytest.raises(LaterMonthIssued, match="2019-08 is issued and is based on this statement"):
        uphold(engine, july)
    assert stated_of_june(engine) == 10080 + 27200
    uphold(engine, august)
    uphold(engine, july)
    closes.close(engine, JULY)
    assert meter_ordered(engine) == ["2019-08"]
    assert stated_of_june(engine) == 10080 + 27200
    kinds = {line[0] for line in closes.lines(engine, AUGUST)}
    assert kinds == {"ordinary"}


@pytest.mark.invariant(7)
def test_a_new_revision_has_the_later_months_metered_after_it(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.settle(engine, JUNE)
    hosts.on_day(engine, "2019-08-01")
    closes.close(engine, JULY)
    issued = closes.issue(engine, JULY)
    closes.correct(engine, host, date(2019, 7, 16), CPU=4, MEM=32)
    hosts.on_day(engine, "2019-09-01")
    closes.close(engine, AUGUST)
    uphold(engine, issued)
    closes.close(engine, JULY)
    assert meter_ordered(engine) == ["2019-08"]
    assert closes.movement(engine, JULY)[CPU] == (8, 0, 4, 4)
    assert closes.movement(engine, AUGUST)[CPU] == (4, 0, 0, 4)


@pytest.mark.invariant(8)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("valid_from = '2019-06-21', valid_to = '2019-07-01'", "ECS-X86-CPU has no price on 2019-06-19"),
        ("valid_to = '2019-06-26'", "ECS-X86-CPU has no price on 2019-06-26"),
    ],
)
def test_an_earlier_month_that_can_no_longer_be_priced_refuses_the_close_and_is_named(
    engine: Engine, change: str, words: str
) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-05")
    closes.settle(engine, JUNE)
    closes.correct(engine, host, date(2019, 6, 25), CPU=4, MEM=32)
    hosts.on_day(engine, "2019-08-01")
    with engine.begin() as connection:
        connection.execute(text(LATER_LIST))
        connection.execute(text(LATER_PRICES))
        connection.execute(text(f"UPDATE price_catalogues SET {change} WHERE code = 'CAT-2019-01'"))  # noqa: S608 - constants of this file
    with pytest.raises(UnpricedUsage, match=words):
        closes.close(engine, JULY)
    with pytest.raises(NotFound):
        closes.statement(engine, JULY)


def test_a_correction_is_itself_corrected_by_a_counter_line(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-05")
    closes.settle(engine, JUNE)
    closes.correct(engine, host, date(2019, 6, 19), CPU=4, MEM=32)
    hosts.on_day(engine, "2019-08-01")
    closes.settle(engine, JULY)
    closes.correct(engine, host, date(2019, 6, 19), CPU=8, MEM=32)
    hosts.on_day(engine, "2019-09-01")
    closes.settle(engine, AUGUST)
    corrections = [line for line in closes.lines(engine, AUGUST) if line[0] != "ordinary"]
    assert corrections == [
        ("counter", CPU, 4, "2019-06-19", "2019-07-01", -6720),
        ("right", CPU, 8, "2019-06-19", "2019-07-01", 13440),
        ("counter", CPU, 4, "2019-07-01", "2019-08-01", -16800),
        ("right", CPU, 8, "2019-07-01", "2019-08-01", 33600),
    ]
    months = (JUNE, JULY, AUGUST)
    assert sum(closes.statement(engine, month).total_fen for month in months) == 40640 + 2 * 101600


def test_a_counter_line_is_divided_among_the_payers_as_the_line_that_it_reverses(engine: Engine) -> None:
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
    closes.settle(engine, JUNE)
    closes.correct(engine, host, date(2019, 6, 19), CPU=7, MEM=32)
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
