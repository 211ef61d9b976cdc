"""The database's own walls around commitments, and the trial of a commit before an engine runs."""

from dataclasses import replace
from datetime import date
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from orchestrator.core.clock import now, today
from orchestrator.quotas import content_rows, queries, store
from orchestrator.quotas.arithmetic import Counter, Take
from orchestrator.quotas.commitments import Change, Commitment
from orchestrator.quotas.errors import MoreThanCommitted, StillInUse
from orchestrator.quotas.models import BudgetCommitment
from orchestrator.resource_requests import store as requests
from orchestrator.workflows.people.accounts import actor_named
from tests.db.billing import hosts
from tests.db.quotas import lines
from tests.factories import a_draft

ACTOR, DAY = "person:1", date(2019, 6, 19)
CPU = Commitment("instance/web", "ECS-X86-CPU", 8, "CAT-2019-01", 42_00, DAY, date(2020, 1, 1), 2_150_40)
QUOTA, VCPU = Counter.quota("production", "vcpu"), 8


class Bought(NamedTuple):
    """A workspace of the water bureau with a committed host, and the budget line that pays for it."""

    workspace: UUID
    line: UUID


@pytest.fixture
def bought(session: Session) -> Bought:
    workspace = hosts.in_trial(session).workspace
    line = lines.cloud_budget(session, "SLJ", today(session))
    assert line is not None
    change = Change(line.id, [CPU], (), {CPU.key: CPU.quantity})
    takes = [Take(Counter.budget(line.id), CPU.amount_fen), Take(QUOTA, VCPU)]
    request = held(session, *takes)
    store.commit(session, request, ACTOR, store.Booking(workspace, change, DAY))
    return Bought(workspace, line.id)


def held(session: Session, *takes: Take) -> UUID:
    """A request of the water bureau that holds these amounts."""
    person = actor_named(session, "slj.clerk").person_id
    request = requests.create(session, a_draft(), requests.Author(person, "SLJ", ACTOR)).id
    store.hold(session, request, "SLJ", takes, now(session))
    return request


def release(session: Session, bought: Bought, day: date) -> store.Booking:
    standing = queries.commitments(session, bought.workspace, day)
    return store.Booking(bought.workspace, Change(None, (), standing, {}), day)


def state(session: Session, bought: Bought) -> tuple[int, int, int]:
    """Committed money and vCPU, and the sum of the commitments that stand."""
    statement = text(
        "SELECT committed_fen, committed, (SELECT sum(amount_fen) FROM budget_commitments"
        " WHERE line_id = :line) FROM budget_lines, quota_limits WHERE id = :line"
        " AND quota_limits.organisation_code = 'SLJ' AND zone_class = 'production'"
        " AND resource_class = 'vcpu'"
    )
    return tuple(session.execute(statement, {"line": bought.line}).one())


@pytest.mark.invariant(9)
def test_a_release_takes_the_days_ahead_off_the_line_and_its_commitments(
    session: Session, bought: Bought
) -> None:
    assert state(session, bought) == (CPU.amount_fen, VCPU, CPU.amount_fen)
    request = held(session, Take(QUOTA, -VCPU))
    store.commit(session, request, ACTOR, release(session, bought, date(2019, 10, 1)))
    used = 134_40 + 3 * 336_00
    assert state(session, bought) == (used, 0, used)
    (row,) = session.exec(select(BudgetCommitment).execution_options(populate_existing=True)).all()
    assert (row.starts, row.ends, row.fiscal_year) == (DAY, date(2019, 10, 1), 2019)


@pytest.mark.invariant(9)
@pytest.mark.usefixtures("bought")
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("UPDATE budget_commitments SET amount_fen = amount_fen + 1", "only loses days"),
        ("UPDATE budget_commitments SET amount_fen = -1", "amounts_sensible"),
        ("UPDATE budget_commitments SET ends = ends + 1", "only loses days"),
        ("UPDATE budget_commitments SET line_id = gen_random_uuid()", "only loses days"),
        ("UPDATE budget_commitments SET quantity = quantity - 1", "only loses days"),
        ("DELETE FROM budget_commitments", "append-only"),
        ("UPDATE budget_lines SET committed_fen = committed_fen - 1", "less committed"),
        ("UPDATE budget_lines SET fiscal_year = 2020", "line_id_fiscal_year"),
        ("DELETE FROM budget_lines", "line_id_fiscal_year"),
    ],
)
def test_the_database_refuses_what_would_lose_sight_of_a_commitment(
    session: Session, broken: str, said: str
) -> None:
    where = " WHERE organisation_code = 'SLJ' AND committed_fen > 0" if "budget_lines" in broken else ""
    with pytest.raises(DBAPIError, match=said):
        session.execute(text(broken + where))


@pytest.mark.invariant(9)
@pytest.mark.parametrize(
    ("added", "said"),
    [
        (replace(CPU, starts=date(2020, 1, 1), ends=date(2020, 2, 1)), "days_of_its_fiscal_year"),
        (replace(CPU, ends=date(2020, 1, 2)), "days_of_its_fiscal_year"),
        (CPU, "less committed"),
    ],
)
def test_a_line_commits_only_days_of_its_year_and_only_what_it_has_counted(
    session: Session, bought: Bought, added: Commitment, said: str
) -> None:
    booking = store.Booking(bought.workspace, Change(bought.line, [added], (), {}), DAY)
    request = held(session)
    with pytest.raises(DBAPIError, match=said):
        store._add_commitments(session, request, booking)


@pytest.mark.invariant(1, 3)
@pytest.mark.parametrize(
    "broken",
    [
        "UPDATE quota_limits SET committed = 7 WHERE committed = 8",
        "DELETE FROM quota_limits WHERE committed = 8",
    ],
)
def test_a_commit_that_gives_back_too_much_is_refused_when_it_is_tried_and_nothing_is_written(
    session: Session, bought: Bought, broken: str
) -> None:
    request, booking = held(session, Take(QUOTA, -VCPU)), release(session, bought, date(2019, 10, 1))
    before = state(session, bought)
    store.require_bookable(session, request, booking)
    assert state(session, bought) == before
    session.execute(text(broken))
    with pytest.raises(MoreThanCommitted, match=str(QUOTA)):
        store.require_bookable(session, request, booking)
    left = session.execute(text("SELECT committed_fen FROM budget_lines WHERE id = :id"), {"id": bought.line})
    assert left.scalar_one() == CPU.amount_fen


@pytest.mark.parametrize(
    ("kind", "key"),
    [("budget_line", "SLJ/2019/gov_cloud_service/department"), ("quota", "SLJ/production/vcpu")],
)
def test_a_department_that_is_reorganised_keeps_the_lines_and_limits_that_still_have_something_committed(
    session: Session, bought: Bought, kind: str, key: str
) -> None:
    session.expire_all()
    with pytest.raises(StillInUse, match=key):
        content_rows.write(session, kind, key, None)
    assert state(session, bought)[1] == VCPU
