"""Acts on a month on the running product: close it, issue, confirm, dispute, save the files."""

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Engine

from orchestrator.core import clock
from orchestrator.core.clock import CITY
from orchestrator.core.db import transaction
from tests.callers import Callers
from tests.running import RunningService, wait_until

Document = dict[str, Any]
REVIEWER, OFFICER, OFFICE, PROVIDER = "xxh.reviewer", "slj.officer", "zhb.approver", "csp1.applier"
FORMATS = ("json", "csv", "xlsx", "pdf")


def on_day(engine: Engine, day: str) -> None:
    """Nine o'clock of this day, for every process on the database."""
    with transaction(engine) as session:
        clock.set_to(session, datetime.combine(date.fromisoformat(day), time(9), CITY))


def order_close(callers: Callers, month: str, *, again: bool = False) -> Document:
    """Close a month as the centre; return the answer."""
    order = f"/months/{month}/close?again={str(again).lower()}"
    answer: Document = callers(REVIEWER).done("POST", order)
    return answer


def wait_until_metered(callers: Callers, month: str, seconds: float = 60) -> Document:
    """How the month stands once no statement of it waits for a worker."""

    def done() -> Document | None:
        state: Document = callers(REVIEWER).done("GET", f"/months/{month}")
        return None if state["to_meter"] else state

    state: Document = wait_until(done, f"{month} is metered", seconds)
    return state


def close(service: RunningService, month: str, *, again: bool = False) -> Document:
    """The month after a worker has metered it."""
    order_close(service.callers, month, again=again)
    return wait_until_metered(service.callers, month)


def current(callers: Callers, month: str, department: str = "SLJ") -> Document:
    """The newest statement of the department for the month."""
    query = f"/statements?organisation={department}&month={month}"
    newest: Document = callers(REVIEWER).done("GET", query)["items"][0]
    return newest


def act(callers: Callers, by: str, statement: Document, act: str, **body: Any) -> Document:
    """Do an act; return the statement afterwards."""
    options = {"json": body} if body else {}
    answer: Document = callers(by).done("POST", f"/statements/{statement['id']}/{act}", **options)
    return answer


def lines(callers: Callers, statement: Document, by: str = OFFICER) -> list[Document]:
    """The statement's lines."""
    items: list[Document] = callers(by).done("GET", f"/statements/{statement['id']}/lines")["items"]
    return items


def files(callers: Callers, statement: Document, by: str = OFFICER) -> dict[str, bytes]:
    """The statement in every format."""
    found = {}
    for form in FORMATS:
        answer = callers(by).get(f"/statements/{statement['id']}/export?format={form}")
        assert answer.status_code == 200, answer.text
        found[form] = answer.content
    return found
