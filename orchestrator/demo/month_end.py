"""The last part of `govcloud demo`: the month is over, and every department gets its statement."""

import json
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from orchestrator.client.api import ApiClient
from orchestrator.client.models import ExportStatementFormat, StatementDetail, StatementStatus
from orchestrator.core import clock
from orchestrator.core.db import transaction
from orchestrator.core.money import format_cny
from orchestrator.demo.case import REVIEWER
from orchestrator.demo.city import Cast, DemoStopped, Department
from orchestrator.demo.story import Story

FORMATS: Final = (ExportStatementFormat.PDF, ExportStatementFormat.XLSX)
SECONDS_TO_METER: Final = 120.0


def end_month(engine: Engine, cast: Cast) -> str:
    """Let the product's clock show the morning after the month; the month that is over, ``2019-06``."""
    with transaction(engine) as session:
        day = clock.today(session)
        first = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
        clock.set_to(session, datetime(first.year, first.month, 1, 9, 0, tzinfo=clock.CITY))
    # Who signed in did so for a day.
    cast.sign_out()
    return f"{day:%Y-%m}"


def close(cast: Mapping[str, ApiClient], month: str) -> list[StatementDetail]:
    """The centre closes the month and verifies the figures; the issued statements.

    Raises:
        DemoStopped: metering takes too long.
    """
    centre = cast[REVIEWER]
    progress = centre.close_month(month)
    give_up = time.monotonic() + SECONDS_TO_METER
    while progress.to_meter:
        if time.monotonic() > give_up:
            raise DemoStopped(f"{progress.to_meter} statements of {month} are not metered.")
        time.sleep(0.2)
        progress = centre.read_month(month)
    metered = centre.list_statements(month=month, status=StatementStatus.METERED).items
    return [centre.issue_statement(statement.id) for statement in metered]


def confirm(cast: Mapping[str, ApiClient], statement: StatementDetail) -> None:
    """The department's information officer agrees."""
    officer = Department(statement.organisation_code, "").officer
    if officer in cast:
        cast[officer].confirm_statement(statement.id)


def show(story: Story, client: ApiClient, statement: StatementDetail) -> None:
    """Return the statement as its department reads it, narrow enough for a terminal."""
    document = json.loads(client.export_statement(statement.id, format=ExportStatementFormat.JSON))
    columns = ("resource", "sku", "quantity", "from", "days", "price", "amount")
    title = f"{document['number']}: {document['organisation']['name_zh']}, {document['month']}"
    story.table(title, columns, [_row(line) for line in document["lines"]])
    story.say(f"Total {format_cny(document['total_fen'])} CNY  {document['total_zh']}", "bold")


def _row(line: Mapping[str, Any]) -> list[str]:
    days = f"{line['days']}/{line['days_in_month']}"
    price = "" if line["price_fen"] is None else format_cny(line["price_fen"])
    return [line["resource"], line["sku"], line["quantity"], line["starts"][5:], days, price, line["amount"]]


def save(story: Story, client: ApiClient, statement: StatementDetail, folder: Path) -> None:
    """The form for the seals and the workbook, beside the demo's other files."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for form in FORMATS:
        path = folder / f"{statement.number}.{form}"
        path.write_bytes(client.export_statement(statement.id, format=form))
        story.say(str(path))
