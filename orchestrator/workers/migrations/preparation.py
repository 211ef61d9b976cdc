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
from orchestrator.migrations.findings import Finding
from orchestrator.migrations.kinds import Purpose
from orchestrator.migrations.movers import MoverFailed, Movers, Preflight, Progress
from orchestrator.migrations.plan_files import HostDocument
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
from orchestrator.workflows.migrations.runs import MigrationOrder
from orchestrator.workflows.plans import application, generation
from orchestrator.workflows.plans.application import ApplyOrder
from orchestrator.workflows.plans.generation import PlanningOrder, PlanningResult

SECONDS_BETWEEN_LOOKS: Final = 1.0
LOOKS_AT_A_GATE: Final = 8
OWN_COPIES: Final = frozenset({"target_not_empty", "folder_exists"})


class SourceUnknown(Exception):
    """A host that the plan names cannot be found in its cloud."""


def plan_migration(worker: Worker, context: RunContext, order: PlanningOrder) -> None:
    """Read both sides, and lay down the plan with everything that was found."""
    try:
        with transaction(worker.engine) as session:
            wanted = runs.migration_order(session, order.plan_id)
            for host in _unmade_hosts(wanted):
                runs.require_own_source(session, wanted.migration_id, host)
        source, names = _hosts(worker, wanted)
        transfer = wanted.transfer(source, names)
        findings, found = _look(worker, context, order, wanted, transfer)
    except (BadTransfer, BusinessError, CloudError, MoverFailed, SourceUnknown) as error:
        reason = why(error)
        context.log.append(reason.en)
        with transaction(worker.engine) as session:
            generation.fail_plan(session, order.run_id, reason, None)
            runs.tell(session, order.plan_id, reason)
        return
    finally:
        worker.folders.discard(order.plan_id, purpose="check")
    if wanted.act is PlanKind.PREPARE:
        found |= runs.hosts_found(transfer.source, transfer.target, names)
    result = _result(worker, wanted, transfer, findings)
    with transaction(worker.engine) as session:
        runs.record_planned(session, order.run_id, result, worker.pack, found)


def _unmade_hosts(order: MigrationOrder) -> list[HostDocument]:
    return [order.plan.source, *([order.plan.name.service] if order.plan.name else [])]


def _hosts(worker: Worker, order: MigrationOrder) -> tuple[MigrationHost, MigrationHost | None]:
    source = _host(worker, order.plan.source)
    return source, _host(worker, order.plan.name.service) if order.plan.name else None


def _host(worker: Worker, wanted: HostDocument) -> MigrationHost:
    """A host that no request has made; the cloud itself says where a sandbox host is."""
    if wanted.address is not None:
        return MigrationHost(wanted.host, wanted.address, {"plugin": "ssh"})
    for each in worker.inventories["sandbox"].list_objects(wanted.workspace or ""):
        if each.key == f"{wanted.workspace}/instance/{wanted.host}" and each.address and each.connection:
            return MigrationHost(wanted.host, each.address, each.connection)
    raise SourceUnknown(f"The sandbox cloud has no host {wanted.workspace}/instance/{wanted.host}.")


def _look(
    worker: Worker, context: RunContext, order: PlanningOrder, wanted: MigrationOrder, transfer: Transfer
) -> tuple[Sequence[Finding], dict[str, Any]]:
    """The findings that block the act, and the facts to store in the migration."""
    files = transfer_bundle(worker.settings.content_dir / "playbooks", transfer, Purpose.CHECK)
    folder = worker.folders.fill(order.plan_id, files, purpose="check")
    run = engine_run(worker, context, order.workspace_id, order.cloud)
    movers = worker.movers(transfer, folder, run)
    if wanted.act is PlanKind.PREPARE:
        preflight = _own_copies_aside(movers, movers.preflight())
        return preflight.findings, {"preflight": runs.preflight_document(preflight)}
    if wanted.act is PlanKind.CUTOVER:
        progress = _gate(movers)
        kept = {"progress": runs.progress_document(None, progress)}
        return (*progress.trouble, *runs.gate_findings(progress)), kept
    return (), {}


def _own_copies_aside(movers: Movers, found: Preflight) -> Preflight:
    """Remains of an earlier attempt of this migration on the target are reused and do not block it."""
    if not any(each.code in OWN_COPIES for each in found.findings) or not movers.sides().target.prepared:
        return found
    findings = [replace(each, blocking=False) if each.code in OWN_COPIES else each for each in found.findings]
    return replace(found, findings=tuple(findings))


def _gate(movers: Movers) -> Progress:
    """The copy just before a cutover; where it has not caught up yet it gets a few looks' time."""
    found = movers.progress()
    for _ in range(LOOKS_AT_A_GATE):
        if found.ready or any(each.blocking for each in found.trouble):
            break
        time.sleep(SECONDS_BETWEEN_LOOKS)
        found = movers.progress()
    return found


