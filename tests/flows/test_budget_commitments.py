"""Effects of releases and changes on budget lines after a new fiscal year or a new price."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import select

from orchestrator.client.models import RequestDetail
from orchestrator.core import clock
from orchestrator.core.clock import CITY
from orchestrator.core.db import transaction
from orchestrator.quotas.models import BudgetLine
from tests import acts
from tests.factories import make_draft, make_line
from tests.office import Office

Document = dict[str, Any]
DAY_TO_YEAR_END = 406_40 + 6 * 1_016_00
"""The host of `make_line` from 19 June 2019 to the end of the year, in fen."""
OLD_PRICES_END = "UPDATE price_catalogues SET valid_to = CAST(:since AS date) WHERE valid_to = '2021-01-01'"
NEW_LIST = """
INSERT INTO price_catalogues (code, name_zh, name_en, valid_from, valid_to)
VALUES (:code, :code, :code, CAST(:since AS date), '2021-01-01')
"""
NEW_PRICES = """
INSERT INTO sku_prices (catalogue_code, sku_code, price_fen)
SELECT :code, sku_code, price_fen * :percent / 100 FROM sku_prices
WHERE catalogue_code = 'CAT-2019-01' AND price_fen IS NOT NULL
"""


def on_day(office: Office, day: str) -> None:
    """Nine o'clock of this day."""
    with transaction(office.engine) as session:
        clock.set_to(session, datetime.combine(date.fromisoformat(day), time(9), CITY))


def open_budget(office: Office, year: int, yuan: int = 100_000) -> None:
    """Finance approves the water bureau's line of another year."""
    with transaction(office.engine) as session:
        session.add(
            BudgetLine(
                organisation_code="SLJ",
                fiscal_year=year,
                purpose="gov_cloud_service",
                payer="department",
                appropriated_fen=yuan * 100,
            )
        )


def budgets(office: Office) -> dict[int, tuple[int, int]]:
    """Held and committed of the water bureau's own lines, by fiscal year."""
    with transaction(office.engine) as session:
        lines = session.exec(select(BudgetLine).where(BudgetLine.organisation_code == "SLJ")).all()
        return {line.fiscal_year: (line.held_fen, line.committed_fen) for line in lines}


def raise_prices(office: Office, since: str, percent: int) -> None:
    """A new price list from this day on, in percent of the first one."""
    values = {"code": f"CAT-{since}", "since": since, "percent": percent}
    with transaction(office.engine) as session:
        for statement in (OLD_PRICES_END, NEW_LIST, NEW_PRICES):
            session.execute(text(statement), values)


def in_production(office: Office, *lines: Document) -> tuple[RequestDetail, UUID]:
    """A request whose resources are billed, and its workspace."""
    request = office.provisioned(make_draft(*lines))
    office.callers("slj.officer").activate_request(request.id)
    return request, office.workspace(request)


def change_of(workspace: UUID, *lines: Document) -> Document:
    return make_draft(*lines, kind="change", workspace=str(workspace))


def release_of(workspace: UUID) -> Document:
    return make_draft(kind="release", workspace=str(workspace)) | {"lines": []}


def statuses(office: Office, request: RequestDetail) -> set[str]:
    return {item.status for item in office.resources(request).values()}


NOTHING = {"vcpu": (0, 0), "memory_gb": (0, 0), "block_gb": (0, 0)}


@pytest.mark.invariant(9)
def test_a_release_in_january_gives_nothing_back_to_either_year(office: Office) -> None:
    on_day(office, "2019-11-20")
    request, workspace = in_production(office)
    spent = budgets(office)[2019]
    open_budget(office, 2020)
    on_day(office, "2020-01-10")
    release = office.provisioned(release_of(workspace))
    assert (release.status, release.year_fen) == ("fulfilled", 0)
    assert statuses(office, request) == {"released"}
    assert budgets(office) == {2019: spent, 2020: (0, 0)}
    assert office.quota() == NOTHING


@pytest.mark.invariant(9)
def test_what_grew_and_shrank_in_january_is_given_back_to_its_own_year(office: Office) -> None:
    on_day(office, "2019-11-20")
    _, workspace = in_production(office)
    spent = budgets(office)[2019]
    open_budget(office, 2020)
    on_day(office, "2020-01-01")
    office.provisioned(change_of(workspace, make_line(vcpu=10)))
    two_cpus_of_2020 = 12 * 2 * 42_00
    assert budgets(office) == {2019: spent, 2020: (0, two_cpus_of_2020)}
    on_day(office, "2020-02-01")
    office.provisioned(change_of(workspace, make_line(vcpu=1)))
    assert budgets(office) == {2019: spent, 2020: (0, 2 * 42_00 + 11 * 42_00)}
    on_day(office, "2020-03-01")
    office.provisioned(release_of(workspace))
    assert budgets(office) == {2019: spent, 2020: (0, 2 * 42_00 + 42_00)}
    assert office.quota() == NOTHING


