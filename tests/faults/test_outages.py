"""The database restarts, or the web process dies, while Terraform applies: it goes on and is recorded."""

import pytest

from orchestrator.client.models import PlanDetail, RunDetail
from tests import acts
from tests.faults.evidence import assert_all_there
from tests.faults.product import Product
from tests.postgres import Cluster
from tests.running import wait_until


@pytest.fixture
def product(product_on_own_cluster: Product) -> Product:
    product_on_own_cluster.make_whole()
    return product_on_own_cluster


def in_mid_create(product: Product, kind: str, seconds: float) -> tuple[PlanDetail, RunDetail]:
    """A plan and its apply run, while the cloud makes the host or the disk."""
    plan = product.approved()
    product.slow(kind, seconds)
    run = acts.order_apply(product, plan)
    product.creating(plan, {"instance": "instance/web", "volume": "volume/web-data"}[kind])
    return plan, run


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_an_apply_outlives_a_restart_of_the_database(
    product: Product, own_cluster: Cluster, mode: str
) -> None:
    plan, run = in_mid_create(product, "instance", 3)
    own_cluster.stop(mode)
    own_cluster.start()
    product.engine.dispose()
    ended = product.ended_run(run.id)
    assert (ended.status, ended.attempt) == ("succeeded", 1), ended.reason
    assert_all_there(product, plan)


def test_terraform_keeps_its_state_until_the_web_process_is_back(product: Product) -> None:
    plan, run = in_mid_create(product, "volume", 2)
    assert product.web is not None
    product.web.kill()
    product.web.wait()
    made = product.objects
    key = product.workspace_key(plan)
    wait_until(lambda: made(key)["volume/web-data"]["state"] == "present", "the last object is there")
    # From here on Terraform has nothing left to do but to bring its state to a web process that is away.
    product.start_web()
    ended = product.ended_run(run.id)
    assert (ended.status, ended.attempt) == ("succeeded", 1), ended.reason
    assert_all_there(product, plan)


@pytest.mark.parametrize("worker_dies", [False, True], ids=["worker lives", "worker dies"])
def test_a_state_that_terraform_could_not_bring_home_is_taken_in(product: Product, worker_dies: bool) -> None:
    plan, run = in_mid_create(product, "volume", 2)
    product.change("DELETE FROM state_locks")
    if worker_dies:
        product.kill_worker_of(run.id)
    ended = product.ended_run(run.id)
    # Everything is there, so the failed upload is no failure of the plan.
    assert (ended.status, ended.attempt) == ("succeeded", 2 if worker_dies else 1), ended.reason
    assert any("errored.tfstate" in line for line in product.log_lines(run.id)) or worker_dies
    assert_all_there(product, plan)
