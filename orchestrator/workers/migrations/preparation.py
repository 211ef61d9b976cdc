"""Plan, prepare and clean up a migration, for the jobs ``runs.plan`` and ``runs.apply``.

Planning only reads the hosts. Every change is played from the approved bundle, whose files are read-only.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from orchestrator.adapters.movers.bundles import steps, transfer_bundle
from orchestrator.core.db import transaction
from orchestrator.core.errors import BusinessError
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.core.stop_reasons import StopReason
from orchestrator.migrations.findings import Finding
from orchestrator.migrations.kinds import Purpose, Side
from orchestrator.migrations.movers import MoverFailed, Movers, Preflight, Progress
from orchestrator.migrations.plan_files import HostDocument
from orchestrator.migrations.records import ProgressRecord
from orchestrator.migrations.transfer import BadTransfer, MigrationHost, Transfer
from orchestrator.runs import rendering
from orchestrator.runs.engine import CloudError
from orchestrator.runs.kinds import ApplyAct
from orchestrator.runs.outcomes import Reason
from orchestrator.runs.saved_plan import PlanFinding
from orchestrator.workers.migrations import switch
from orchestrator.workers.migrations.mover_run import MoverPlan, MoverRun, open_mover_run
from orchestrator.workers.run_context import RunContext, Worker, engine_run
from orchestrator.workflows.migrations import acceptance, runs
from orchestrator.workflows.migrations.runs import HostReadings, MigrationOrder
from orchestrator.workflows.plans import application, generation
from orchestrator.workflows.plans.application import ApplyOrder
from orchestrator.workflows.plans.generation import PlanningOrder, PlanningResult

SECONDS_BETWEEN_READINGS: Final = 1.0
READINGS_BEFORE_CUTOVER: Final = 8
OWN_COPIES: Final = frozenset({"target_not_empty", "folder_exists"})


class SourceUnknown(Exception):
    """A host that the plan names is not in its cloud."""


# --- planning --------------------------------------------------------------------------------------


def plan_migration(worker: Worker, context: RunContext, order: PlanningOrder) -> None:
    """Read both sides and record the plan with all findings."""
    try:
        with transaction(worker.engine) as session:
            migration = runs.migration_order(session, order.plan_id)
            for host in _external_hosts(migration):
                runs.require_own_source(session, migration.migration_id, host)
        transfer = migration.transfer(*_hosts(worker, migration))
        movers = _movers_to_check(worker, context, order, transfer)
        findings, readings = _read_hosts(movers, migration.act)
    except (BadTransfer, BusinessError, CloudError, MoverFailed, SourceUnknown) as error:
        reason = reason_of_error(error)
        context.log.append(reason.en)
        with transaction(worker.engine) as session:
            generation.fail_plan(session, order.run_id, reason, None)
            runs.show_reason(session, order.plan_id, reason)
        return
    finally:
        worker.folders.discard(order.plan_id, purpose="check")
    if migration.act is PlanKind.PREPARE:
        readings = replace(readings, transfer=transfer)
    result = _result(worker, migration, transfer, findings)
    with transaction(worker.engine) as session:
        runs.record_planned(session, order.run_id, result, worker.pack, readings)


def _external_hosts(migration: MigrationOrder) -> list[HostDocument]:
    """Return the hosts that no request has provisioned."""
    plan = migration.plan
    return [plan.source, *([plan.name.service] if plan.name else [])]


def _hosts(worker: Worker, migration: MigrationOrder) -> tuple[MigrationHost, MigrationHost | None]:
    plan = migration.plan
    source = _host(worker, plan.source)
    return source, _host(worker, plan.name.service) if plan.name else None


def _host(worker: Worker, document: HostDocument) -> MigrationHost:
    """Return a host that no request has provisioned; the cloud says where a sandbox host is."""
    if document.address is not None:
        return MigrationHost(document.host, document.address, {"plugin": "ssh"})
    key = f"{document.workspace}/instance/{document.host}"
    for instance in worker.inventories["sandbox"].list_objects(document.workspace or ""):
        if instance.key == key and instance.address and instance.connection:
            return MigrationHost(document.host, instance.address, instance.connection)
    raise SourceUnknown(f"The sandbox cloud has no host {key}.")


def _movers_to_check(worker: Worker, context: RunContext, order: PlanningOrder, transfer: Transfer) -> Movers:
    files = transfer_bundle(worker.settings.content_dir / "playbooks", transfer, Purpose.CHECK)
    folder = worker.folders.fill(order.plan_id, files, purpose="check")
    return worker.movers(transfer, folder, engine_run(worker, context, order.workspace_id, order.cloud))


def _read_hosts(movers: Movers, act: PlanKind) -> tuple[Sequence[Finding], HostReadings]:
    """Return the findings that block the act, and the readings that the migration stores."""
    if act is PlanKind.PREPARE:
        preflight = _without_own_copies(movers, movers.preflight())
        return preflight.findings, HostReadings(preflight=preflight)
    if act is PlanKind.CUTOVER:
        progress = _progress_before_cutover(movers)
        return (*progress.trouble, *runs.gate_findings(progress)), HostReadings(progress=progress)
    return (), HostReadings()


def _without_own_copies(movers: Movers, preflight: Preflight) -> Preflight:
    """Let copies of an earlier attempt of this migration on the target not block: they are continued."""
    own = [finding for finding in preflight.findings if finding.code in OWN_COPIES]
    if not own or not movers.sides().target.prepared:
        return preflight
    findings = [
        replace(finding, blocking=False) if finding in own else finding for finding in preflight.findings
    ]
    return replace(preflight, findings=tuple(findings))


def _progress_before_cutover(movers: Movers) -> Progress:
    """Return the progress of the copy; one that lags behind is read a few times more."""
    progress = movers.progress()
    for _ in range(READINGS_BEFORE_CUTOVER):
        if progress.ready or any(finding.blocking for finding in progress.trouble):
            break
        time.sleep(SECONDS_BETWEEN_READINGS)
        progress = movers.progress()
    return progress


def _result(
    worker: Worker, migration: MigrationOrder, transfer: Transfer, findings: Sequence[Finding]
) -> PlanningResult:
    playbooks = worker.settings.content_dir / "playbooks"
    purpose = Purpose(migration.act)
    files = transfer_bundle(playbooks, transfer, purpose)
    shown = _steps(transfer, purpose)
    bound = [
        json.dumps(shown, sort_keys=True),
        files["inventory/hosts.json"].decode(),
        migration.plan.digest(),
    ]
    if migration.act is PlanKind.CUTOVER:
        # An automatic rollback is approved together with its cutover.
        bound.append(rendering.bundle_digest(transfer_bundle(playbooks, transfer, Purpose.ROLLBACK)))
    return PlanningResult(
        bundle=worker.keys.encrypt(rendering.pack(files)),
        bundle_digest=rendering.bundle_digest(files),
        lock_file_digest="",
        engine_version=f"ansible-core {worker.ansible.version()}",
        plan_file=None,
        plan_file_sha256="",
        changes_digest=hashlib.sha256("\n".join(bound).encode()).hexdigest(),
        findings=[_plan_finding(finding) for finding in findings],
        steps=shown,
    )


def _steps(transfer: Transfer, purpose: Purpose) -> list[dict[str, Any]]:
    addresses = {host.name: host.address for host in transfer.hosts().values()}
    return [
        {
            "playbook": step.playbook,
            "host": ", ".join(step.hosts),
            "address": ", ".join(addresses[name] for name in step.hosts),
            "text_en": step.text_en,
            "text_zh": step.text_zh,
        }
        for step in steps(transfer, purpose)
    ]


def _plan_finding(finding: Finding) -> PlanFinding:
    return PlanFinding(
        code=finding.code,
        address=str(finding.facts.get("side", "")),
        message=f"{finding.problem_en} {finding.fix_en}",
        message_zh=f"{finding.problem_zh}{finding.fix_zh}",
        blocks=finding.blocking,
    )


def reason_of_error(error: Exception) -> Reason:
    """Return why a run or a plan ends, in both languages, with the remedy."""
    if isinstance(error, MoverFailed):
        return runs.reason_of(error.findings, str(error))
    if isinstance(error, BusinessError):
        return runs.refusal_reason(error)
    return runs.reason_of((), str(error))


# --- playing an approved plan ----------------------------------------------------------------------


def play_migration(worker: Worker, context: RunContext, order: ApplyOrder) -> None:
    """Play an approved plan of a migration, or find out its outcome after an earlier worker was lost."""
    with transaction(worker.engine) as session:
        migration = runs.migration_order(session, order.plan_id)
    transfer = migration.stored_transfer()
    files = rendering.unpack(worker.keys.decrypt(order.bundle))
    if not _is_for(files, transfer):
        with transaction(worker.engine) as session:
            application.mark_stale(session, order.run_id, ["target"])
        return
    plan = MoverPlan(order.plan_id, order.workspace_id, order.cloud)
    run = open_mover_run(worker, context, plan, transfer, files)
    if migration.act is PlanKind.PREPARE:
        _prepare(run)
    elif migration.act is PlanKind.CLEAN_UP:
        _clean_up(run, remove_copies=migration.serves is Side.SOURCE)
    else:
        switch.switch(run, after_takeover=order.act is ApplyAct.VERIFY)
    worker.folders.discard(order.plan_id)


def _is_for(files: Mapping[str, bytes], transfer: Transfer) -> bool:
    """Return whether the approved variables still describe this transfer, whose target Terraform reports."""
    approved = json.loads(files["vars.json"])
    return bool(approved["transfer"] == json.loads(json.dumps(transfer.variables())))


def _prepare(run: MoverRun) -> None:
    with transaction(run.worker.engine) as session:
        runs.begin_preparation(session, run.plan_id, f"worker:{run.worker.name}")
    try:
        sides = run.movers.sides()
        if not (sides.source.prepared and sides.target.prepared):
            run.movers.prepare()
        _wait_for_copy(run)
    except (MoverFailed, Stopped) as error:
        cancelled = isinstance(error, Stopped) and error.why is StopReason.CANCELLED
        reason = reason_of_error(error) if isinstance(error, MoverFailed) else _stopped(error)
        with transaction(run.worker.engine) as session:
            runs.record_failed(session, run.run_id, reason, cancelled=cancelled)
        return
    with transaction(run.worker.engine) as session:
        runs.record_prepared(session, run.run_id)


class Stopped(Exception):
    """The run was stopped while it waited for the copy."""

    def __init__(self, why: StopReason) -> None:
        self.why = why
        super().__init__(why)


def _wait_for_copy(run: MoverRun) -> None:
    """Record the progress of the copy with its rate, once a second, until the copy is complete."""
    earlier: Progress | None = None
    while True:
        progress = run.movers.progress()
        record = ProgressRecord.since(earlier, progress)
        with transaction(run.worker.engine) as session:
            runs.record_progress(session, run.plan_id, record)
        run.context.log.append(_progress_line(progress))
        if progress.ready:
            return
        if reason := run.should_stop():
            raise Stopped(reason)
        earlier = progress
        time.sleep(SECONDS_BETWEEN_READINGS)


def _progress_line(progress: Progress) -> str:
    tables = f"{progress.database_bytes_done:,} of {progress.database_bytes:,} bytes of tables"
    files = f"{progress.files_done:,} of {progress.files:,} files"
    trouble = "".join(f" {finding.problem_en}" for finding in progress.trouble)
    return f"Copied: {tables}, {files}.{trouble}"


def _stopped(error: Exception) -> Reason:
    return Reason(
        f"The run was stopped ({error}); the copy on the hosts goes on.",
        f"执行已停止（{error}）；主机上的复制仍在继续。",
        "Check both sides and start again: the copy is continued.",
        "请重新检查并启动：将接续已有内容。",
    )


def _clean_up(run: MoverRun, *, remove_copies: bool) -> None:
    try:
        result = run.movers.clean_up(remove_copies=remove_copies)
    except MoverFailed as error:
        with transaction(run.worker.engine) as session:
            runs.record_failed(session, run.run_id, reason_of_error(error))
        return
    with transaction(run.worker.engine) as session:
        acceptance.record_cleaned_up(session, run.run_id, result)
