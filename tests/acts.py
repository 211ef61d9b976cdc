"""Acts on a request, one after the other, through the API; many tests begin with them."""

from collections.abc import Mapping
from typing import Any

from tests.callers import Callers
from tests.factories import make_draft
from tests.running import RunningService

Document = dict[str, Any]


def draft(callers: Callers, document: Mapping[str, Any] | None = None, by: str = "slj.clerk") -> Document:
    """A stored draft."""
    answer: Document = callers(by).done("POST", "/requests", json=document or make_draft())
    return answer


def act(callers: Callers, by: str, request: Document, act: str, **options: Any) -> Document:
    """The request after somebody did something with it."""
    answer: Document = callers(by).done("POST", f"/requests/{request['id']}/{act}", **options)
    return answer


def endorse(callers: Callers, request: Document, department: str = "slj") -> Document:
    act(callers, f"{department}.clerk", request, "ask-endorsement")
    return act(callers, f"{department}.officer", request, "endorse")


def submit(callers: Callers, document: Mapping[str, Any] | None = None, department: str = "slj") -> Document:
    """Return a request that was drafted, endorsed and submitted, with its hold."""
    request = endorse(callers, draft(callers, document, f"{department}.clerk"), department)
    return act(callers, f"{department}.clerk", request, "submit")


def approve(callers: Callers, document: Mapping[str, Any] | None = None, department: str = "slj") -> Document:
    """A request that the centre accepted and approved."""
    request = submit(callers, document, department)
    act(callers, "xxh.reviewer", request, "accept")
    return act(callers, "xxh.reviewer", request, "approve")


def plan(service: RunningService, request: Document, by: str = "xxh.reviewer") -> Document:
    """The plan of an approved request, waiting for approval; really planned by a worker."""
    run = service.callers(by).done("POST", f"/requests/{request['id']}/plans")
    ended = service.ended_run(run["id"])
    assert ended["status"] == "succeeded", (ended["reason"], service.log_lines(run["id"])[-20:])
    return read_plan(service, run["plan_id"])


def read_plan(service: RunningService, plan_id: str) -> Document:
    answer: Document = service.callers("xxh.approver").done("GET", f"/plans/{plan_id}")
    return answer


def approve_plan(service: RunningService, plan: Document, by: str = "xxh.approver") -> Document:
    """Return the plan after one approval of the shown digest."""
    approval = {"digest": plan["tuple_digest"]}
    answer: Document = service.callers(by).done("POST", f"/plans/{plan['id']}/approve", json=approval)
    return answer


def order_apply(service: RunningService, plan: Document, by: str = "csp1.applier") -> Document:
    """The apply run, queued."""
    answer: Document = service.callers(by).done("POST", f"/plans/{plan['id']}/apply")
    return answer


def apply(service: RunningService, plan: Document, by: str = "csp1.applier") -> Document:
    """The apply run once it has ended, whatever its end."""
    return service.ended_run(order_apply(service, plan, by)["id"])


def provision(
    service: RunningService, document: Mapping[str, Any] | None = None, dept: str = "slj"
) -> Document:
    """A request whose resources exist."""
    request = approve(service.callers, document, dept)
    ended = apply(service, approve_plan(service, plan(service, request)))
    assert ended["status"] == "succeeded", (ended["reason"], service.log_lines(ended["id"])[-20:])
    answer: Document = service.callers("xxh.reviewer").done("GET", f"/requests/{request['id']}")
    return answer


def resources(service: RunningService, request: Document) -> list[Document]:
    """The resources that the request brought into being."""
    answer = service.callers("xxh.reviewer").done("GET", f"/resources?request_id={request['id']}")
    items: list[Document] = answer["items"]
    return items


def withdraw(service: RunningService, plan: Document) -> None:
    """The author takes the plan back."""
    service.callers("xxh.reviewer").done("POST", f"/plans/{plan['id']}/withdraw", json={"reason": "试算结束"})
