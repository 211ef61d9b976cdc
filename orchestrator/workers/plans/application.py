"""The job ``runs.apply``: apply exactly the approved bytes, or verify the outcome after a lost worker."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.fernet import InvalidToken

from orchestrator.adapters.run_folders import PLAN_FILE, sha256_of
from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.core.object_kinds import ObjectKind
from orchestrator.core.plan_kinds import MIGRATION_KINDS, TERRAFORM_KINDS, PlanKind
from orchestrator.runs import queries, rendering, saved_plan, state_files
from orchestrator.runs.engine import CloudError, CloudObject, EngineError, EngineResult, EngineRun
from orchestrator.runs.kinds import ApplyAct
from orchestrator.runs.outcomes import Reason
from orchestrator.workers.migrations import preparation
from orchestrator.workers.plans import baseline
from orchestrator.workers.plans.generation import EngineFailed, require
from orchestrator.workers.run_context import RunContext, Worker, engine_run, open_run
from orchestrator.workflows.plans import application, terraform_state
from orchestrator.workflows.plans.application import ApplyOrder, ApplyResult, ObjectFound

_NEXT = (
    (
        "Abandon the plan. Then generate a new one, which adopts the existing objects and replaces those that"
        " never worked; or cancel the request, and a plan of its own removes its objects."
    ),
    (
        "请先放弃该计划。之后可重新生成计划，新计划将纳管现有资源，并替换从未正常工作的资源；"
        "也可撤销申请，由专门的计划清除已创建的资源。"
    ),
)
_UNDO_NEXT = (
    "Abandon the plan and generate a new one: it removes the remaining objects.",
    "请放弃该计划并重新生成：新计划将清除剩余资源。",
)


def apply_run(worker: Worker, job: JobContext, run_id: str) -> None:
    """Apply one approved plan, exactly once."""
    with open_run(worker, job, UUID(run_id)) as context:
        with transaction(worker.engine) as session:
            order = application.begin_apply(session, context.run_id, worker.name, context.token_hash)
        if order is None:
            return
        if order.kind == PlanKind.BASELINE:
            baseline.run_baseline(worker, context, order)
        elif order.kind in MIGRATION_KINDS:
            _migrate(worker, context, order)
        elif order.act == ApplyAct.VERIFY:
            _verify(
                worker,
                context,
                order,
                Reason("The worker was lost during the apply.", "执行过程中工作进程中断。"),
            )
        else:
            _apply(worker, context, order)


def _apply(worker: Worker, context: RunContext, order: ApplyOrder) -> None:
    run = engine_run(worker, context, order.workspace_id, order.cloud)
    changed = changed_bytes(worker, order)
    if not changed:
        folder, changed = _prepared(worker, order, run)
    if not changed:
        changed = changed_reality(worker, order, run)
    if changed:
        _refuse(worker, context, order, changed)
        return
    with transaction(worker.engine) as session:
        application.announce(session, order.run_id)
    result = worker.terraform.apply(folder, run)
    _keep_errored_state(worker, order, folder)
    if result.returncode == 0 and not result.stopped_because:
        _record(worker, order, _applied(worker, order))
    else:
        _after_failure(worker, context, order, result)


def _applied(worker: Worker, order: ApplyOrder) -> ApplyResult:
    """Return the objects of a complete apply; an undo must have left no object in the cloud."""
    objects = _in_state(worker, order)
    if order.kind != PlanKind.UNDO:
        return ApplyResult(0, complete=True, objects=objects)
    try:
        seen = _in_cloud(worker, order)
    except CloudError as error:
        why, why_zh = f"The existing objects could not be read: {error}", f"无法读取现有资源：{error}"
        reason = Reason(why, why_zh, *_UNDO_NEXT)
        return ApplyResult(0, complete=False, objects=objects, reason=reason, all_seen=False)
    left = _left_behind(objects, seen)
    return ApplyResult(0, complete=left is None, objects=_merge(objects, seen), reason=left)


def _left_behind(state: Sequence[ObjectFound], seen: Sequence[ObjectFound]) -> Reason | None:
    """Return who must remove which objects that the Terraform state does not know, or None."""
    in_state = {seen_object.address for seen_object in state}
    left = ", ".join(
        f"{seen_object.address} ({seen_object.cloud_id})"
        for seen_object in seen
        if seen_object.address not in in_state
    )
    if not left:
        return None
    return Reason(
        f"The cloud still has objects that the Terraform state does not know: {left}.",
        f"云平台上仍有 Terraform 状态未登记的资源：{left}。",
        "Have the provider's engineer delete them in the cloud, abandon this plan and generate a new one."
        " Or approve the request again: a new plan adopts them, and they can be removed after its apply.",
        "请由云服务商在云平台上删除上述资源，放弃该计划并重新生成；或重新批准该申请，"
        "由新计划纳管后再行清除。",
    )


def _migrate(worker: Worker, context: RunContext, order: ApplyOrder) -> None:
    if order.act == ApplyAct.APPLY and (changed := changed_bytes(worker, order)):
        _refuse(worker, context, order, changed)
        return
    preparation.play_migration(worker, context, order)


def _refuse(worker: Worker, context: RunContext, order: ApplyOrder, changed: list[str]) -> None:
    context.log.append(f"Refused: {', '.join(changed)} have changed since the approval. Nothing was applied.")
    with transaction(worker.engine) as session:
        application.mark_stale(session, order.run_id, changed)


def changed_bytes(worker: Worker, order: ApplyOrder) -> list[str]:
    """Return the members of the approved tuple that are files and have changed since the approval."""
    try:
        files = rendering.unpack(worker.keys.decrypt(order.bundle))
        plan_file = worker.keys.decrypt(order.plan_file) if order.plan_file else b""
    except InvalidToken:
        return ["sealed bytes"]
    folder = worker.folders.path(order.plan_id)
    changed = []
    if rendering.bundle_digest(files) != order.members["bundle_digest"]:
        changed.append("bundle_digest")
    if folder.is_dir() and worker.folders.read_back(folder, frozenset(files)) != files:
        changed.append("bundle_digest")
    if order.plan_file and rendering.sha256(plan_file) != order.members["plan_file_sha256"]:
        changed.append("plan_file_sha256")
    if (
        order.plan_file
        and folder.is_dir()
        and sha256_of(folder / PLAN_FILE) != order.members["plan_file_sha256"]
    ):
        changed.append("plan_file_sha256")
    if order.members["engine_version"] != _version(worker, order):
        changed.append("engine_version")
    return sorted(set(changed))


def _version(worker: Worker, order: ApplyOrder) -> str:
    if order.kind not in TERRAFORM_KINDS:
        return f"ansible-core {worker.ansible.version()}"
    return f"terraform {worker.terraform.version()}"


def _prepared(worker: Worker, order: ApplyOrder, run: EngineRun) -> tuple[Path, list[str]]:
    """Return the folder of the planning run if this worker has it, else one filled from the sealed bytes."""
    folder = worker.folders.path(order.plan_id)
    if (folder / ".terraform").is_dir():
        return folder, []
    files = rendering.unpack(worker.keys.decrypt(order.bundle))
    folder = worker.folders.fill(order.plan_id, files)
    if worker.terraform.init(folder, run).returncode != 0:
        return folder, ["engine"]
    (folder / PLAN_FILE).write_bytes(worker.keys.decrypt(order.plan_file or b""))
    return folder, []


def changed_reality(worker: Worker, order: ApplyOrder, run: EngineRun) -> list[str]:
    """Return the differing member if a fresh plan of the same bundle differs from the approved one (SC-5).

    Terraform compares a saved plan with its state only, so it does not see changes that were made in the
    cloud since. An empty state has no resources, and no plan is made.
    """
    if not order.members["state_serial"]:
        return []
    try:
        folder = worker.folders.fill(
            order.plan_id, rendering.unpack(worker.keys.decrypt(order.bundle)), purpose="check"
        )
        require(worker.terraform.init(folder, run), "init", (0,))
        require(worker.terraform.plan(folder, run, order.mode), "plan", (0, 2))
        digest = saved_plan.changes_digest(worker.terraform.show(folder, run))
    except (EngineError, EngineFailed) as error:
        run.log(f"The existing objects could not be compared: {error}")
        return ["engine"]
    finally:
        worker.folders.discard(order.plan_id, purpose="check")
    return [] if digest == order.members["changes_digest"] else ["changes_digest"]


def _after_failure(worker: Worker, context: RunContext, order: ApplyOrder, result: EngineResult) -> None:
    failure = EngineFailed("apply", result)
    with transaction(worker.engine) as session:
        application.start_verifying(session, order.run_id, f"worker:{worker.name}")
    _verify(worker, context, order, failure.reason, result.returncode)


def _verify(worker: Worker, context: RunContext, order: ApplyOrder, why: Reason, exit_code: int = -1) -> None:
    """Record the outcome without running the saved plan again: a fresh plan and the cloud's list are read."""
    context.log.append(f"{why.en} The saved plan is not run again; reading the existing objects.")
    _keep_errored_state(worker, order, worker.folders.path(order.plan_id))
    missing = _still_to_do(worker, context, order)
    try:
        seen: list[ObjectFound] | None = _in_cloud(worker, order)
    except CloudError as error:
        seen, missing = None, f"{missing or ''} The existing objects could not be read: {error}".strip()
    in_state = _in_state(worker, order)
    objects = _merge(in_state, seen or ())
    left = _left_behind(in_state, seen or ()) if order.kind == PlanKind.UNDO else None
    reason = left if missing is None else _unfinished(order, why, missing)
    if reason is None:
        context.log.append("The approved plan is completely applied.")
        _record(worker, order, ApplyResult(exit_code, complete=True, objects=objects))
        return
    _record(worker, order, ApplyResult(exit_code, False, objects, reason, all_seen=seen is not None))


