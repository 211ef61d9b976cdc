"""kill -9 of Terraform alone, of its provider, and of the cloud while it makes something."""

import pytest

from orchestrator.client.models import PlanDetail, ReasonBody, RunDetail
from tests import acts
from tests.faults.evidence import assert_nothing_lost, finish
from tests.faults.product import Product


def in_mid_create(product: Product, kind: str = "instance") -> tuple[PlanDetail, RunDetail]:
    """A plan and its apply run, while the cloud makes the host or the disk."""
    plan = product.approved()
    product.slow(kind, 2)
    run = acts.order_apply(product, plan)
    product.creating(plan, {"instance": "instance/web", "volume": "volume/web-data"}[kind])
    return plan, run


@pytest.mark.parametrize("kind", ["terraform", "provider"])
def test_what_a_killed_engine_had_begun_is_found_and_adopted(product: Product, kind: str) -> None:
    plan, run = in_mid_create(product)
    product.kill_engines(kind)
    ended = product.ended_run(run.id)
    assert (ended.status, ended.attempt) == ("failed", 1)
    assert "instance/web" in product.objects(product.workspace_key(plan))
    assert_nothing_lost(product)
    product.callers("xxh.reviewer").abandon_plan(plan.id)
    # What exists in part takes room, so the hold stays until a plan removes it, or completes it after all.
    why = ReasonBody(reason="No longer needed.")
    cancelled = product.callers("slj.clerk").cancel_request(plan.request_id, why)
    assert cancelled.status == "cancelling"
    assert_nothing_lost(product)
    product.callers("xxh.reviewer").approve_request(plan.request_id)
    finish(product, plan)


def test_a_cloud_that_dies_while_it_makes_something_and_comes_back_ends_with_everything_known(
    product: Product,
) -> None:
    plan, run = in_mid_create(product, "volume")
    product.restart_cloud()
    assert product.ended_run(run.id).status == "failed"
    assert_nothing_lost(product)
    finish(product, plan)


def test_while_the_cloud_is_away_nothing_is_taken_for_gone(product: Product) -> None:
    plan, run = in_mid_create(product, "volume")
    product.kill_cloud()
    ended = product.ended_run(run.id)
    assert ended.status == "failed"
    assert "could not be read" in (ended.reason or "")
    rows = {item.address: item.status for item in acts.resources_of(product, plan)}
    assert "failed" not in rows.values()
    product.start_cloud()
    assert_nothing_lost(product)
    finish(product, plan)
