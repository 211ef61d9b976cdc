"""The job ``runs.plan``: render the bundle, run Terraform, and check the plan against the request."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from orchestrator.adapters.playbook_bundles import play_files, playbook_bundle
from orchestrator.adapters.run_folders import PLAN_FILE, sha256_of
from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.core.plan_kinds import MIGRATION_KINDS, PlanKind
from orchestrator.core.stop_reasons import StopReason
from orchestrator.runs import rendering, saved_plan
from orchestrator.runs.engine import EngineError, EngineResult
from orchestrator.runs.outcomes import Reason
from orchestrator.runs.plan_masking import mask_sensitive
from orchestrator.workers.migrations import preparation
from orchestrator.workers.run_context import RunContext, Worker, engine_run, open_run
from orchestrator.workflows.plans import baseline, generation
from orchestrator.workflows.plans.generation import PlanningOrder, PlanningResult


def plan_run(worker: Worker, job: JobContext, run_id: str) -> None:
    """Plan one run; planning changes nothing, so it is repeated after a crash."""
    with open_run(worker, job, UUID(run_id)) as context:
        with transaction(worker.engine) as session:
            order = generation.begin_planning(session, context.run_id, worker.name, context.token_hash)
        if order is None:
            return
        if order.kind in MIGRATION_KINDS:
            preparation.plan_migration(worker, context, order)
        else:
            _plan(worker, context, order)


def _plan(worker: Worker, context: RunContext, order: PlanningOrder) -> None:
    try:
        result = (
            _baseline(worker, order)
            if order.kind == PlanKind.BASELINE
            else _terraform(worker, context, order)
        )
    except EngineFailed as failure:
        context.log.append(failure.reason.en)
        worker.folders.discard(order.plan_id)
        with transaction(worker.engine) as session:
            generation.fail_plan(
                session, order.run_id, failure.reason, failure.exit_code, cancelled=failure.cancelled
            )
        return
    with transaction(worker.engine) as session:
        generation.record_plan(session, order.run_id, result, worker.pack)


class EngineFailed(Exception):
    """An engine failed or was stopped; nothing was changed."""

    def __init__(self, act: str, result: EngineResult) -> None:
        self.exit_code = result.returncode
        self.cancelled = result.stopped_because is StopReason.CANCELLED
        why, why_zh = why_ended(result)
        self.reason = Reason(
            f"terraform {act} failed: {why}.",
            f"terraform {act} 失败：{why_zh}。",
            "Read the log, correct the cause and generate a new plan.",
            "请查看日志，排除原因后重新生成计划。",
        )
        super().__init__(self.reason.en)


_STOPPED = {
    StopReason.CANCELLED: ("a person cancelled it", "已由人员取消"),
    StopReason.LEASE_LOST: ("the database was away for too long", "数据库长时间不可用"),
    StopReason.IDLE: ("it was silent for too long", "长时间没有输出"),
    StopReason.TIMEOUT: ("it took too long", "超过时限"),
    StopReason.WORKER_STOPPING: ("its worker had to end", "工作进程被要求停止"),
}


def why_ended(result: EngineResult) -> tuple[str, str]:
    """Return why an engine failed or was stopped, in both languages."""
    if result.stopped_because:
        return _STOPPED.get(result.stopped_because, (result.stopped_because,) * 2)
    said = (_last_error(result) or f"exit code {result.returncode}").rstrip(".")
    return said, said


def _last_error(result: EngineResult) -> str:
    for event in reversed(result.events):
        if event.get("@level") == "error":
            return str(event.get("@message", ""))[:500]
    return result.stderr_tail.strip()[-500:]


def _terraform(worker: Worker, context: RunContext, order: PlanningOrder) -> PlanningResult:
    files = rendering.bundle(worker.modules.files(order.cloud), order.variables)
    folder = worker.folders.fill(order.plan_id, files)
    run = engine_run(worker, context, order.workspace_id, order.cloud)
    require(worker.terraform.init(folder, run), "init", (0,))
    require(worker.terraform.plan(folder, run, order.mode), "plan", (0, 2))
    try:
        shown = worker.terraform.show(folder, run)
    except EngineError as error:
        raise EngineFailed("show", error.result) from error
    return _result(worker, order, files, folder, shown)


def require(result: EngineResult, act: str, accepted: tuple[int, ...]) -> None:
    """Require that the process was not stopped and returned an accepted code.

    Raises:
        EngineFailed: The process was stopped, or returned another code.
    """
    if result.stopped_because or result.returncode not in accepted:
        raise EngineFailed(act, result)


def _result(
    worker: Worker, order: PlanningOrder, files: rendering.Files, folder: Path, shown: Mapping[str, Any]
) -> PlanningResult:
    contract = worker.modules.contract(order.cloud)
    objects = saved_plan.planned_objects(mask_sensitive(shown), contract, order.delivered)
    plan_file = (folder / PLAN_FILE).read_bytes()
    return PlanningResult(
        bundle=worker.keys.encrypt(rendering.pack(files)),
        bundle_digest=rendering.bundle_digest(files),
        lock_file_digest=sha256_of(folder / rendering.LOCK_FILE),
        engine_version=f"terraform {worker.terraform.version()}",
        plan_file=worker.keys.encrypt(plan_file),
        plan_file_sha256=hashlib.sha256(plan_file).hexdigest(),
        changes_digest=saved_plan.changes_digest(shown),
        objects=objects,
        findings=saved_plan.judge(objects, contract, order.expected),
    )


def _baseline(worker: Worker, order: PlanningOrder) -> PlanningResult:
    with transaction(worker.engine) as session:
        wanted = baseline.baseline_order(session, order.run_id)
    project = play_files([wanted.playbook], worker.settings.content_dir / "playbooks")
    files = playbook_bundle(project, wanted.hosts, {})
    steps = [
        {"playbook": wanted.playbook, "host": host["name"], "address": host["address"]}
        for host in wanted.hosts
    ]
    inventory = files["inventory/hosts.json"]
    return PlanningResult(
        bundle=worker.keys.encrypt(rendering.pack(files)),
        bundle_digest=rendering.bundle_digest(files),
        lock_file_digest="",
        engine_version=f"ansible-core {worker.ansible.version()}",
        plan_file=None,
        plan_file_sha256="",
        changes_digest=hashlib.sha256(json.dumps(steps, sort_keys=True).encode() + inventory).hexdigest(),
        steps=steps,
    )
