"""Statements sent with the commit: kept whole or not at all, and as they were typed."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from orchestrator.core import audit
from orchestrator.core.db import REFUSED, transaction, write_with_commit
from orchestrator.core.errors import BadInput, BusinessError, NotFound, VersionConflict
from orchestrator.core.events import Event
from orchestrator.core.idempotency import IdempotencyKey
from orchestrator.resource_requests import store as requests
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.workflows.people.accounts import actor_named
from orchestrator.workflows.requests.standing_queries import lock_standing
from tests.factories import a_draft

HOSTILE = """'; DROP TABLE audit_events; -- \\' "quoted" %s %(events)s $1 {x} 水利局\n\\x00"""
DISCOUNT = (
    "INSERT INTO billing_discounts (id, organisation_code, sku_code, percent, days)"
    " VALUES (gen_random_uuid(), 'SLJ', 'EVS-SSD', 5, '[2019-01-01,)')"
)
SPLIT = (
    "INSERT INTO billing_payer_splits (id, organisation_code, sku_code, days, payers, percents)"
    " VALUES (gen_random_uuid(), 'SLJ', 'EVS-SSD', '[2019-01-01,)', ARRAY['a'], ARRAY[100])"
)
TERMS = text("SELECT token FROM price_terms")


def kept(engine: Engine) -> tuple[int, int]:
    """How many events there are, and how many rows of the clock."""
    counts = "SELECT (SELECT count(*) FROM audit_events), (SELECT count(*) FROM clock_shift)"
    with engine.connect() as connection:
        events, clocks = connection.execute(text(counts)).one()
        return events, clocks


def refusing(message: str) -> BusinessError:
    return BadInput(message, field="quota")


def in_one_transaction(engine: Engine, *last: str) -> None:
    """Write something, note it in the audit, and let the transaction end with these statements."""
    with transaction(engine) as session:
        session.execute(text("DELETE FROM clock_shift"))
        audit.record(session, Event("test:done", ("test", 1), actor="person:1"))
        for statement in last:
            write_with_commit(session, statement, {}, refusing)


def test_a_refusal_of_the_last_statement_keeps_nothing_of_the_transaction(engine: Engine) -> None:
    before = kept(engine)
    refuse = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{REFUSED}', MESSAGE = 'pool:X:vcpu'; END $$"
    with pytest.raises(BadInput, match="pool:X:vcpu"):
        in_one_transaction(engine, refuse)
    assert kept(engine) == before


def test_any_other_error_of_the_last_statement_keeps_nothing_and_is_an_error_of_the_database(
    engine: Engine,
) -> None:
    before = kept(engine)
    with pytest.raises(DBAPIError):
        in_one_transaction(engine, "SELECT 1 / 0")
    assert kept(engine) == before
    with transaction(engine) as session:  # The connection of the failed transaction serves the next one.
        audit.record(session, Event("test:done", ("test", 2), actor="person:1"))
    assert kept(engine) == (before[0] + 1, before[1])


def test_a_transaction_ends_with_one_statement(engine: Engine) -> None:
    with pytest.raises(RuntimeError):
        in_one_transaction(engine, "SELECT 1", "SELECT 2")


def test_text_that_goes_with_the_commit_arrives_as_it_was_typed(engine: Engine) -> None:
    insert = (
        "INSERT INTO idempotency_keys (person_id, key, call, request_hash, answer, created_at)"
        " SELECT id, %(typed)s, 'test', '', '{}', now() FROM persons LIMIT 1"
    )
    with transaction(engine) as session:
        audit.record(session, Event("test:done", ("test", 1), actor="person:1", data={"reason": HOSTILE}))
        write_with_commit(session, insert, {"typed": HOSTILE}, refusing)
    with transaction(engine) as session:
        assert session.exec(select(IdempotencyKey.key).where(IdempotencyKey.key == HOSTILE)).one() == HOSTILE
        event = audit.page(session, limit=1)[0]
        assert audit.canonical({"reason": HOSTILE}) in event.body
        assert audit.verify(session, []) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sku_prices SET price_fen = price_fen + 1 WHERE sku_code = 'EVS-SSD'",
        "UPDATE price_catalogues SET valid_to = valid_to + 1",
        "UPDATE skus SET payer = 'central' WHERE code = 'EVS-SSD'",
        DISCOUNT,
        SPLIT,
    ],
)
def test_the_token_of_the_prices_changes_with_each_price_and_term(session: Session, change: str) -> None:
    before = session.execute(TERMS).scalar_one()
    assert session.execute(TERMS).scalar_one() == before
    session.execute(text(change))
    assert session.execute(TERMS).scalar_one() != before


def test_a_request_is_locked_as_the_database_has_it_whatever_the_session_remembers(session: Session) -> None:
    clerk = actor_named(session, "slj.clerk")
    person = clerk.person_id
    stored = requests.create(session, a_draft(), requests.Author(person, "SLJ", clerk.audit_name))
    session.execute(text("UPDATE resource_requests SET version = 7, title = '改'"))
    found, standing = lock_standing(session, stored.id)
    assert found is session.get(ResourceRequest, stored.id)
    assert (found.version, found.title, found.requester_id) == (7, "改", person)
    assert found.created_at == stored.created_at.astimezone(UTC)
    assert isinstance(found.created_at, datetime)
    assert session.is_modified(found) is False
    assert standing.organisation_kind == "city_dept"
    with pytest.raises(VersionConflict):
        lock_standing(session, stored.id, 6)
    with pytest.raises(NotFound):
        lock_standing(session, uuid4())
