"""The job ``runs.drift``: compare reality with the state, change nothing."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.runs import rendering
from orchestrator.runs.engine import CloudError, EngineError
from orchestrator.runs.outcomes import Reason
from orchestrator.runs.saved_plan import CloudContract
from orchestrator.tasks.planning import EngineFailed, require
from orchestrator.tasks.workbench import Bench, Workbench, at_work, engine_run
from orchestrator.workflows import watching
from orchestrator.workflows.watching import DriftOrder


def drift_run(bench: Workbench, context: JobContext, run_id: str) -> None:
    """Look for drift in one workspace."""
    with at_work(bench, context, UUID(run_id)) as frame:
        with transaction(bench.engine) as session:
            order = watching.begin_drift(session, frame.run_id, bench.worker, frame.token_hash)
        if order is None:
            return
        _look(bench, frame, order)


def _look(bench: Workbench, frame: Bench, order: DriftOrder) -> None:
    run = engine_run(bench, frame, order.workspace_id, order.cloud)
    try:
        files = rendering.unpack(bench.keys.decrypt(order.bundle))
        folder = bench.folders.fill(order.run_id, files, purpose="drift")
        require(bench.terraform.init(folder, run), "init", (0,))
        require(bench.terraform.plan(folder, run, refresh_only=True), "plan", (0, 2))
        found = drift_findings(bench.terraform.show(folder, run), bench.modules.contract(order.cloud))
        existing = _existing(bench, order)
    except EngineError as error:
        _fail(bench, order, EngineFailed("show", error.result))
        return
    except EngineFailed as failure:
        _fail(bench, order, failure)
        return
    except CloudError as error:
        _fail_unread(bench, order, error)
        return
    finally:
        bench.folders.discard(order.run_id, purpose="drift")
    with transaction(bench.engine) as session:
        watching.record_drift(session, order.run_id, found, existing)


def _existing(bench: Workbench, order: DriftOrder) -> list[str]:
    """The address of every object in the cloud: Terraform asks only after what its state knows."""
    inventory = bench.inventories.get(order.cloud)
    found = inventory.list_objects(order.workspace_key) if inventory else ()
    return [item.key.removeprefix(f"{order.workspace_key}/") for item in found]


def _fail_unread(bench: Workbench, order: DriftOrder, error: CloudError) -> None:
    reason = Reason(
        f"What exists in the cloud could not be read: {error}",
        f"无法读取云上现有资源：{error}",
        "Order the look again once the cloud answers.",
        "云恢复响应后请重新核对。",
    )
    with transaction(bench.engine) as session:
        watching.fail_drift(session, order.run_id, reason, None)


def _fail(bench: Workbench, order: DriftOrder, failure: EngineFailed) -> None:
    with transaction(bench.engine) as session:
        watching.fail_drift(
            session, order.run_id, failure.reason, failure.exit_code, cancelled=failure.cancelled
        )


def drift_findings(plan: Mapping[str, Any], contract: CloudContract) -> list[dict[str, Any]]:
    """What differs, by logical address: gone, or which attributes have another value."""
    findings = []
    for item in plan.get("resource_drift", []):
        kind = contract.kinds.get(item["type"], item["type"])
        before, after = item["change"].get("before") or {}, item["change"].get("after")
        changes = [
            {"attribute": name, "state": before.get(name), "reality": (after or {}).get(name)}
            for name in sorted({*before, *(after or {})})
            if before.get(name) != (after or {}).get(name)
        ]
        address = f"{kind}/{item.get('index', item['name'])}"
        findings.append(
            {
                "address": address,
                "gone": after is None,
                "unknown": False,
                "changes": [] if after is None else changes,
            }
        )
    return sorted(findings, key=lambda finding: finding["address"])
