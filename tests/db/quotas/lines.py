"""The budget line of the sample city that pays for cloud services."""

from datetime import date

from sqlmodel import Session, select

from orchestrator.quotas.models import BudgetLine
from orchestrator.quotas.queries import CLOUD_PURPOSE


def cloud_budget(session: Session, organisation: str, day: date) -> BudgetLine | None:
    """Return the organisation's budget line for cloud services in the fiscal year of `day`, or None."""
    return session.exec(
        select(BudgetLine).where(
            BudgetLine.organisation_code == organisation,
            BudgetLine.fiscal_year == day.year,
            BudgetLine.purpose == CLOUD_PURPOSE,
            BudgetLine.payer == "department",
        )
    ).one_or_none()
