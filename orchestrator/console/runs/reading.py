"""Read runs and their logs as the view models of the pages."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from orchestrator.console.frame.acts import buttons
from orchestrator.console.frame.views import ActionSet
from orchestrator.console.frame.visit import Visit
from orchestrator.console.runs.views import LogLine, RunDetail, RunRow
from orchestrator.console.words.i18n import N_
from orchestrator.departments.permissions import require_visible
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resources.drift import DriftFinding, stored_finding
from orchestrator.runs import queries
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.lifecycle import RUN_LIFECYCLE, RunStatus
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.workflows.nouns import RUNS

NEWEST_LINES = 500
MOST_LINES = 20_000

EXISTS = N_("现有 %(address)s。")
GONE = N_("%(address)s 已不存在，登记中仍在。")
UNKNOWN = N_("%(address)s 实际存在，但没有登记。")
DIFFERS = N_("%(address)s 的 %(attribute)s：登记为 %(state)s，实际为 %(reality)s。")
AGREES = N_("实际情况与登记一致。")
REPORTED = N_("%(host)s：%(facts)s")


def row(visit: Visit, run: Run) -> RunRow:
    """Return one run as a row of a list."""
    plan = _plan(visit, run)
    seconds = None
    if run.started_at is not None and run.finished_at is not None:
        seconds = round((run.finished_at - run.started_at).total_seconds())
    return RunRow(
        id=str(run.id),
        kind=run.kind,
        status=run.status,
        organisation=visit.names.organisation(run.organisation_code),
        subject=queries.workspace(visit.session, run.workspace_id).key,
        plan_id=str(plan.id) if plan else "",
        plan_number=plan.number if plan else "",
        started_at=run.started_at,
        seconds=seconds,
    )


def detail(visit: Visit, run: Run, *, whole_log: bool = False) -> RunDetail:
    """Return one run with the newest lines of its log, or with all of them."""
    plan = _plan(visit, run)
    request = request_queries.get(visit.session, plan.request_id) if plan else None
    lines = _lines(visit, run)
    shown = lines[-(MOST_LINES if whole_log else NEWEST_LINES) :]
    return RunDetail(
        id=str(run.id),
        kind=run.kind,
        status=run.status,
        version=run.version,
        subject=queries.workspace(visit.session, run.workspace_id).key,
        plan_id=str(plan.id) if plan else "",
        plan_number=plan.number if plan else "",
        request_id=str(request.id) if request else "",
        request_number=request.number if request else "",
        organisation=visit.names.organisation(run.organisation_code),
        applier=visit.names.person(run.started_by),
        worker=run.worker or "",
        started_at=run.started_at,
        ended_at=run.finished_at,
        results=tuple(_results(visit, run.kind, run.outcome)),
        lines=tuple(shown),
        earlier=len(lines) - len(shown),
        ended=RUN_LIFECYCLE.is_final(RunStatus(run.status)),
        acts=ActionSet(buttons(visit, RUNS, run)),
        trouble=visit.pick(run.reason_zh, run.reason),
        advice=visit.pick(run.next_step_zh, run.next_step),
    )


def find(visit: Visit, run_id: UUID) -> Run:
    """Return a run that the person may see.

    Raises:
        NotFound: there is none, or it belongs to an organisation that this person does not see.
    """
    return require_visible(visit.actor, queries.run(visit.session, run_id))


def _plan(visit: Visit, run: Run) -> ExecutionPlan | None:
    return queries.plan(visit.session, run.plan_id) if run.plan_id else None


def _lines(visit: Visit, run: Run) -> list[LogLine]:
    return [
        LogLine(chunk.first_line + offset, text)
        for chunk in queries.log_chunks(visit.session, run.id)
        for offset, text in enumerate(chunk.text.split("\n"))
    ]


def _results(visit: Visit, kind: str, outcome: Mapping[str, Any]) -> Iterable[str]:
    for address in outcome.get("objects", []):
        yield visit.say(EXISTS, address=address)
    for host, facts in outcome.get("report", {}).items():
        yield visit.say(REPORTED, host=host, facts=_facts(facts))
    if kind == RunKind.DRIFT and "findings" in outcome:
        findings = [stored_finding(document) for document in outcome["findings"]]
        yield from drift_words(visit, findings) if findings else [visit.say(AGREES)]


def drift_words(visit: Visit, findings: Iterable[DriftFinding]) -> Iterable[str]:
    """Yield one sentence for each difference between the registered and the real resources."""
    for finding in findings:
        address = finding.address
        if finding.gone:
            yield visit.say(GONE, address=address)
        if finding.unknown:
            yield visit.say(UNKNOWN, address=address)
        for change in finding.changes:
            yield visit.say(
                DIFFERS,
                address=address,
                attribute=change.attribute,
                state=change.state,
                reality=change.reality,
            )


def _facts(facts: Any) -> str:
    if not isinstance(facts, Mapping):
        return str(facts)
    return ", ".join(f"{name} {value}" for name, value in sorted(facts.items()))
