"""Whom a statement waits for, and what its page offers to whom, with the reason where it is refused."""

from datetime import date

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from orchestrator.billing.errors import SamePersonInStatement
from orchestrator.billing.models import UsageStatement
from orchestrator.core.db import transaction
from orchestrator.core.errors import NotPermitted
from orchestrator.workflows import to_do_queries as to_do
from orchestrator.workflows.act import Call
from orchestrator.workflows.billing.acts import DISPUTE, LET_STAND
from orchestrator.workflows.nouns import STATEMENTS
from orchestrator.workflows.perform import offers
from tests.db.billing import closes, hosts
from tests.db.billing.closes import JULY, JUNE

REVIEWER, OFFICER, OFFICE, PROVIDER = "xxh.reviewer", "slj.officer", "zhb.approver", "csp1.applier"
GIVE_ROLE = text(
    "INSERT INTO role_grants (id, person_id, role, valid_from)"
    " SELECT gen_random_uuid(), id, :role, '2019-01-01' FROM persons WHERE username = :username"
)


@pytest.fixture
def june(engine: Engine) -> UsageStatement:
    """The statement of the water bureau, metered; it is August, and July is metered too."""
    hosts.in_production(engine)
    hosts.on_day(engine, "2019-08-01")
    closes.close(engine, JUNE)
    closes.close(engine, JULY)
    return closes.statement(engine, JUNE)


def waiting(engine: Engine) -> dict[str, list[str]]:
    """The acts on statements that wait for each person; the count agrees with the list."""
    acts = {}
    with Session(engine) as session:
        for username in (REVIEWER, OFFICER, OFFICE, PROVIDER, "slj.clerk", "mzj.officer"):
            queue = to_do.Queue(hosts.actor(session, username), hosts.PACK, [STATEMENTS])
            items = to_do.page(session, queue)
            assert to_do.count(session, queue) == len(items)
            acts[username] = [item.act.name for item in items]
    return {username: names for username, names in acts.items() if names}


def offered(engine: Engine, username: str, month: date = JUNE) -> dict[str, str]:
    """The acts that a page offers to this person; with the refusal where it is blocked."""
    with Session(engine) as session:
        call = Call(session, hosts.actor(session, username), hosts.PACK)
        statement = closes.statement(engine, month)
        return {
            offer.act.name: offer.blocked.detail if offer.blocked else ""
            for offer in offers(STATEMENTS, call, statement)
        }


def test_a_statement_waits_for_one_person_after_the_other(engine: Engine, june: UsageStatement) -> None:
    assert waiting(engine) == {REVIEWER: ["issue"]}, "July waits for June"
    closes.issue(engine, JUNE)
    assert waiting(engine) == {REVIEWER: ["issue"], OFFICER: ["confirm"]}
    with transaction(engine) as session:
        closes.act(session, PROVIDER, DISPUTE, june.id, "It was less.")
    assert waiting(engine) == {OFFICE: ["let-stand"]}
    with transaction(engine) as session:
        closes.act(session, OFFICE, LET_STAND, june.id, "It was not.")
    closes.confirm(engine, JUNE)
    assert waiting(engine) == {REVIEWER: ["issue"]}


@pytest.mark.usefixtures("june")
def test_the_page_says_why_a_month_is_not_issued_yet(engine: Engine) -> None:
    assert offered(engine, REVIEWER, JUNE) == {"issue": ""}
    assert offered(engine, REVIEWER, JULY) == {"issue": "The statement for 2019-06 is metered."}
    assert offered(engine, OFFICER, JUNE) == {}


def test_the_page_says_why_a_dispute_is_not_upheld(engine: Engine, june: UsageStatement) -> None:
    closes.issue(engine, JUNE)
    assert offered(engine, OFFICER) == {"confirm": "", "dispute": ""}
    assert offered(engine, PROVIDER) == {"dispute": ""}
    closes.issue(engine, JULY)
    with transaction(engine) as session:
        closes.act(session, OFFICER, DISPUTE, june.id, "It was less.")
    shown = offered(engine, OFFICE)
    assert shown["let-stand"] == ""
    assert shown["uphold"].startswith("2019-07 is issued and is based on this statement.")


def test_a_department_does_not_dispute_the_statement_of_another_that_its_officer_sees(
    engine: Engine, june: UsageStatement
) -> None:
    closes.issue(engine, JUNE)
    with engine.begin() as connection:
        connection.execute(GIVE_ROLE, {"role": "auditor", "username": "mzj.officer"})
    assert offered(engine, "mzj.officer") == {}
    with pytest.raises(NotPermitted, match="Only the department"), transaction(engine) as session:
        closes.act(session, "mzj.officer", DISPUTE, june.id, "It was less.")


def test_a_person_who_decided_a_dispute_does_not_dispute_again(engine: Engine, june: UsageStatement) -> None:
    closes.issue(engine, JUNE)
    with engine.begin() as connection:
        connection.execute(GIVE_ROLE, {"role": "applier", "username": OFFICE})
    with transaction(engine) as session:
        closes.act(session, OFFICER, DISPUTE, june.id, "It was less.")
        closes.act(session, OFFICE, LET_STAND, june.id, "It was not.")
    with pytest.raises(SamePersonInStatement), transaction(engine) as session:
        closes.act(session, OFFICE, DISPUTE, june.id, "It was less.")
