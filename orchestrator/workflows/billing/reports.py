"""The usage report of a year, and the origin of an amount."""

from typing import Any

from sqlmodel import Session

from orchestrator.billing import queries as usage_queries
from orchestrator.billing import statement_queries
from orchestrator.billing.models import UsageStatement
from orchestrator.billing.months import month_text
from orchestrator.billing.statement_queries import ListedLine
from orchestrator.billing.usage_report import DepartmentYear, amounts
from orchestrator.core.money import format_plain
from orchestrator.departments import queries as department_queries
from orchestrator.quotas import queries as quota_queries
from orchestrator.quotas.models import BudgetLine
from orchestrator.resource_requests import queries as request_queries
from orchestrator.runs import queries as run_queries
from orchestrator.runs.models import ExecutionPlan


def usage_report(session: Session, year: int, organisation: str | None = None) -> dict[str, Any]:
    """Return every department with a statement or a cloud budget in `year`; amounts in fen.

    `stated_fen` are the current statements, whatever their status; `spent_fen` grows with settlements alone.
    """
    names = {one.code: one for one in department_queries.organisations(session)}
    statements: dict[str, list[UsageStatement]] = {}
    for row in statement_queries.of_year(session, year, organisation):
        statements.setdefault(row.organisation_code, []).append(row)
    budgets: dict[str, list[BudgetLine]] = {}
    for line in quota_queries.budget_lines(session, organisation):
        if line.fiscal_year == year and line.purpose == quota_queries.CLOUD_PURPOSE:
            budgets.setdefault(line.organisation_code, []).append(line)
    departments = [
        {
            "organisation": code,
            "name_zh": names[code].name_zh,
            "name_en": names[code].name_en,
            **amounts(DepartmentYear(budgets.get(code, []), statements.get(code, []))),
            "months": [_month(row) for row in statements.get(code, [])],
        }
        for code in sorted({*statements, *budgets})
    ]
    total = sum(row.total_fen for rows in statements.values() for row in rows)
    return {"year": year, "departments": departments, "stated_fen": total, "stated": format_plain(total)}


def _month(row: UsageStatement) -> dict[str, Any]:
    return {
        "month": month_text(row.month),
        "statement_id": str(row.id),
        "number": row.number,
        "status": row.status,
        "total_fen": row.total_fen,
    }


def trace(session: Session, item: ListedLine) -> dict[str, Any]:
    """Return the origin of an amount: usage, run, plan with digest, approvals and request."""
    line = item.line
    run = run_queries.run(session, line.run_id)
    intervals = usage_queries.intervals_of(session, line.resource_id, line.sku_code, line.starts, line.ends)
    document: dict[str, Any] = {
        "intervals": [
            interval.model_dump(mode="json", exclude={"days"}) | _days(interval) for interval in intervals
        ],
        "run": {"id": str(run.id), "kind": run.kind, "status": run.status},
    }
    if run.plan_id is not None:
        document |= _plan(session, run_queries.plan(session, run.plan_id))
    return document


def _days(interval: Any) -> dict[str, str | None]:
    ends = interval.days.upper
    return {"starts": interval.days.lower.isoformat(), "ends": ends.isoformat() if ends else None}


def _plan(session: Session, plan: ExecutionPlan) -> dict[str, Any]:
    request = request_queries.get(session, plan.request_id)
    return {
        "plan": {
            "id": str(plan.id),
            "number": plan.number,
            "digest": plan.tuple_digest,
            "status": plan.status,
        },
        "approvals": [
            {
                "role": approval.role,
                "approver_id": str(approval.approver_id),
                "decision": approval.decision,
                "digest": approval.digest,
                "at": approval.at.isoformat(),
            }
            for approval in run_queries.approvals(session, plan.id)
        ],
        "request": {"id": str(request.id), "number": request.number, "title": request.title},
    }
