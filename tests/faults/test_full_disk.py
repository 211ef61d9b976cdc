"""The worker's host has no room: runs end with a plain reason, and go well once there is room again."""

from tests import acts
from tests.factories import make_draft
from tests.faults.evidence import assert_all_there, assert_nothing_lost, finish
from tests.faults.product import SMALL, Product


def test_a_plan_on_a_worker_that_may_not_write_its_folders_says_so(product: Product) -> None:
    request = acts.approve(product.callers, make_draft(SMALL))
    folders = product.settings.runs_dir
    folders.mkdir(exist_ok=True)
    folders.chmod(0o500)
    try:
        run = product.callers("xxh.reviewer").plans_request(request.id)
        ended = product.ended_run(run.id)
    finally:
        folders.chmod(0o777)
    assert ended.status == "failed"
    assert "cannot write" in (ended.reason or "")
    assert_nothing_lost(product)
    plan = product.planned(request)
    assert acts.apply(product, plan).status == "succeeded"
    assert_all_there(product, plan)


def test_an_apply_on_a_full_disk_fails_and_what_it_made_is_known(product: Product) -> None:
    plan = product.approved()
    product.end_workers()
    product.start_cramped_worker(0)
    run = acts.order_apply(product, plan)
    assert product.ended_run(run.id).status == "failed"
    product.end_workers()
    product.make_whole()
    assert_nothing_lost(product)
    finish(product, plan)
