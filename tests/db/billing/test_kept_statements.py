"""An issued statement stays unchanged: by triggers, by digests, and by the audit."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from orchestrator.core import audit
from orchestrator.workflows.billing import month_close
from tests.db.billing import closes, hosts
from tests.db.billing.closes import JUNE

MORE_LINES = (
    "INSERT INTO statement_lines SELECT statement_id, position + 100, kind, month, resource_id, sku_code,"
    " quantity, billing_state, catalogue_code, price_fen, percent, vcpu, memory_gb, discount, starts,"
    " ends, month_days, amount_fen, payers, shares_fen, run_id FROM statement_lines"
)


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
def test_a_confirmed_month_cannot_be_edited_by_sql(engine: Engine, statement: str) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.settle(engine, JUNE)
    before = closes.stored(engine)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    assert closes.stored(engine) == before


@pytest.mark.parametrize(
    "statement",
    ["UPDATE statement_lines SET amount_fen = 1", "UPDATE usage_statements SET total_fen = 1, digest = 'x'"],
)
def test_who_switches_the_guards_off_and_edits_is_reported(engine: Engine, statement: str) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    closes.settle(engine, JUNE)
    with Session(engine) as session:
        assert month_close.altered_statements(session) == []
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))
    with Session(engine) as session:
        assert month_close.altered_statements(session) == ["ST-2019-06-SLJ"]


def test_every_transition_is_audited_with_its_figures(engine: Engine) -> None:
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-01")
    row = closes.settle(engine, JUNE)
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