def _unfinished(order: ApplyOrder, why: Reason, missing: str) -> Reason:
    next_steps = _NEXT if order.kind != PlanKind.UNDO else _UNDO_NEXT
    return Reason(f"{why.en} {missing}", f"{why.zh} 尚未全部完成。", *next_steps)


def _still_to_do(worker: Worker, context: RunContext, order: ApplyOrder) -> str | None:
    """Return None if a fresh plan of the same bundle changes nothing; otherwise its message."""
    run = engine_run(worker, context, order.workspace_id, order.cloud, ignore_cancel=True)
    try:
        folder = worker.folders.fill(
            order.plan_id, rendering.unpack(worker.keys.decrypt(order.bundle)), purpose="verify"
        )
        require(worker.terraform.init(folder, run), "init", (0,))
        result = worker.terraform.plan(folder, run, order.mode)
        require(result, "plan", (0, 2))
    except (EngineFailed, InvalidToken, OSError) as error:
        return f"The existing objects could not be compared: {error}"
    finally:
        worker.folders.discard(order.plan_id, purpose="verify")
    return None if result.returncode == 0 else "Some approved objects do not exist."


def _keep_errored_state(worker: Worker, order: ApplyOrder, folder: Path) -> None:
    """Store the state that Terraform wrote into its folder because the backend did not answer."""
    errored = folder / "errored.tfstate"
    if errored.is_file():
        with transaction(worker.engine) as session:
            run = queries.run(session, order.run_id)
            terraform_state.append(session, run, errored.read_bytes(), worker.keys)
        errored.unlink()


