"""The job ``runs.drift``: compare the cloud with the Terraform state; nothing is changed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.resources.drift import AttributeDrift, DriftFinding
from orchestrator.runs import rendering
from orchestrator.runs.engine import CloudError, EngineError, PlanMode
from orchestrator.runs.outcomes import Reason
from orchestrator.runs.saved_plan import CloudContract
from orchestrator.workers.plans.generation import EngineFailed, require
from orchestrator.workers.run_context import RunContext, Worker, engine_run, open_run
from orchestrator.workflows.plans import drift
from orchestrator.workflows.plans.drift import DriftOrder


def drift_run(worker: Worker, job: JobContext, run_id: str) -> None:
    """Check one workspace for drift."""
    with open_run(worker, job, UUID(run_id)) as context:
        with transaction(worker.engine) as session:
            order = drift.begin_drift(session, context.run_id, worker.name, context.token_hash)
        if order is None:
            return
        _check(worker, context, order)


def _check(worker: Worker, context: RunContext, order: DriftOrder) -> None:
    run = engine_run(worker, context, order.workspace_id, order.cloud)
    try:
        files = rendering.unpack(worker.keys.decrypt(order.bundle))
        folder = worker.folders.fill(order.run_id, files, purpose="drift")
        require(worker.terraform.init(folder, run), "init", (0,))
        require(worker.terraform.plan(folder, run, PlanMode.REFRESH_ONLY), "plan", (0, 2))
        findings = drift_findings(worker.terraform.show(folder, run), worker.modules.contract(order.cloud))
        existing = _existing(worker, order)
    except EngineError as error:
        _fail(worker, order, EngineFailed("show", error.result))
        return
    except EngineFailed as failure:
        _fail(worker, order, failure)
        return
    except CloudError as error:
        _fail_unread(worker, order, error)
        return
    finally:
        worker.folders.discard(order.run_id, purpose="drift")
    with transaction(worker.engine) as session:
        drift.record_drift(session, order.run_id, findings, existing)


def _existing(worker: Worker, order: DriftOrder) -> list[str]:
    """Return the address of every object in the cloud; Terraform reads only objects in its state."""
    inventory = worker.inventories.get(order.cloud)
    objects = inventory.list_objects(order.workspace_key) if inventory else ()
    return [cloud_object.key.removeprefix(f"{order.workspace_key}/") for cloud_object in objects]


def _fail_unread(worker: Worker, order: DriftOrder, error: CloudError) -> None:
    reason = Reason(
        f"The existing objects could not be read from the cloud: {error}",
        f"无法读取云平台上的现有资源：{error}",
        "Order the drift check again once the cloud answers.",
        "请在云平台恢复响应后重新执行漂移检查。",
    )
    with transaction(worker.engine) as session:
        drift.fail_drift(session, order.run_id, reason, None)


def _fail(worker: Worker, order: DriftOrder, failure: EngineFailed) -> None:
    with transaction(worker.engine) as session:
        drift.fail_drift(
            session, order.run_id, failure.reason, failure.exit_code, cancelled=failure.cancelled
        )


def drift_findings(plan: Mapping[str, Any], contract: CloudContract) -> list[DriftFinding]:
    """Return the drift of a refresh-only plan, ordered by logical address."""
    findings = []
    for drifted in plan.get("resource_drift", []):
        kind = contract.kinds.get(drifted["type"], drifted["type"])
        address = f"{kind}/{drifted.get('index', drifted['name'])}"
        before, after = drifted["change"].get("before") or {}, drifted["change"].get("after")
        findings.append(
            DriftFinding(address, gone=True)
            if after is None
            else DriftFinding(address, changes=_changes(before, after))
        )
    return sorted(findings, key=lambda finding: finding.address)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[AttributeDrift, ...]:
    return tuple(
        AttributeDrift(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )
