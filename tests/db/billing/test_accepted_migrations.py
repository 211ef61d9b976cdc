"""A migration's target is billed from its acceptance until it goes back, and from the next acceptance on."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from orchestrator.core.clock import now
from orchestrator.core.db import transaction
from orchestrator.migrations import store
from orchestrator.migrations.kinds import Side, SwitchOutcome
from orchestrator.migrations.lifecycle import MigrationStatus
from orchestrator.migrations.models import Migration, MigrationSwitch
from orchestrator.migrations.movers import SwitchResult
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.resources.models import Resource
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.workflows.billing import usage
from orchestrator.workflows.migrations import switches
from tests.db.billing import hosts

CPU = text(
    "SELECT billing_state, lower(days)::text, upper(days)::text FROM usage_intervals"
    " WHERE sku_code = 'ECS-X86-CPU' ORDER BY lower(days)"
)


def days(engine: Engine) -> list[tuple[str, str, str | None]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(CPU)]


def migrate(session: Session, host: hosts.Host) -> Migration:
    """A migration onto the host, after its cutover."""
    request = session.get_one(ResourceRequest, host.request)
    made = Migration(
        number="",
        plan_key="sample",
        plan_digest="0" * 64,
        title=request.title,
        system_code=request.system_code or "",
        organisation_code=request.organisation_code,
        request_id=request.id,
        workspace_id=host.workspace,
        registered_by=request.requester_id,
        status=MigrationStatus.TRIAL_RUN,
        serving_side="target",
    )
    return store.add(session, made, "test")


def accept(engine: Engine, host: hosts.Host, migration_id: UUID) -> None:
    """Effects of an acceptance on the bill, after its proof and its trial days were checked."""
    with transaction(engine) as session:
        migration = store.lock(session, migration_id)
        rows = [session.get_one(Resource, one) for one in (host.instance, host.volume)]
        usage.hand_over(session, (), rows, session.get_one(Run, host.run), "slj.officer")
        store.transition(session, migration, MigrationStatus.ACCEPTED, "slj.officer")


def switch(engine: Engine, host: hosts.Host, migration_id: UUID, kind: str) -> dict[str, Any]:
    """Record a switch and return the billing states."""
    with transaction(engine) as session:
        first = session.get_one(Run, host.run)
        plan = session.get_one(ExecutionPlan, first.plan_id)
        given = plan.model_dump(exclude={"id", "number", "kind"})
        made = ExecutionPlan(**given, number=f"EP-{kind}-{now(session).timestamp()}", kind=kind)
        session.add(made)
        session.flush()
        run = Run(**first.model_dump(exclude={"id", "plan_id"}) | {"plan_id": made.id, "worker": "test"})
        session.add(run)
        session.flush()
        store.add_act(session, migration_id, made.id, kind, 1)
        begun = MigrationSwitch(
            migration_id=migration_id,
            number=0,
            direction=kind,
            plan_id=made.id,
            run_id=run.id,
            from_address="127.0.0.2",
            to_address="127.0.0.3",
        )
        store.add_switch(session, begun)
        if kind == "cutover":
            store.lock(session, migration_id).status = MigrationStatus.CUTTING_OVER
        result = SwitchResult(
            SwitchOutcome.SWITCHED, Side.TARGET if kind == "cutover" else Side.SOURCE, None, {}
        )
        switches.record_switched(session, run.id, made.id, result)
        return dict(store.lock(session, migration_id).billing)


@pytest.mark.invariant(4)
def test_a_target_that_goes_back_after_its_acceptance_costs_nothing_until_it_is_accepted_again(
    engine: Engine,
) -> None:
    with transaction(engine) as session:
        host = hosts.in_trial(session)
        migration_id = migrate(session, host).id
    hosts.on_day(engine, "2019-07-20")
    accept(engine, host, migration_id)
    hosts.on_day(engine, "2019-07-25")
    assert switch(engine, host, migration_id, "rollback") == {"source": "not_billed", "target": "trial"}
    assert days(engine) == [("active", "2019-07-20", "2019-07-25")]
    hosts.on_day(engine, "2019-08-01")
    assert switch(engine, host, migration_id, "cutover") == {"source": "not_billed", "target": "trial"}
    hosts.on_day(engine, "2019-09-01")
    accept(engine, host, migration_id)
    assert days(engine) == [("active", "2019-07-20", "2019-07-25"), ("active", "2019-09-01", None)]


def test_a_target_that_was_activated_before_the_migration_stays_billed(engine: Engine) -> None:
    host = hosts.in_production(engine)
    with transaction(engine) as session:
        migration_id = migrate(session, host).id
    assert switch(engine, host, migration_id, "cutover") == {"source": "not_billed", "target": "active"}
    assert switch(engine, host, migration_id, "rollback") == {"source": "not_billed", "target": "active"}
    assert days(engine) == [("active", "2019-06-19", None)]


def end_trials(engine: Engine, day: str) -> int:
    hosts.on_day(engine, day)
    with transaction(engine) as session:
        return usage.end_trials(session)


def accepted_and_back(engine: Engine) -> tuple[hosts.Host, UUID]:
    """A host whose migration was accepted and went back; its trial days end on 15 August."""
    with transaction(engine) as session:
        host = hosts.in_trial(session)
        migration_id = migrate(session, host).id
        session.get_one(ResourceRequest, host.request).status = "fulfilled"
        for resource in (host.instance, host.volume):
            session.get_one(Resource, resource).trial_ends_on = date(2019, 8, 15)
    hosts.on_day(engine, "2019-07-20")
    accept(engine, host, migration_id)
    hosts.on_day(engine, "2019-07-25")
    switch(engine, host, migration_id, "rollback")
    return host, migration_id


def releases(engine: Engine, host: hosts.Host) -> list[str]:
    """The states of the releases that were ordered of the host's workspace."""
    ordered = select(ResourceRequest.status).where(
        ResourceRequest.kind == "release", ResourceRequest.target_workspace_id == host.workspace
    )
    with Session(engine) as session:
        return list(session.exec(ordered))


@pytest.mark.invariant(36)
def test_a_target_that_went_back_is_released_once_its_trial_and_its_migration_have_ended(
    engine: Engine,
) -> None:
    host, migration_id = accepted_and_back(engine)
    assert end_trials(engine, "2019-08-20") == 0
    with transaction(engine) as session:
        migration = store.lock(session, migration_id)
        store.transition(session, migration, MigrationStatus.ABORTED, "xxh.reviewer")
    assert end_trials(engine, "2019-08-14") == 0
    assert end_trials(engine, "2019-08-15") == 1
    assert end_trials(engine, "2019-08-16") == 0
    assert releases(engine, host) == ["approved"]


@pytest.mark.invariant(36)
def test_nothing_is_released_where_something_of_the_workspace_is_in_production(engine: Engine) -> None:
    host, migration_id = accepted_and_back(engine)
    with transaction(engine) as session:
        migration = store.lock(session, migration_id)
        store.transition(session, migration, MigrationStatus.ABORTED, "xxh.reviewer")
        session.get_one(Resource, host.volume).status = "active"
    assert end_trials(engine, "2019-08-20") == 0
    assert releases(engine, host) == []