def _in_state(worker: Worker, order: ApplyOrder) -> list[ObjectFound]:
    with transaction(worker.engine) as session:
        body = terraform_state.newest(session, order.workspace_id, worker.keys)
    state = json.loads(body) if body else {}
    connections = _outputs(state, "instances")
    kinds = worker.modules.contract(order.cloud).kinds
    managed, tainted = state_files.managed_objects(state, kinds), state_files.tainted_addresses(state, kinds)
    objects = [_from_state(address, spec, connections) for address, spec in sorted(managed.items())]
    return [replace(resource, tainted=resource.address in tainted) for resource in objects]


def _outputs(state: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = state.get("outputs", {}).get(name, {}).get("value")
    return value if isinstance(value, Mapping) else {}


def _from_state(address: str, spec: Mapping[str, Any], instances: Mapping[str, Any]) -> ObjectFound:
    kind, name = address.split("/", 1)
    output = instances.get(name, {}) if kind == ObjectKind.INSTANCE else {}
    return ObjectFound(
        address=address,
        kind=kind,
        cloud_id=str(spec.get("id", "")) or None,
        ip_address=output.get("address"),
        connection=output.get("connection", {}),
        spec=spec,
    )


def _in_cloud(worker: Worker, order: ApplyOrder) -> list[ObjectFound]:
    inventory = worker.inventories.get(order.cloud)
    objects: Sequence[CloudObject] = inventory.list_objects(order.workspace_key) if inventory else ()
    return [
        ObjectFound(
            address=cloud_object.key.removeprefix(f"{order.workspace_key}/"),
            kind=cloud_object.kind,
            cloud_id=cloud_object.cloud_id,
            ip_address=cloud_object.address,
            connection={},
            spec=cloud_object.spec,
        )
        for cloud_object in objects
    ]


def _merge(state: Sequence[ObjectFound], cloud: Sequence[ObjectFound]) -> list[ObjectFound]:
    by_address = {resource.address: resource for resource in cloud} | {
        resource.address: resource for resource in state
    }
    return [by_address[address] for address in sorted(by_address)]


def _record(worker: Worker, order: ApplyOrder, result: ApplyResult) -> None:
    with transaction(worker.engine) as session:
        application.record_apply(session, order.run_id, result, worker.pack)
    worker.folders.discard(order.plan_id)
