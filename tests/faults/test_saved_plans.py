"""A saved plan that was forged, moved, replayed or kept too long is refused, and nothing is made."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.client.encoding import encode
from orchestrator.client.models import PlanDetail, RequestDetail
from orchestrator.core import clock
from orchestrator.core.db import transaction
from orchestrator.runs.saved_plan import PlanMembers
from orchestrator.workflows.plans import approval
from tests import acts
from tests.factories import make_draft
from tests.faults.evidence import assert_all_there, assert_nothing_lost
from tests.faults.product import SMALL, Product
from tests.running import wait_until

Forge = Callable[[Product, PlanDetail], None]


@pytest.fixture(scope="module")
def request_of_many_plans(whole_product: Product) -> RequestDetail:
    """An approved request; a plan that is refused gives it back to be planned again."""
    whole_product.make_whole()
    return acts.approve(whole_product.callers, make_draft(SMALL))


def alarms(product: Product, plan: PlanDetail) -> int:
    events = product.callers("sjj.auditor").list_audit_events(object_id=str(plan.id)).items
    return [event.action for event in events].count("execution_plan:tampering_alarm")


def edit_module(product: Product, plan: PlanDetail) -> None:
    """One byte of the module's text in the folder that planned."""
    path = product.settings.runs_dir / f"plan-{plan.id}" / "main.tf"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit_row(statement: str) -> Forge:
    """The plan's row, by a statement that knows its id as `:plan`."""
    return lambda product, plan: product.change(statement, plan=plan.id)


def forge_members_with_their_digest(product: Product, plan: PlanDetail) -> None:
    """Another price, and a digest that fits it: only the approval still carries the old one."""
    members = PlanMembers(**encode(plan.members) | {"monthly_fen": 1})
    product.change(
        "UPDATE execution_plans SET members = jsonb_set(members, '{monthly_fen}', '1'), monthly_fen = 1,"
        " tuple_digest = :digest WHERE id = :plan",
        digest=members.digest(),
        plan=plan.id,
    )


FORGED = {
    "a file of the module": edit_module,
    "a member": edit_row(
        "UPDATE execution_plans SET members = jsonb_set(members, '{expires_at}',"
        " '\"2099-01-01T00:00:00+00:00\"') WHERE id = :plan"
    ),
    "a member more": edit_row(
        "UPDATE execution_plans SET members = members || '{\"more\": 1}' WHERE id = :plan"
    ),
    "a member less": edit_row(
        "UPDATE execution_plans SET members = members - 'bundle_digest' WHERE id = :plan"
    ),
    "the price with its digest": forge_members_with_their_digest,
}
"""The flow test of NEG-6 forges the nearest members in addition."""


@pytest.mark.invariant(18)
@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_plan_is_refused_with_an_alarm_and_nothing_is_made(
    product: Product, request_of_many_plans: RequestDetail, forge: Forge
) -> None:
    plan = product.planned(request_of_many_plans)
    forge(product, plan)
    assert refused_by(product, plan) == "stale"
    assert alarms(product, plan) == 1


def refused_by(product: Product, plan: PlanDetail) -> str:
    """Apply the plan, see that it comes to nothing, and return where the plan stands."""
    before = everything(product)
    run = acts.apply(product, plan)
    assert run.status == "failed", run
    assert everything(product) == before
    assert_nothing_lost(product)
    reopened = product.reader.read_request(plan.request_id)
    assert (reopened.status, acts.hold_of(reopened).status) == ("approved", "live")
    return str(acts.read_plan(product, plan.id).status)


def everything(product: Product) -> tuple[list[dict[str, Any]], list[Any]]:
    """Return the objects of the whole cloud, and the ids of all resources."""
    ids = [row["id"] for row in product.rows("SELECT id FROM resources ORDER BY id")]
    return product.ask_cloud(op="list")["objects"], ids


def point_elsewhere(product: Product, plan: PlanDetail) -> None:
    """Let the plan's row name the workspace of another request, in which nothing was made yet either."""
    other = acts.plan(product, acts.approve(product.callers, make_draft(SMALL)))
    acts.withdraw(product, other)
    product.change(
        "UPDATE execution_plans SET workspace_id = :other WHERE id = :plan",
        other=other.workspace_id,
        plan=plan.id,
    )


