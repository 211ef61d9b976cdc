"""A worker is killed while it looks for drift or runs a baseline: that is done again, and nothing is lost."""

from uuid import UUID

import pytest

from orchestrator.client.models import PlanDetail, PlanStatus, PlanSummary, RequestDetail, RunDetail
from tests import acts
from tests.factories import make_draft
from tests.faults.evidence import assert_nothing_lost
from tests.faults.product import SMALL, Product
from tests.running import wait_until


@pytest.fixture(scope="module")
def in_production(whole_product: Product) -> RequestDetail:
    """A request whose host is in production."""
    whole_product.make_whole()
    request = acts.provision(whole_product, make_draft(SMALL))
    return whole_product.callers("slj.officer").activate_request(request.id)


def workspace_of(product: Product, request: RequestDetail) -> UUID:
    return acts.resources(product, request)[0].workspace_id


def drift_at_gate(product: Product, workspace: UUID) -> RunDetail:
    """A look for drift that Terraform has begun."""
    product.close_gate("plan")
    run = product.callers("xxh.reviewer").check_drift(workspace)
    product.at_gate("plan")
    return run


def test_a_look_for_drift_that_lost_its_worker_is_repeated(
    product: Product, in_production: RequestDetail
) -> None:
    workspace = workspace_of(product, in_production)
    run = drift_at_gate(product, workspace)
    product.kill_worker_of(run.id)
    product.kill_engines()
    product.open_gates()
    ended = product.ended_run(run.id)
    assert (ended.status, ended.attempt) == ("succeeded", 2)
    assert_nothing_lost(product)


def test_what_waits_behind_a_run_that_lost_its_worker_goes_on_waiting(
    product: Product, in_production: RequestDetail
) -> None:
    workspace = workspace_of(product, in_production)
    larger = make_draft(SMALL | {"vcpu": 2}, kind="change", workspace=str(workspace))
    plan = product.planned(acts.approve(product.callers, larger))
    drift = drift_at_gate(product, workspace)
    apply = acts.order_apply(product, plan)
    product.kill_worker_of(drift.id)
    product.kill_engines()
    product.open_gates()
    assert product.ended_run(drift.id).status == "succeeded"
    ended = product.ended_run(apply.id)
    assert (ended.status, ended.attempt) == ("succeeded", 1), ended.reason
    assert_nothing_lost(product)


def baseline_of(product: Product, request: RequestDetail) -> PlanDetail:
    """The approved baseline plan that followed the newest apply of the request."""

    def submitted() -> list[PlanSummary]:
        plans = product.reader.list_plans(status=[PlanStatus.SUBMITTED]).items
        return [plan for plan in plans if (plan.kind, plan.request_id) == ("baseline", request.id)]

    plans: list[PlanSummary] = wait_until(submitted, "the baseline is planned")
    return acts.approve_plan(product, acts.read_plan(product, plans[0].id))


def test_a_baseline_that_lost_its_worker_is_run_again_and_reports(product: Product) -> None:
    plan = baseline_of(product, acts.provision(product, make_draft(SMALL)))
    run = acts.order_apply(product, plan)
    wait_until(lambda: product.engines("ansible"), "Ansible is running")
    product.kill_worker_of(run.id)
    ended = product.ended_run(run.id)
    assert (ended.status, ended.attempt) == ("succeeded", 2), ended.reason
    assert (ended.outcome.report or {})["web"]
    assert_nothing_lost(product)


def test_a_baseline_whose_ansible_was_killed_is_abandoned_and_made_again(product: Product) -> None:
    request = acts.provision(product, make_draft(SMALL))
    plan = baseline_of(product, request)
    run = acts.order_apply(product, plan)
    wait_until(lambda: product.engines("ansible"), "Ansible is running")
    product.kill_engines("ansible")
    assert product.ended_run(run.id).status == "failed"
    assert_nothing_lost(product)
    product.callers("xxh.reviewer").abandon_plan(plan.id)
    assert acts.apply(product, baseline_of(product, request)).status == "succeeded"
    assert_nothing_lost(product)
