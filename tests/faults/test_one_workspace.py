"""Two workers and one workspace: what is queued at once runs one after the other, and each thing once."""

from tests import acts
from tests.factories import make_draft
from tests.faults.evidence import assert_all_there, assert_nothing_lost
from tests.faults.product import SMALL, Document, Product
from tests.running import wait_until


def in_production(product: Product) -> tuple[Document, str]:
    """A request whose host is in production, and the id of its workspace."""
    request = acts.provision(product, make_draft(SMALL))
    acts.act(product.callers, "slj.officer", request, "activate")
    return request, str(acts.resources(product, request)[0]["workspace_id"])


def larger(product: Product, workspace: str, vcpu: int) -> Document:
    """An approved request for more processors on that host."""
    return acts.approve(
        product.callers, make_draft(SMALL | {"vcpu": vcpu}, kind="change", workspace=workspace)
    )


def ran_at_once(product: Product, first: str, second: str) -> bool:
    rows = product.rows(
        "SELECT 1 FROM runs a JOIN runs b ON a.id = :first AND b.id = :second"
        " WHERE a.started_at < b.finished_at AND b.started_at < a.finished_at",
        first=first,
        second=second,
    )
    return bool(rows)


def test_of_two_changes_of_one_workspace_the_first_is_applied_and_the_second_must_be_planned_again(
    product: Product,
) -> None:
    _, workspace = in_production(product)
    requests = [larger(product, workspace, 2), larger(product, workspace, 3)]
    author = product.callers("xxh.reviewer")
    planning = [author.done("POST", f"/requests/{request['id']}/plans") for request in requests]
    plans = []
    for run in planning:
        assert product.settled(run["id"])["status"] == "succeeded"
        plans.append(acts.approve_plan(product, acts.read_plan(product, run["plan_id"])))
    assert not ran_at_once(product, planning[0]["id"], planning[1]["id"])
    applying = [acts.order_apply(product, plan) for plan in plans]
    ended = [product.settled(run["id"]) for run in applying]
    assert not ran_at_once(product, applying[0]["id"], applying[1]["id"])
    assert [run["status"] for run in ended] == ["succeeded", "failed"]
    assert acts.read_plan(product, plans[1]["id"])["status"] == "stale"
    assert product.state(workspace)["resources"]
    assert_nothing_lost(product)
    again = product.planned(product.read(f"/requests/{requests[1]['id']}"))
    assert acts.apply(product, again)["status"] == "succeeded"
    assert product.objects(product.workspace_key(again))["instance/web"]["spec"]["vcpu"] == 3
    assert_nothing_lost(product)


def test_a_job_that_two_workers_hold_is_applied_once(product: Product) -> None:
    plan = product.approved()
    product.close_gate("apply")
    run = acts.order_apply(product, plan)
    product.at_gate("apply")
    copy = copy_job(product, run["id"])
    wait_until(lambda: attempts(product, copy) > 0, "a worker tries the copy and finds the fence closed")
    product.open_gates()
    ended = product.settled(run["id"])
    assert (ended["status"], ended["attempt"]) == ("succeeded", 1)
    wait_until(lambda: job_status(product, copy) == "succeeded", "the copy finds nothing to do")
    assert_all_there(product, plan)


def copy_job(product: Product, run_id: str) -> int:
    """Queue the run's job once more, without the queue's own lock; the id of the copy."""
    product.change(
        "INSERT INTO queue.procrastinate_jobs (queue_name, task_name, priority, args)"
        " SELECT queue_name, task_name, 100, args FROM queue.procrastinate_jobs"
        " WHERE args ->> 'run_id' = :run AND lock IS NOT NULL",
        run=run_id,
    )
    return int(
        product.value(
            "SELECT max(id) FROM queue.procrastinate_jobs WHERE args ->> 'run_id' = :run", run=run_id
        )
    )


def attempts(product: Product, job: int) -> int:
    return int(product.value("SELECT attempts FROM queue.procrastinate_jobs WHERE id = :id", id=job))


def job_status(product: Product, job: int) -> str:
    return str(product.value("SELECT status FROM queue.procrastinate_jobs WHERE id = :id", id=job))
