"""SIGTERM during an apply: the first lets it end, the second interrupts it; both leave every run ended."""

import signal

from tests import acts
from tests.faults.evidence import assert_all_there, assert_nothing_lost, finish
from tests.faults.product import Product
from tests.running import wait_until


def heard_in(product: Product) -> int:
    """How many first signals the workers have written down."""
    return product.log_of("worker").read_text().count("Stopping after the running jobs")


def test_a_worker_asked_to_end_finishes_its_apply_first(product: Product) -> None:
    plan = product.approved()
    product.slow("instance", 2)
    run = acts.order_apply(product, plan)
    product.creating(plan, "instance/web")
    worker = product.worker_of(run.id)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    ended = product.ended_run(run.id)
    assert (ended.status, ended.attempt) == ("succeeded", 1)
    assert_all_there(product, plan)


def test_a_worker_asked_twice_interrupts_its_apply_reads_what_exists_and_ends(product: Product) -> None:
    plan = product.approved()
    product.slow("instance", 3)
    run = acts.order_apply(product, plan)
    product.creating(plan, "instance/web")
    worker, before = product.worker_of(run.id), heard_in(product)
    worker.send_signal(signal.SIGTERM)
    wait_until(lambda: heard_in(product) == before + 1, "the worker hears it")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    ended = product.ended_run(run.id)
    assert (ended.status, ended.attempt) == ("failed", 1)
    assert "could not be" not in (ended.reason or "")
    assert "volume/web-data" not in product.objects(product.workspace_key(plan))
    assert_nothing_lost(product)
    finish(product, plan)