def _result(
    worker: Worker, order: MigrationOrder, transfer: Transfer, findings: Sequence[Finding]
) -> PlanningResult:
    playbooks = worker.settings.content_dir / "playbooks"
    purpose = Purpose(order.act)
    files = transfer_bundle(playbooks, transfer, purpose)
    shown = _steps(transfer, purpose)
    bound = [json.dumps(shown, sort_keys=True), files["inventory/hosts.json"].decode(), order.plan.digest()]
    if order.act is PlanKind.CUTOVER:
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
        findings=[_plan_finding(each) for each in findings],
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


def _plan_finding(found: Finding) -> PlanFinding:
    return PlanFinding(
        code=found.code,
        address=str(found.facts.get("side", "")),
        message=f"{found.problem_en} {found.fix_en}",
        message_zh=f"{found.problem_zh}{found.fix_zh}",
        blocks=found.blocking,
    )


def why(error: Exception) -> Reason:
    """Reasons for ending a mover run or a plan, in both languages, with the remedy."""
    if isinstance(error, MoverFailed):
        return runs.reason_of(error.findings, str(error))
    if isinstance(error, BusinessError):
        return runs.refusal_reason(error)
    return runs.reason_of((), str(error))


def play_migration(worker: Worker, context: RunContext, order: ApplyOrder) -> None:
    """Play one approved act of a migration, or find out its outcome after a takeover."""
    with transaction(worker.engine) as session:
        wanted = runs.migration_order(session, order.plan_id)
    transfer = wanted.stored_transfer()
    files = rendering.unpack(worker.keys.decrypt(order.bundle))
    if not _is_for(files, transfer):
        with transaction(worker.engine) as session:
            application.mark_stale(session, order.run_id, ["target"])
        return
    plan = MoverPlan(order.plan_id, order.workspace_id, order.cloud)
    run = open_mover_run(worker, context, plan, transfer, files)
    if wanted.act is PlanKind.PREPARE:
        _prepare(run)
    elif wanted.act is PlanKind.CLEAN_UP:
        _clean_up(run, remove_copies=wanted.serves == "source")
    else:
        switch.switch(run, after_takeover=order.act == ApplyAct.VERIFY)
    worker.folders.discard(order.plan_id)


def _is_for(files: Mapping[str, bytes], transfer: Transfer) -> bool:
    """Whether the approved variables are still this transfer: the target is where Terraform's output says."""
    approved = json.loads(files["vars.json"])
    return bool(approved["transfer"] == json.loads(json.dumps(transfer.variables())))


def _prepare(at: MoverRun) -> None:
    with transaction(at.worker.engine) as session:
        runs.begin_preparation(session, at.plan_id, f"worker:{at.worker.name}")
    try:
        sides = at.movers.sides()
        if not (sides.source.prepared and sides.target.prepared):
            at.movers.prepare()
        _follow_the_copy(at)
    except (MoverFailed, Stopped) as error:
        cancelled = isinstance(error, Stopped) and error.why == "cancelled"
        reason = why(error) if isinstance(error, MoverFailed) else _stopped(error)
        with transaction(at.worker.engine) as session:
            runs.record_failed(session, at.run_id, reason, cancelled=cancelled)
        return
    with transaction(at.worker.engine) as session:
        runs.record_prepared(session, at.run_id)


class Stopped(Exception):
    """The run was stopped while it waited for the copy."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


def _follow_the_copy(at: MoverRun) -> None:
    """Look at the copy until it is complete; every look is stored with its rate."""
    before: Progress | None = None
    while True:
        found = at.movers.progress()
        document = runs.progress_document(before, found)
        with transaction(at.worker.engine) as session:
            runs.keep_progress(session, at.plan_id, document)
        at.context.log.append(_progress_line(document))
        if found.ready:
            return
        if reason := at.should_stop():
            raise Stopped(reason)
        before = found
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _progress_line(document: Mapping[str, Any]) -> str:
    rows = f"{document['database_bytes_done']:,} of {document['database_bytes']:,} bytes of tables"
    files = f"{document['files_done']:,} of {document['files']:,} files"
    trouble = "".join(f" {each['problem_en']}" for each in document["trouble"])
    return f"Copied: {rows}, {files}.{trouble}"


def _stopped(error: Exception) -> Reason:
    return Reason(
        f"The run was stopped ({error}); the copy on the hosts goes on.",
        f"执行已停止（{error}）；主机上的复制仍在继续。",
        "Check both sides and start again: the copy is continued.",
        "请重新检查并启动：将接续已有内容。",
    )


def _clean_up(at: MoverRun, *, remove_copies: bool) -> None:
    try:
        found = at.movers.clean_up(remove_copies=remove_copies)
    except MoverFailed as error:
        with transaction(at.worker.engine) as session:
            runs.record_failed(session, at.run_id, why(error))
        return
    with transaction(at.worker.engine) as session:
        acceptance.record_cleaned_up(session, at.run_id, found.removed, found.left)
