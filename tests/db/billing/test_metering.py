"""Usage follows from events, each recorded once; the database refuses overlaps, and gaps are found."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from orchestrator.billing import queries
from orchestrator.billing.intervals import SkuUse
from orchestrator.core import audit
from orchestrator.core.db import transaction
from orchestrator.core.errors import BadInput, IllegalTransition, NotFound, NotPermitted
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.resources.models import Resource
from orchestrator.runs.models import Run
from orchestrator.workflows.act import Act, Call
from orchestrator.workflows.billing import usage
from orchestrator.workflows.billing.acts import RESUME, SUSPEND
from orchestrator.workflows.nouns import RESOURCES
from orchestrator.workflows.perform import perform
from tests.db.billing import hosts

CPU, MEM, SSD, BACKUP = "ECS-X86-CPU", "ECS-X86-MEM", "EVS-SSD", "BAK-VM"
INTERVALS = text(
    "SELECT sku_code, trim_scale(quantity)::text, billing_state, lower(days)::text, upper(days)::text"
    " FROM usage_intervals ORDER BY sku_code, lower(days), billing_state"
)

INTERVALS_AGAIN = """
INSERT INTO usage_intervals (id, days, resource_id, sku_code, quantity, billing_state, run_id, state_serial,
    organisation_code, spec_arch, spec_vcpu, spec_memory_gb, event_seq)
SELECT gen_random_uuid(), '[2019-06-30,2019-07-01)', resource_id, sku_code, quantity, billing_state, run_id,
    state_serial, organisation_code, spec_arch, spec_vcpu, spec_memory_gb, event_seq