def move_the_state(product: Product, plan: PlanDetail) -> None:
    product.change("UPDATE workspaces SET serial = serial + 1 WHERE id = :id", id=plan.workspace_id)


def put_the_state_back(product: Product, plan: PlanDetail) -> None:
    product.change("UPDATE workspaces SET serial = serial - 1 WHERE id = :id", id=plan.workspace_id)


def test_a_plan_of_another_workspace_is_refused(
    product: Product, request_of_many_plans: RequestDetail
) -> None:
    plan = product.planned(request_of_many_plans)
    point_elsewhere(product, plan)
    assert refused_by(product, plan) == "stale"


def test_a_plan_whose_kind_was_changed_is_refused(
    product: Product, request_of_many_plans: RequestDetail
) -> None:
    plan = product.planned(request_of_many_plans)
    product.change("UPDATE execution_plans SET kind = 'release' WHERE id = :plan", plan=plan.id)
    assert refused_by(product, plan) == "stale"


@pytest.mark.invariant(19)
def test_a_plan_made_before_the_state_moved_is_refused(
    product: Product, request_of_many_plans: RequestDetail
) -> None:
    plan = product.planned(request_of_many_plans)
    move_the_state(product, plan)
    assert refused_by(product, plan) == "stale"
    put_the_state_back(product, plan)


def test_a_plan_of_another_terraform_is_refused(
    product: Product, request_of_many_plans: RequestDetail
) -> None:
    plan = product.planned(request_of_many_plans)
    product.end_workers()
    product.pretend_version("0.0.1")
    product.start_worker()
    assert refused_by(product, plan) == "stale"
    assert alarms(product, plan) == 0
    product.end_workers()


def test_a_plan_that_expires_while_its_apply_waits_is_refused(
    product: Product, request_of_many_plans: RequestDetail
) -> None:
    plan = product.planned(request_of_many_plans)
    product.end_workers()
    before = everything(product)
    run = acts.order_apply(product, plan)
    pass_time(product, timedelta(hours=80))
    product.start_worker()
    assert product.ended_run(run.id).status == "failed"
    assert acts.read_plan(product, plan.id).status == "stale"
    assert everything(product) == before
    assert_nothing_lost(product)


def pass_time(product: Product, span: timedelta) -> None:
    with transaction(product.engine) as session:
        clock.advance(session, span)


def test_an_expired_plan_is_not_even_queued(product: Product, request_of_many_plans: RequestDetail) -> None:
    plan = product.planned(request_of_many_plans)
    pass_time(product, timedelta(hours=80))
    answer = product.callers("csp1.applier").post(f"/plans/{plan.id}/apply")
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:govcloud:problem:plan_expired"
    assert product.rows("SELECT id FROM runs WHERE plan_id = :plan AND kind = 'apply'", plan=plan.id) == []
    with transaction(product.engine) as session:
        approval.expire_plans(session)
    assert acts.read_plan(product, plan.id).status == "expired"
    assert_nothing_lost(product)


def test_an_applied_plan_is_never_applied_again(product: Product) -> None:
    """Neither when it is asked for again, nor when its job is put back into the queue."""
    plan = product.planned(acts.approve(product.callers, make_draft(SMALL)))
    run = acts.apply(product, plan)
    assert run.status == "succeeded"
    assert_all_there(product, plan)
    made, state = product.objects(product.workspace_key(plan)), product.state(plan.workspace_id)
    again = product.callers("csp1.applier").post(f"/plans/{plan.id}/apply")
    assert (again.status_code, again.json()["type"]) == (409, "urn:govcloud:problem:not_approved")
    product.change(
        "UPDATE queue.procrastinate_jobs SET status = 'todo', scheduled_at = NULL"
        " WHERE args ->> 'run_id' = :run",
        run=str(run.id),
    )
    wait_until(
        lambda: product.rows(
            "SELECT 1 FROM queue.procrastinate_jobs WHERE args ->> 'run_id' = :run AND status = 'succeeded'",
            run=str(run.id),
        ),
        "the job ran again",
    )
    assert product.objects(product.workspace_key(plan)) == made
    assert product.state(plan.workspace_id) == state
    assert_all_there(product, plan)
