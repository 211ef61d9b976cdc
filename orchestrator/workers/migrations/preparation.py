"""Planning, arming and disarming a migration; called by the jobs ``runs.plan`` and ``runs.apply``.

Before a plan is laid down the hosts are only read. Whatever changes them is played from the bundle that was
approved, whose every file is read-only.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from orchestrator.adapters.movers.bundles import move_bundle, steps
from orchestrator.core.db import transaction
from orchestrator.core.errors import BusinessError
from orchestrator.migrations.findings import Finding
from orchestrator.migrations.move import BadMove, Move, MoveHost
from orchestrator.migrations.movers import Act, MoverFailed, Movers, Preflight, Progress
from orchestrator.migrations.plan_files import HostDocument
from orchestrator.runs import rendering
from orchestrator.runs.engine import CloudError
from orchestrator.runs.outcomes import Reason
from orchestrator.runs.saved_plan import PlanFinding
from orchestrator.workers.migrations import switch
from orchestrator.workers.migrations.mover_run import MoveBench, at_the_movers
from orchestrator.workers.run_context import RunContext, Worker, engine_run
from orchestrator.workflows.migrations import acceptance, runs
from orchestrator.workflows.migrations.runs import MoveOrder
from orchestrator.workflows.plans import application, generation
from orchestrator.workflows.plans.application import ApplyOrder
from orchestrator.workflows.plans.generation import PlanningOrder, PlanningResult

SECONDS_BETWEEN_LOOKS: Final = 1.0
LOOKS_AT_A_GATE: Final = 8
OWN_COPIES: Final = frozenset({"target_not_empty", "folder_exists"})


class SourceUnknown(Exception):
    """A host that the plan names cannot be found in its cloud."""


def plan_move(worker: Worker, context: RunContext, order: PlanningOrder) -> None:
    """Read both sides, and lay down the plan with everything that was found."""
    try:
        with transaction(worker.engine) as session:
            wanted = runs.move_order(session, order.plan_id)
            for host in _unmade_hosts(wanted):
                runs.require_own_source(session, wanted.migration_id, host)
        source, names = _hosts(worker, wanted)
        move = wanted.move(source, names)
        findings, found = _look(worker, context, order, wanted, move)
    except (BadMove, BusinessError, CloudError, MoverFailed, SourceUnknown) as error:
        reason = why(error)
        context.log.append(reason.en)
        with transaction(worker.engine) as session:
            generation.fail_plan(session, order.run_id, reason, None)
            runs.tell(session, order.plan_id, reason)
        return
    finally:
        worker.folders.discard(order.plan_id, purpose="check")
    if wanted.act == "arm":
        found |= runs.hosts_found(move.source, move.target, names)
    result = _result(worker, wanted, move, findings)
    with transaction(worker.engine) as session:
        runs.record_planned(session, order.run_id, result, worker.pack, found)


def _unmade_hosts(order: MoveOrder) -> list[HostDocument]:
    return [order.plan.source, *([order.plan.name.service] if order.plan.name else [])]


def _hosts(worker: Worker, order: MoveOrder) -> tuple[MoveHost, MoveHost | None]:
    source = _host(worker, order.plan.source)
    return source, _host(worker, order.plan.name.service) if order.plan.name else None


def _host(worker: Worker, wanted: HostDocument) -> MoveHost:
    """A host that no request has made; the cloud itself says where a sandbox host is."""
    if wanted.address is not None:
        return MoveHost(wanted.host, wanted.address, {"plugin": "ssh"})
    for each in worker.inventories["sandbox"].list_objects(wanted.workspace or ""):
        if each.key == f"{wanted.workspace}/instance/{wanted.host}" and each.address and each.connection:
            return MoveHost(wanted.host, each.address, each.connection)
    raise SourceUnknown(f"The sandbox cloud has no host {wanted.workspace}/instance/{wanted.host}.")


def _look(
    worker: Worker, context: RunContext, order: PlanningOrder, wanted: MoveOrder, move: Move
) -> tuple[Sequence[Finding], dict[str, Any]]:
    """What stands in the way of the act, and what the migration keeps of the look."""
    files = move_bundle(worker.settings.content_dir / "playbooks", move, "check")
    folder = worker.folders.fill(order.plan_id, files, purpose="check")
    run = engine_run(worker, context, order.workspace_id, order.cloud)
    movers = worker.movers(move, folder, run)
    if wanted.act == "arm":
        preflight = _own_copies_aside(movers, movers.preflight())
        return preflight.findings, {"preflight": runs.preflight_document(preflight)}
    if wanted.act == "cut":
        progress = _gate(movers)
        kept = {"progress": runs.progress_document(None, progress)}
        return (*progress.trouble, *runs.gate_findings(progress)), kept
    return (), {}


def _own_copies_aside(movers: Movers, found: Preflight) -> Preflight:
    """What an earlier attempt of this very migration left on the target is taken up and blocks nothing."""
    if not any(each.code in OWN_COPIES for each in found.findings) or not movers.sides().target.armed:
        return found
    findings = [replace(each, blocking=False) if each.code in OWN_COPIES else each for each in found.findings]
    return replace(found, findings=tuple(findings))


def _gate(movers: Movers) -> Progress:
    """The copy just before a cut; where it has not caught up yet it gets a few looks' time."""
    found = movers.progress()
    for _ in range(LOOKS_AT_A_GATE):
        if found.ready or any(each.blocking for each in found.trouble):
            break
        time.sleep(SECONDS_BETWEEN_LOOKS)
        found = movers.progress()
    return found


