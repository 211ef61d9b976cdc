"""The job ``runs.plan``: render, plan, and hold the plan against the request."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from orchestrator.adapters.playbook_bundles import playbook_bundle
from orchestrator.adapters.run_folders import PLAN_FILE, sha256_of
from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.runs import rendering, saved_plan
from orchestrator.runs.engine import EngineError, EngineResult
from orchestrator.runs.models import MOVE_KINDS
from orchestrator.runs.outcomes import Reason
from orchestrator.runs.plan_masking import mask_sensitive
from orchestrator.tasks import migrating
from orchestrator.tasks.workbench import Bench, Workbench, at_work, engine_run
from orchestrator.workflows import baselining, planning
from orchestrator.workflows.planning import PlanningOrder, PlanningResult


def plan_run(bench: Workbench, context: JobContext, run_id: str) -> None:
    """Plan one run; planning changes nothing, so it is simply repeated after a crash."""
    with at_work(bench, context, UUID(run_id)) as frame:
        with transaction(bench.engine) as session:
            order = planning.begin_planning(session, frame.run_id, bench.worker, frame.token_hash)
        if order is None:
            return
        if order.kind in MOVE_KINDS:
            migrating.plan_move(bench, frame, order)
        else:
            _plan(bench, frame, order)


def _plan(bench: Workbench, frame: Bench, order: PlanningOrder) -> None:
    try:
        result = _baseline(bench, order) if order.kind == "baseline" else _terraform(bench, frame, order)
    except EngineFailed as failure:
        frame.log.append(failure.reason.en)
        bench.folders.discard(order.plan_id)
        with transaction(bench.engine) as session:
            planning.fail_plan(
                session, order.run_id, failure.reason, failure.exit_code, cancelled=failure.cancelled
            )
        return
    with transaction(bench.engine) as session:
        planning.record_plan(session, order.run_id, result, bench.pack)


class EngineFailed(Exception):
    """An engine could not do its work; nothing was changed."""

    def __init__(self, act: str, result: EngineResult) -> None:
        self.exit_code = result.returncode
        self.cancelled = result.stopped_because == "cancelled"
        why, why_zh = why_ended(result)
        self.reason = Reason(
            f"terraform {act} failed: {why}.",
            f"terraform {act} 失败：{why_zh}。",
            "Read the log, correct the cause and generate a new plan.",
            "请查看日志，排除原因后重新生成计划。",
        )
        super().__init__(self.reason.en)


_STOPPED = {
    "cancelled": ("a person cancelled it", "已由人员取消"),
    "fence lost": ("the database was away for too long", "数据库长时间不可用"),
    "idle": ("it was silent for too long", "长时间没有输出"),
    "timeout": ("it took too long", "超过时限"),
    "worker stopping": ("its worker had to end", "工作进程被要求停止"),
}


def why_ended(result: EngineResult) -> tuple[str, str]:
    """Why an engine ended otherwise than meant, in both languages."""
    if result.stopped_because:
        return _STOPPED.get(result.stopped_because, (result.stopped_because,) * 2)
    said = (_last_error(result) or f"exit code {result.returncode}").rstrip(".")
    return said, said


def _last_error(result: EngineResult) -> str:
    for event in reversed(result.events):
        if event.get("@level") == "error":
            return str(event.get("@message", ""))[:500]
    return result.stderr_tail.strip()[-500:]


def _terraform(bench: Workbench, frame: Bench, order: PlanningOrder) -> PlanningResult:
    files = rendering.bundle(bench.modules.files(order.cloud), order.variables)
    folder = bench.folders.fill(order.plan_id, files)
    run = engine_run(bench, frame, order.workspace_id, order.cloud)
    require(bench.terraform.init(folder, run), "init", (0,))
    require(bench.terraform.plan(folder, run, destroy=order.destroy), "plan", (0, 2))
    try:
        shown = bench.terraform.show(folder, run)
    except EngineError as error:
        raise EngineFailed("show", error.result) from error
    return _result(bench, order, files, folder, shown)


def require(result: EngineResult, act: str, accepted: tuple[int, ...]) -> None:
    """Raise EngineFailed unless the process ended by itself with an accepted code."""
    if result.stopped_because or result.returncode not in accepted:
        raise EngineFailed(act, result)


def _result(
    bench: Workbench, order: PlanningOrder, files: rendering.Files, folder: Path, shown: Mapping[str, Any]
) -> PlanningResult:
    contract = bench.modules.contract(order.cloud)
    objects = saved_plan.planned_objects(mask_sensitive(shown), contract, order.delivered)
    plan_file = (folder / PLAN_FILE).read_bytes()
    return PlanningResult(
        bundle=bench.keys.encrypt(rendering.pack(files)),
        bundle_digest=rendering.bundle_digest(files),
        lock_file_digest=sha256_of(folder / rendering.LOCK_FILE),
        engine_version=f"terraform {bench.terraform.version()}",
        plan_file=bench.keys.encrypt(plan_file),
        plan_file_sha256=hashlib.sha256(plan_file).hexdigest(),
        changes_digest=saved_plan.changes_digest(shown),
        objects=objects,
        findings=saved_plan.judge(objects, contract, order.expected),
    )


def _baseline(bench: Workbench, order: PlanningOrder) -> PlanningResult:
    with transaction(bench.engine) as session:
        wanted = baselining.baseline_order(session, order.run_id)
    files = playbook_bundle(bench.settings.content_dir / "playbooks", wanted.hosts, {})
    steps = [
        {"playbook": wanted.playbook, "host": host["name"], "address": host["address"]}
        for host in wanted.hosts
    ]
    inventory = files["inventory/hosts.json"]
    return PlanningResult(
        bundle=bench.keys.encrypt(rendering.pack(files)),
        bundle_digest=rendering.bundle_digest(files),
        lock_file_digest="",
        engine_version=f"ansible-core {bench.ansible.version()}",
        plan_file=None,
        plan_file_sha256="",
        changes_digest=hashlib.sha256(json.dumps(steps, sort_keys=True).encode() + inventory).hexdigest(),
        steps=steps,
    )
