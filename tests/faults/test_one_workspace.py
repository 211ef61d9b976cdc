"""Two workers and one workspace: jobs queued together run one after the other, each once."""

from uuid import UUID

from orchestrator.client.models import RequestDetail
from tests import acts
from tests.factories import make_draft
from tests.faults.evidence import assert_all_there, assert_nothing_lost
from tests.faults.product import SMALL, Product
from tests.running import wait_until


def in_production(product: Product) -> tuple[RequestDetail, UUID]:
    """A request whose host is in production, and the id of its workspace."""
    request = acts.provision(product, make_draft(SMALL))
    product.callers("slj.officer").activate_request(request.id)
    return request, acts.resources(product, request)[0].workspace_id


def larger(product: Product, workspace: UUID, vcpu: int) -> RequestDetail:
    """An approved request for more processors on that host."""
    return acts.approve(
        product.callers, make_draft(SMALL | {"vcpu": vcpu}, kind="change", workspace=str(workspace))
    )


def ran_at_once(product: Product, first: UUID, second: UUID) -> bool:
    rows = product.rows(
        "SELECT 1 FROM runs a JOIN runs b ON a.id = :first AND b.id = :second"
        " WHERE a.started_at < b.finished_at AND b.started_at < a.finished_at",
        first=first,
        second=second,
    )
    return bool(rows)


def test_a_second_change_of_a_workspace_is_refused_while_the_first_is_under_way(product: Product) -> None:
    _, workspace = in_production(product)
    larger(product, workspace, 2)
    second = make_draft(SMALL | {"vcpu": 3}, kind="change", workspace=str(workspace))
    drafted = acts.endorse(product.callers, acts.draft(product.callers, second))
    answer = product.callers("slj.clerk").post(f"/requests/{drafted.id}/submit")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:govcloud:problem:change_under_way")
    assert_nothing_lost(product)


def test_a_look_and_an_apply_that_are_queued_at_once_run_one_after_the_other(product: Product) -> None:
    _, workspace = in_production(product)
    plan = product.planned(larger(product, workspace, 2))
    look = product.callers("xxh.reviewer").check_drift(workspace)
    apply = acts.order_apply(product, plan)
    assert product.ended_run(look.id).status == "succeeded"
    assert product.ended_run(apply.id).status == "succeeded"
    assert not ran_at_once(product, look.id, apply.id)
    assert product.objects(product.workspace_key(plan))["instance/web"]["spec"]["vcpu"] == 2
    assert_nothing_lost(product)


def test_a_job_that_two_workers_hold_is_applied_once(product: Product) -> None:
    plan = product.approved()
    product.close_gate("apply")
    run = acts.order_apply(product, plan)
    product.at_gate("apply")
    copy = copy_job(product, run.id)
    wait_until(lambda: attempts(product, copy) > 0, "a worker tries the copy and finds the lease closed")
    product.open_gates()
    ended = product.ended_run(run.id)
    assert (ended.status, ended.attempt) == ("succeeded", 1)
    wait_until(lambda: job_status(product, copy) == "succeeded", "the copy finds nothing to do")
    assert_all_there(product, plan)


def copy_job(product: Product, run_id: UUID) -> int:
    """Queue the run's job once more, without the queue's own lock; the id of the copy."""
    product.change(
        "INSERT INTO queue.procrastinate_jobs (queue_name, task_name, priority, args)"
        " SELECT queue_name, task_name, 100, args FROM queue.procrastinate_jobs"
        " WHERE args ->> 'run_id' = :run AND lock IS NOT NULL",
        run=str(run_id),
    )
    return int(
        product.value(
            "SELECT max(id) FROM queue.procrastinate_jobs WHERE args ->> 'run_id' = :run", run=str(run_id)
        )
    )


def attempts(product: Product, job: int) -> int:
    return int(product.value("SELECT attempts FROM queue.procrastinate_jobs WHERE id = :id", id=job))


def job_status(product: Product, job: int) -> str:
    return str(product.value("SELECT status FROM queue.procrastinate_jobs WHERE id = :id", id=job))
