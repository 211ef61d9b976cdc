"""kill -9 of a worker before, during and after `terraform apply`, with and without its Terraform."""

from tests import acts
from tests.faults.evidence import assert_all_there, assert_nothing_lost, finish
from tests.faults.product import Product


def test_a_worker_killed_before_terraform_starts_leaves_nothing_made_and_a_plan_to_abandon(
    product: Product,
) -> None:
    plan = product.approved()
    product.close_gate("apply")
    run = acts.order_apply(product, plan)
    product.at_gate("apply")
    product.kill_worker_of(run.id)
    product.kill_engines()
    product.open_gates()
    ended = product.ended_run(run.id)
    assert (ended.status, ended.attempt) == ("failed", 2)
    assert product.objects(product.workspace_key(plan)) == {}
    assert_nothing_lost(product)
    finish(product, plan)


def test_a_worker_killed_during_a_create_lets_its_terraform_end_and_another_finds_all_there(
    product: Product,
) -> None:
    plan = product.approved()
    product.slow("instance", 4)
    run = acts.order_apply(product, plan)
    product.creating(plan, "instance/web")
    product.kill_worker_of(run.id)
    ended = product.ended_run(run.id)
    assert (ended.status, ended.attempt) == ("succeeded", 2)
    assert_all_there(product, plan)


def test_a_worker_killed_after_terraform_ended_is_replaced_by_one_that_only_records(product: Product) -> None:
    plan = product.approved()
    product.close_gate("applied")
    run = acts.order_apply(product, plan)
    product.at_gate("applied")
    product.kill_worker_of(run.id)
    product.open_gates()
    ended = product.ended_run(run.id)
    assert (ended.status, ended.attempt) == ("succeeded", 2)
    assert_all_there(product, plan)


def test_what_worker_and_terraform_made_when_both_were_killed_is_found_and_adopted(product: Product) -> None:
    plan = product.approved()
    product.slow("instance", 3)
    run = acts.order_apply(product, plan)
    product.creating(plan, "instance/web")
    product.kill_worker_of(run.id)
    product.kill_engines()
    ended = product.ended_run(run.id)
    assert ended.status == "failed"
    made = product.objects(product.workspace_key(plan))
    assert "instance/web" in made
    known = {item.address: item for item in acts.resources_of(product, plan)}
    assert known["instance/web"].cloud_id == made["instance/web"]["id"]
    assert_nothing_lost(product)
    finish(product, plan)
