"""A person cancels: while a plan waits, while it is made, and while it is applied."""

from orchestrator.client.models import RequestDetail, RunDetail
from tests import acts
from tests.factories import make_draft
from tests.faults.evidence import assert_all_there, assert_nothing_lost, finish
from tests.faults.product import SMALL, Product


def cancel(product: Product, run: RunDetail) -> None:
    product.callers("csp1.applier").cancel_run(run.id)


def can_be_planned_and_applied(product: Product, request: RequestDetail) -> None:
    plan = product.planned(request)
    assert acts.apply(product, plan).status == "succeeded"
    assert_all_there(product, plan)


def test_a_plan_that_is_cancelled_while_it_waits_lets_the_request_be_planned_again(product: Product) -> None:
    request = acts.approve(product.callers, make_draft(SMALL))
    product.end_workers()
    run = product.callers("xxh.reviewer").plans_request(request.id)
    cancel(product, run)
    assert product.reader.read_run(run.id).status == "cancelled"
    assert acts.read_plan(product, run.plan_id).status == "withdrawn"
    product.make_whole()
    assert_nothing_lost(product)
    can_be_planned_and_applied(product, request)


def test_a_plan_that_is_cancelled_while_it_is_made_lets_the_request_be_planned_again(
    product: Product,
) -> None:
    request = acts.approve(product.callers, make_draft(SMALL))
    product.close_gate("plan")
    run = product.callers("xxh.reviewer").plans_request(request.id)
    product.at_gate("plan")
    cancel(product, run)
    ended = product.ended_run(run.id)
    assert ended.status == "cancelled"
    assert "a person cancelled it" in (ended.reason or "")
    product.open_gates()
    assert_nothing_lost(product)
    can_be_planned_and_applied(product, request)


def test_an_apply_that_is_cancelled_ends_what_it_has_begun_and_the_rest_can_be_planned_again(
    product: Product,
) -> None:
    plan = product.approved()
    product.slow("instance", 3)
    run = acts.order_apply(product, plan)
    product.creating(plan, "instance/web")
    cancel(product, run)
    ended = product.ended_run(run.id)
    assert ended.status == "failed"
    assert "a person cancelled it" in (ended.reason or "")
    assert "could not be" not in (ended.reason or "")
    made = product.objects(product.workspace_key(plan))
    # Terraform waited for the host that it had begun, and began nothing more.
    assert made["instance/web"]["state"] == "running"
    assert "volume/web-data" not in made
    assert_nothing_lost(product)
    finish(product, plan)