FROM usage_intervals
"""


def intervals(engine: Engine, *skus: str) -> list[tuple[str, str, str, str, str | None]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(INTERVALS) if not skus or row[0] in skus]


def gap(engine: Engine) -> tuple[str, date] | None:
    with Session(engine) as session:
        found = queries.first_gap(session)
        return found and (found[1], found[2])


def act(session: Session, username: str, act: Act, resource: UUID, reason: str) -> None:
    perform(
        RESOURCES, act, Call(session, hosts.actor(session, username), hosts.PACK, reason=reason), resource
    )


def correct(engine: Engine, host: hosts.Host, by: str = "xxh.reviewer", **what: Any) -> None:
    with transaction(engine) as session:
        correction = usage.UsageCorrection(**{"reason": "found late", **what})
        usage.correct_usage(session, hosts.actor(session, by), host.instance, correction)


def sizes(**skus: int) -> list[SkuUse]:
    return [SkuUse(f"ECS-X86-{sku}", Decimal(quantity)) for sku, quantity in skus.items()]


@pytest.mark.invariant(4)
def test_activation_resize_suspension_and_release_give_days_without_gap_or_overlap(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-06-25")
    hosts.resize(engine, host, 4, 16)
    hosts.on_day(engine, "2019-06-28")
    with transaction(engine) as session:
        act(session, "slj.officer", SUSPEND, host.instance, "not needed")
    hosts.on_day(engine, "2019-07-03")
    with transaction(engine) as session:
        act(session, "slj.officer", RESUME, host.instance, "needed")
    hosts.on_day(engine, "2019-07-10")
    hosts.release(engine, host)
    assert intervals(engine, CPU) == [
        (CPU, "8", "active", "2019-06-19", "2019-06-25"),
        (CPU, "4", "active", "2019-06-25", "2019-06-28"),
        (CPU, "4", "suspended", "2019-06-28", "2019-07-03"),
        (CPU, "4", "active", "2019-07-03", "2019-07-10"),
    ]
    assert intervals(engine, SSD) == [(SSD, "500", "active", "2019-06-19", "2019-07-10")]
    assert gap(engine) is None


def test_a_run_that_is_settled_twice_tells_its_story_once(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-06-25")
    run_id = hosts.resize(engine, host, 4, 16)
    hosts.on_day(engine, "2019-06-26")
    before = intervals(engine)
    with transaction(engine) as session:
        row = session.get_one(Resource, host.instance)
        row.status = "changing"
        request, run = session.get_one(ResourceRequest, host.request), session.get_one(Run, run_id)
        usage.resize_resource(session, row, request, run, "worker:other")
    assert intervals(engine) == before
    with engine.connect() as connection:
        assert (
            connection.execute(text("SELECT count(*) FROM usage_events WHERE kind = 'resized'")).scalar() == 1
        )


def test_the_release_of_a_trial_bills_nothing(engine: Engine) -> None:
    with transaction(engine) as session:
        host = hosts.in_trial(session)
    hosts.release(engine, host)
    assert intervals(engine) == []


def test_an_accepted_migration_bills_the_target_and_waives_the_source_from_the_same_day(
    engine: Engine,
) -> None:
    source = hosts.in_production(engine, "old")
    with transaction(engine) as session:
        target = hosts.in_trial(session, "new")
    hosts.on_day(engine, "2019-07-05")
    with transaction(engine) as session:
        rows = {one: session.get_one(Resource, one) for one in (source.instance, target.instance)}
        run = session.get_one(Run, target.run)
        usage.hand_over(session, [rows[source.instance]], [rows[target.instance]], run, "worker:test")
    assert intervals(engine, CPU) == [
        (CPU, "8", "active", "2019-06-19", "2019-07-05"),
        (CPU, "8", "active", "2019-07-05", None),
        (CPU, "8", "waived", "2019-07-05", None),
    ]


def test_a_late_correction_counts_from_its_day_until_what_happened_later(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-20")
    hosts.resize(engine, host, 2, 8)
    hosts.on_day(engine, "2019-08-02")
    correct(engine, host, day=date(2019, 7, 1), skus=sizes(CPU=4, MEM=32))
    assert intervals(engine, CPU) == [
        (CPU, "8", "active", "2019-06-19", "2019-07-01"),
        (CPU, "4", "active", "2019-07-01", "2019-07-20"),
        (CPU, "2", "active", "2019-07-20", None),
    ]
    assert intervals(engine, MEM)[0] == (MEM, "32", "active", "2019-06-19", "2019-07-20")
    assert gap(engine) is None


def test_what_is_paid_once_is_one_day_of_usage(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-06-25")
    work = [SkuUse("MIG-DAY", Decimal("2.5"))]
    correct(engine, host, day=date(2019, 6, 24), skus=work, once=True)
    assert intervals(engine, "MIG-DAY") == [("MIG-DAY", "2.5", "active", "2019-06-24", "2019-06-25")]
    assert gap(engine) is None


def test_a_charge_on_the_day_of_the_opening_lets_the_month_be_closed(engine: Engine) -> None:
    host = hosts.in_production(engine)
    correct(engine, host, day=date(2019, 6, 19), skus=[SkuUse("MIG-DAY", Decimal(1))], once=True)
    assert gap(engine) is None


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"day": date(2019, 6, 18), "state": "waived"}, "between the opening"),
        ({"day": date(2019, 6, 20), "state": "waived"}, "between the opening"),
        ({"day": date(2019, 6, 19)}, "Give the state"),
        ({"day": date(2019, 6, 19), "skus": [*sizes(CPU=4), *sizes(CPU=5)]}, "named once"),
        ({"day": date(2019, 6, 19), "skus": [SkuUse("NO-SUCH", Decimal(1))]}, "no SKU NO-SUCH"),
        ({"day": date(2019, 6, 19), "skus": [SkuUse("MIG-DAY", Decimal(1))]}, "MIG-DAY is billed one_off"),
        ({"day": date(2019, 6, 19), "skus": [SkuUse("DR-STBY", Decimal(1))]}, "give a spec there"),
        (
            {
                "day": date(2019, 6, 19),
                "skus": [SkuUse("MIG-DAY", Decimal(1))],
                "once": True,
                "state": "none",
            },
            "changes no state",
        ),
    ],
)
def test_a_correction_that_cannot_be_is_refused(engine: Engine, what: dict[str, Any], words: str) -> None:
    host = hosts.in_production(engine)
    with pytest.raises(BadInput, match=words):
        correct(engine, host, **what)


def test_nothing_is_billed_behind_a_release_but_what_came_before_it_is_corrected(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-07-10")
    hosts.release(engine, host)
    hosts.on_day(engine, "2019-07-12")
    for day in (date(2019, 7, 10), date(2019, 7, 12)):
        with pytest.raises(BadInput, match="released on 2019-07-10"):
            correct(engine, host, day=day, state="active")
    correct(engine, host, day=date(2019, 7, 9), state="waived")
    assert intervals(engine, CPU) == [
        (CPU, "8", "active", "2019-06-19", "2019-07-09"),
        (CPU, "8", "waived", "2019-07-09", "2019-07-10"),
    ]


def test_only_the_centre_corrects_usage_and_others_do_not_learn_what_exists(engine: Engine) -> None:
    host = hosts.in_production(engine)
    with pytest.raises(NotPermitted):
        correct(engine, host, "slj.officer", day=date(2019, 6, 19), state="waived")
    with pytest.raises(NotFound):
        correct(engine, host, "mzj.officer", day=date(2019, 6, 19), state="waived")


def test_only_what_is_suspended_is_resumed(engine: Engine) -> None:
    host = hosts.in_production(engine)
    with pytest.raises(IllegalTransition), transaction(engine) as session:
        act(session, "slj.officer", RESUME, host.instance, "?")


@pytest.mark.invariant(4)
@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        (
            "UPDATE usage_intervals SET days = '[2019-06-22,)' WHERE sku_code = 'ECS-X86-CPU'",
            (CPU, date(2019, 6, 19)),
        ),
        (
            "UPDATE usage_intervals SET days = '[2019-06-19,2019-06-30)' WHERE sku_code = 'EVS-SSD'",
            (SSD, date(2019, 6, 30)),
        ),
        ("DELETE FROM usage_intervals WHERE sku_code = 'BAK-VM'", (BACKUP, date(2019, 6, 19))),
        (
            "UPDATE usage_intervals SET quantity = 7 WHERE sku_code = 'ECS-X86-CPU'",
            (CPU, date(2019, 6, 19)),
        ),
    ],
)
def test_a_gap_or_anything_else_that_no_event_says_is_found_with_its_first_day(
    engine: Engine, tampering: str, found: tuple[str, date]
) -> None:
    hosts.in_production(engine)
    assert gap(engine) is None
    with engine.begin() as connection:
        connection.execute(text(tampering))
    assert gap(engine) == found


@pytest.mark.invariant(4)
def test_the_database_refuses_two_intervals_of_one_resource_and_sku_on_one_day(engine: Engine) -> None:
    hosts.in_production(engine)
    with pytest.raises(DBAPIError, match="ex_usage_intervals_no_overlap"), engine.begin() as connection:
        connection.execute(text(INTERVALS_AGAIN))


@pytest.mark.parametrize("statement", ["UPDATE usage_events SET day = day", "DELETE FROM metered_resources"])
def test_what_happened_cannot_be_changed(engine: Engine, statement: str) -> None:
    hosts.in_production(engine)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))


def test_every_event_is_audited_in_its_transaction(engine: Engine) -> None:
    host = hosts.in_production(engine)
    with Session(engine) as session:
        actions = [event.action for event in audit.page(session, object_id=str(host.instance))]
    assert "usage:opened" in actions
