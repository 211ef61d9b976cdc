"""One request of the demo and what people do with it, each act by the person whose act it is."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestrator.api_client import ApiClient
from orchestrator.demo.city import DemoStopped, Department

REVIEWER, APPROVER, APPLIER = "xxh.reviewer", "xxh.approver", "csp1.applier"


BASELINE_SECONDS = 120.0

Told = Callable[[str], None]


def untold(_line: str) -> None:
    """Listens to nothing."""


class Case:
    """A request under way. Every act raises ApiProblem when the service says no."""

    def __init__(self, cast: Mapping[str, ApiClient], department: Department) -> None:
        self.cast = cast
        self.department = department
        self.request: dict[str, Any] = {}
        self.plan: dict[str, Any] = {}

    @property
    def clerk(self) -> ApiClient:
        """Who writes the request."""
        return self.cast[self.department.clerk]

    @property
    def path(self) -> str:
        """The request's address below the API."""
        return f"/requests/{self.request['id']}"

    def draft(self, draft: Mapping[str, Any]) -> None:
        """The clerk writes it and hands it to the officer."""
        self.request = self.clerk.post("/requests", draft)
        self.request = self.clerk.post(f"{self.path}/ask-endorsement")

    def endorse(self) -> None:
        """The information officer stands for it."""
        self.request = self.cast[self.department.officer].post(f"{self.path}/endorse")

    def submit(self) -> None:
        """The clerk submits it: judged and held in one transaction; the key makes a repetition harmless."""
        self.request = self.clerk.post(f"{self.path}/submit", idempotency_key=str(uuid.uuid4()))

    def review(self) -> None:
        """The centre accepts it and says yes."""
        self.cast[REVIEWER].post(f"{self.path}/accept")
        self.request = self.cast[REVIEWER].post(f"{self.path}/approve")

    def order_plan(self, told: Told = untold) -> None:
        """The centre orders a plan and waits until it can be approved."""
        run = self.cast[REVIEWER].post(f"{self.path}/plans")
        self.follow(run, told)
        self._read_plan(run["plan_id"])
        if self.plan["status"] != "submitted":
            raise DemoStopped(f"The plan is {self.plan['status']}: {self.plan['reason']}")

    def approve_plan(self) -> None:
        """The approver approves exactly the digest that was shown."""
        shown = {"digest": self.plan["tuple_digest"]}
        self.plan = self.cast[APPROVER].post(f"/plans/{self.plan['id']}/approve", shown)

    def apply_plan(self, told: Told = untold) -> dict[str, Any]:
        """A third person applies it; the finished run."""
        run = self.follow(self.cast[APPLIER].post(f"/plans/{self.plan['id']}/apply"), told)
        self.request = self.clerk.get(self.path)
        return run

    def await_baseline(self) -> None:
        """Wait for the baseline plan that follows a successful apply by itself."""
        give_up = time.monotonic() + BASELINE_SECONDS
        while time.monotonic() < give_up:
            for plan in self.plans():
                if plan["kind"] == "baseline" and plan["status"] not in {"generated", "checked"}:
                    self._read_plan(plan["id"])
                    return
            time.sleep(0.2)
        raise DemoStopped("No baseline plan came after the apply.")

    def plans(self) -> Iterator[dict[str, Any]]:
        """The plans of this request, newest first."""
        page = self.cast[APPROVER].get("/plans", limit=200)
        return (plan for plan in page["items"] if plan["request_id"] == self.request["id"])

    def resources(self) -> list[dict[str, Any]]:
        """What exists because of this request."""
        items: list[dict[str, Any]] = self.clerk.get("/resources", request_id=self.request["id"])["items"]
        return [item for item in items if item["status"] != "released"]

    def workspace(self) -> dict[str, Any]:
        """The workspace that this request made."""
        known = self.cast[REVIEWER].get("/workspaces")
        found: dict[str, Any] = next(
            item for item in known if item["origin_request_id"] == self.request["id"]
        )
        return found

    def check_drift(self, told: Told = untold) -> list[dict[str, Any]]:
        """Compare reality with the state; what differs."""
        ordered = self.cast[REVIEWER].post(f"/workspaces/{self.workspace()['id']}/drift-checks")
        findings: list[dict[str, Any]] = self.follow(ordered, told)["outcome"].get("findings", [])
        return findings

    def follow(self, run: Mapping[str, Any], told: Told = untold) -> dict[str, Any]:
        """Hand on the run's log line by line until it has ended; the run.

        Raises:
            DemoStopped: the run did not succeed.
        """
        reader = self.cast[REVIEWER]
        for line in reader.follow_log(run["id"]):
            told(line)
        ended: dict[str, Any] = reader.get(f"/runs/{run['id']}")
        if ended["status"] != "succeeded":
            name = f"{ended['kind']} run {ended['id']}"
            raise DemoStopped(f"The {name} is {ended['status']}: {ended['reason']} {ended['next_step']}")
        return ended

    def _read_plan(self, plan_id: str) -> None:
        self.plan = self.cast[APPROVER].get(f"/plans/{plan_id}")
