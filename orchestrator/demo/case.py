"""One request of the demo, and the acts on it, each by the person responsible."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestrator.api_client import ApiClient
from orchestrator.demo.city import DemoStopped, Department

REVIEWER, APPROVER, APPLIER = "xxh.reviewer", "xxh.approver", "csp1.applier"


BASELINE_SECONDS = 120.0

LogReader = Callable[[str], None]


def ignore(_line: str) -> None:
    """Ignore a log line."""


class Case:
    """A request in progress. Every act raises ApiProblem when the service refuses it."""

    def __init__(self, cast: Mapping[str, ApiClient], department: Department) -> None:
        self.cast = cast
        self.department = department
        self.request: dict[str, Any] = {}
        self.plan: dict[str, Any] = {}

    @property
    def clerk(self) -> ApiClient:
        """Return the client of the clerk who writes the request."""
        return self.cast[self.department.clerk]

    @property
    def path(self) -> str:
        """Return the request's path below the API."""
        return f"/requests/{self.request['id']}"

    def draft(self, draft: Mapping[str, Any]) -> None:
        """Draft the request as the clerk, and ask for its endorsement."""
        self.request = self.clerk.post("/requests", draft)
        self.request = self.clerk.post(f"{self.path}/ask-endorsement")

    def endorse(self) -> None:
        """Endorse it as the information officer."""
        self.request = self.cast[self.department.officer].post(f"{self.path}/endorse")

    def submit(self) -> None:
        """Submit it as the clerk; the idempotency key makes a repetition harmless."""
        self.request = self.clerk.post(f"{self.path}/submit", idempotency_key=str(uuid.uuid4()))

    def review(self) -> None:
        """Accept and approve it as the centre's reviewer."""
        self.cast[REVIEWER].post(f"{self.path}/accept")
        self.request = self.cast[REVIEWER].post(f"{self.path}/approve")

    def order_plan(self, read_line: LogReader = ignore) -> None:
        """Order a plan as the reviewer, and wait until it can be approved."""
        run = self.cast[REVIEWER].post(f"{self.path}/plans")
        self.follow(run, read_line)
        self._read_plan(run["plan_id"])
        if self.plan["status"] != "submitted":
            raise DemoStopped(f"The plan is {self.plan['status']}: {self.plan['reason']}")

    def approve_plan(self) -> None:
        """Approve exactly the digest that was shown."""
        shown = {"digest": self.plan["tuple_digest"]}
        self.plan = self.cast[APPROVER].post(f"/plans/{self.plan['id']}/approve", shown)

    def apply_plan(self, read_line: LogReader = ignore) -> dict[str, Any]:
        """Apply the plan as a third person; return the finished run."""
        run = self.follow(self.cast[APPLIER].post(f"/plans/{self.plan['id']}/apply"), read_line)
        self.request = self.clerk.get(self.path)
        return run

    def await_baseline(self) -> None:
        """Wait for the baseline plan that a successful apply orders automatically."""
        give_up = time.monotonic() + BASELINE_SECONDS
        while time.monotonic() < give_up:
            for plan in self.plans():
                if plan["kind"] == "baseline" and plan["status"] not in {"generated", "checked"}:
                    self._read_plan(plan["id"])
                    return
            time.sleep(0.2)
        raise DemoStopped("No baseline plan came after the apply.")

    def plans(self) -> Iterator[dict[str, Any]]:
        """Return the plans of this request, newest first."""
        page = self.cast[APPROVER].get("/plans", limit=200)
        return (plan for plan in page["items"] if plan["request_id"] == self.request["id"])

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources of this request that are not released."""
        items: list[dict[str, Any]] = self.clerk.get("/resources", request_id=self.request["id"])["items"]
        return [item for item in items if item["status"] != "released"]

    def workspace(self) -> dict[str, Any]:
        """Return the workspace of this request."""
        workspaces = self.cast[REVIEWER].get("/workspaces")
        workspace: dict[str, Any] = next(
            item for item in workspaces if item["origin_request_id"] == self.request["id"]
        )
        return workspace

    def check_drift(self, read_line: LogReader = ignore) -> list[dict[str, Any]]:
        """Compare the real objects with the state; return the differences."""
        ordered = self.cast[REVIEWER].post(f"/workspaces/{self.workspace()['id']}/drift-checks")
        findings: list[dict[str, Any]] = self.follow(ordered, read_line)["outcome"].get("findings", [])
        return findings

    def follow(self, run: Mapping[str, Any], read_line: LogReader = ignore) -> dict[str, Any]:
        """Pass the run's log on, line by line, until the run has ended. Return the run.

        Raises:
            DemoStopped: The run did not succeed.
        """
        reader = self.cast[REVIEWER]
        for line in reader.follow_log(run["id"]):
            read_line(line)
        ended: dict[str, Any] = reader.get(f"/runs/{run['id']}")
        if ended["status"] != "succeeded":
            name = f"{ended['kind']} run {ended['id']}"
            raise DemoStopped(f"The {name} is {ended['status']}: {ended['reason']} {ended['next_step']}")
        return ended

    def _read_plan(self, plan_id: str) -> None:
        self.plan = self.cast[APPROVER].get(f"/plans/{plan_id}")