@pytest.mark.invariant(9)
def test_a_release_after_two_price_rises_gives_back_the_days_ahead_at_the_price_of_the_commitment(
    office: Office,
) -> None:
    _, workspace = in_production(office)
    assert budgets(office)[2019] == (0, DAY_TO_YEAR_END)
    raise_prices(office, "2019-09-01", 150)
    raise_prices(office, "2019-11-01", 300)
    on_day(office, "2019-11-10")
    release = office.provisioned(release_of(workspace))
    used = 406_40 + 4 * 1_016_00 + 304_80
    assert budgets(office)[2019] == (0, used)
    assert release.year_fen == used - DAY_TO_YEAR_END


@pytest.mark.invariant(9)
def test_a_release_after_a_shrink_leaves_the_days_that_were_used(office: Office) -> None:
    _, workspace = in_production(office)
    raise_prices(office, "2019-07-01", 400)
    on_day(office, "2019-07-01")
    office.provisioned(change_of(workspace, make_line(vcpu=4, memory_gb=16)))
    assert budgets(office)[2019] == (0, 406_40 + 6 * 608_00)
    on_day(office, "2019-08-01")
    release = acts.approve(office.callers, release_of(workspace))
    on_day(office, "2019-09-01")  # It runs on until the release is applied.
    assert office.applied(office.approved(office.planned(release))).status == "applied"
    assert budgets(office)[2019] == (0, 406_40 + 2 * 608_00)
    amounts = acts.hold_of(office.request(release)).amounts
    assert [fen for name, fen in amounts.items() if name.startswith("budget:")] == [-4 * 608_00]


@pytest.mark.invariant(9)
def test_a_department_whose_budget_moved_to_another_line_gives_back_to_the_line_that_committed(
    office: Office,
) -> None:
    _, workspace = in_production(office)
    with transaction(office.engine) as session:
        session.execute(text("UPDATE budget_lines SET payer = 'central' WHERE organisation_code = 'SLJ'"))
    open_budget(office, 2019)
    office.provisioned(release_of(workspace))
    with transaction(office.engine) as session:
        lines = session.exec(select(BudgetLine).where(BudgetLine.organisation_code == "SLJ")).all()
        assert {(line.payer, line.held_fen, line.committed_fen) for line in lines} == {
            ("central", 0, 0),
            ("department", 0, 0),
        }


@pytest.mark.invariant(9)
def test_what_was_held_for_last_year_is_held_for_this_year_before_it_is_applied(office: Office) -> None:
    on_day(office, "2019-12-20")
    request, workspace = in_production(office)
    spent = budgets(office)[2019][1]
    grow = acts.approve(office.callers, change_of(workspace, make_line(vcpu=10)))
    on_day(office, "2019-12-31")
    plan = office.approved(office.planned(grow))
    on_day(office, "2020-01-01")
    late = office.applied(plan)
    assert (late.status, statuses(office, request)) == ("stale", {"active"})
    assert "2019" in (late.reason or "")
    assert "2019" in (late.reason_zh or "")
    refused = office.callers("xxh.reviewer").post(f"/requests/{grow.id}/plans")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:govcloud:problem:no_budget_line")
    assert budgets(office)[2019][1] == spent
    open_budget(office, 2020)
    plan = office.approved(office.planned(grow))
    assert budgets(office) == {2019: (0, spent), 2020: (12 * 2 * 42_00, 0)}
    on_day(office, "2020-01-02")
    assert office.applied(plan).status == "applied"
    assert budgets(office) == {2019: (0, spent), 2020: (0, 81_29 + 11 * 2 * 42_00)}


@pytest.mark.invariant(1, 3)
def test_a_release_that_cannot_be_booked_destroys_nothing_and_says_why(office: Office) -> None:
    request, workspace = in_production(office)
    release = acts.approve(office.callers, release_of(workspace))
    plan = office.approved(office.planned(release))
    with transaction(office.engine) as session:
        session.execute(text("UPDATE quota_limits SET committed = 7 WHERE committed = 8"))
    refused = office.applied(plan)
    assert (refused.status, statuses(office, request)) == ("stale", {"active"})
    assert "SLJ" in (refused.reason or "")
    assert "vcpu" in (refused.reason or "")
    assert refused.runs[-1].next_step
    assert office.request(release).status == "approved"
    with transaction(office.engine) as session:
        session.execute(text("UPDATE quota_limits SET committed = 8 WHERE committed = 7"))
    assert office.applied(office.approved(office.planned(release))).status == "applied"
    assert statuses(office, request) == {"released"}
    assert office.quota() == NOTHING


@pytest.mark.invariant(1, 3)
@pytest.mark.parametrize(("first", "later"), [("trial", "production"), ("production", "trial")])
def test_a_release_gives_back_the_quota_of_the_zone_class_that_was_committed(
    office: Office, first: str, later: str
) -> None:
    request = office.provisioned(make_draft(zone_class=first))
    workspace = office.workspace(request)
    office.provisioned(change_of(workspace, make_line(vcpu=4)) | {"zone_class": later})
    assert office.provisioned(release_of(workspace)).status == "fulfilled"
    with transaction(office.engine) as session:
        left = session.execute(text("SELECT sum(committed), sum(held) FROM quota_limits")).one()
        assert tuple(left) == (0, 0)
