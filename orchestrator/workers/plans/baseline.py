"""Run an approved baseline playbook from its read-only bundle; called by the job ``runs.apply``."""

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.core.db import transaction
from orchestrator.runs import rendering
from orchestrator.runs.engine import EngineResult
from orchestrator.runs.outcomes import Reason
from orchestrator.workers.plans.generation import why_ended
from orchestrator.workers.run_context import RunContext, Worker, engine_run
from orchestrator.workflows.plans import application
from orchestrator.workflows.plans.application import ApplyOrder, ApplyResult

REPORT_TASK = "Report the baseline"


def run_baseline(worker: Worker, context: RunContext, order: ApplyOrder) -> None:
    """Run the playbook. It only reads, so a worker that takes over runs it again."""
    files = rendering.unpack(worker.keys.decrypt(order.bundle))
    if rendering.bundle_digest(files) != order.members["bundle_digest"]:
        with transaction(worker.engine) as session:
            application.mark_stale(session, order.run_id, ["bundle_digest"])
        return
    folder = worker.folders.fill(order.plan_id, files)
    _make_read_only(folder, files)
    run = engine_run(worker, context, order.workspace_id, order.cloud)
    playbook = str(order.steps[0]["playbook"]) if order.steps else "baseline.yml"
    result = worker.ansible.run(folder, playbook, run)
    _record(worker, order, result)


def _make_read_only(folder: Path, files: Mapping[str, bytes]) -> None:
    for name in files:
        (folder / name).chmod(stat.S_IRUSR)


def _record(worker: Worker, order: ApplyOrder, result: EngineResult) -> None:
    report = reports(result.events)
    complete = result.returncode == 0 and not result.stopped_because
    why, why_zh = why_ended(result)
    reason = Reason(
        f"The playbook failed: {why}.",
        f"剧本执行失败：{why_zh}。",
        "Read the log, correct the cause and abandon the plan: a new baseline is planned at once.",
        "请查看日志，排除原因后放弃该计划；系统将立即重新编制基线计划。",
    )
    with transaction(worker.engine) as session:
        application.record_apply(
            session,
            order.run_id,
            ApplyResult(result.returncode, complete, (), None if complete else reason, report),
            worker.pack,
        )
    worker.folders.discard(order.plan_id)


def reports(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return host name -> the field `baseline` of the report task's result."""
    by_host: dict[str, Any] = {}
    for event in events:
        data = event.get("event_data", {})
        if event.get("event") == "runner_on_ok" and data.get("task") == REPORT_TASK:
            by_host[str(data.get("host"))] = data.get("res", {}).get("baseline", {})
    return by_host