def _result(worker: Worker, order: MoveOrder, move: Move, findings: Sequence[Finding]) -> PlanningResult:
    playbooks = worker.settings.content_dir / "playbooks"
    act: Act = order.act  # type: ignore[assignment]  # The database knows only these words.
    files = move_bundle(playbooks, move, act)
    shown = _steps(move, act)
    bound = [json.dumps(shown, sort_keys=True), files["inventory/hosts.json"].decode(), order.plan.digest()]
    if act == "cut":
        # The return that comes by itself is approved together with the cut.
        bound.append(rendering.bundle_digest(move_bundle(playbooks, move, "return")))
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


def _steps(move: Move, act: Act) -> list[dict[str, Any]]:
    addresses = {host.name: host.address for host in move.hosts().values()}
    return [
        {
            "playbook": step.playbook,
            "host": ", ".join(step.hosts),
            "address": ", ".join(addresses[name] for name in step.hosts),
            "text_en": step.text_en,
            "text_zh": step.text_zh,
        }
        for step in steps(move, act)
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
    """Why a mover or a plan was given up, in both languages, with what cures it."""
    if isinstance(error, MoverFailed):
        return runs.reason_of(error.findings, str(error))
    if isinstance(error, BusinessError):
        return runs.refusal_reason(error)
    return runs.reason_of((), str(error))


def play_move(worker: Worker, context: RunContext, order: ApplyOrder) -> None:
    """Play one approved act of a migration, or, after a takeover, find out what became of it."""
    with transaction(worker.engine) as session:
        wanted = runs.move_order(session, order.plan_id)
    move = wanted.stored_move()
    files = rendering.unpack(worker.keys.decrypt(order.bundle))
    if not _is_for(files, move):
        with transaction(worker.engine) as session:
            application.mark_stale(session, order.run_id, ["target"])
        return
    movers = at_the_movers(worker, context, order.plan_id, order.workspace_id, order.cloud, move, files)
    if wanted.act == "arm":
        _arm(movers)
    elif wanted.act == "disarm":
        _disarm(movers, remove_copies=wanted.serves == "source")
    else:
        switch.switch(movers, after_takeover=order.act == "verify")
    worker.folders.discard(order.plan_id)


def _is_for(files: Mapping[str, bytes], move: Move) -> bool:
    """Whether the approved variables are still this move: the target is where Terraform's output says."""
    approved = json.loads(files["vars.json"])
    return bool(approved["move"] == json.loads(json.dumps(move.variables())))


def _arm(at: MoveBench) -> None:
    with transaction(at.worker.engine) as session:
        runs.begin_arming(session, at.plan_id, f"worker:{at.worker.name}")
    try:
        sides = at.movers.sides()
        if not (sides.source.armed and sides.target.armed):
            at.movers.arm()
        _follow_the_copy(at)
    except (MoverFailed, Stopped) as error:
        cancelled = isinstance(error, Stopped) and error.why == "cancelled"
        reason = why(error) if isinstance(error, MoverFailed) else _stopped(error)
        with transaction(at.worker.engine) as session:
            runs.record_failed(session, at.run_id, reason, cancelled=cancelled)
        return
    with transaction(at.worker.engine) as session:
        runs.record_armed(session, at.run_id)


class Stopped(Exception):
    """The run was told to stop while it waited for the copy."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


def _follow_the_copy(at: MoveBench) -> None:
    """Look at the copy until it is complete; every look is stored with its rate."""
    before: Progress | None = None
    while True:
        found = at.movers.progress()
        document = runs.progress_document(before, found)
        with transaction(at.worker.engine) as session:
            runs.keep_progress(session, at.plan_id, document)
        at.context.log.append(_told(document))
        if found.ready:
            return
        if reason := at.should_stop():
            raise Stopped(reason)
        before = found
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _told(document: Mapping[str, Any]) -> str:
    rows = f"{document['database_bytes_done']:,} of {document['database_bytes']:,} bytes of tables"
    files = f"{document['files_done']:,} of {document['files']:,} files"
    trouble = "".join(f" {each['problem_en']}" for each in document["trouble"])
    return f"Copied: {rows}, {files}.{trouble}"


def _stopped(error: Exception) -> Reason:
    return Reason(
        f"The run was told to stop ({error}); the copy on the hosts goes on.",
        f"任务被要求停止（{error}）；主机上的复制仍在继续。",
        "Check and start again: what is there is taken up.",
        "请重新检查并启动：将接续已有内容。",
    )


def _disarm(at: MoveBench, *, remove_copies: bool) -> None:
    try:
        found = at.movers.disarm(remove_copies=remove_copies)
    except MoverFailed as error:
        with transaction(at.worker.engine) as session:
            runs.record_failed(session, at.run_id, why(error))
        return
    with transaction(at.worker.engine) as session:
        acceptance.record_disarmed(session, at.run_id, found.removed, found.left)
