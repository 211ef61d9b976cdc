"""One request of the demo, and the acts on it, each by the person responsible."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from orchestrator.client.api import ApiClient
from orchestrator.client.models import (
    DigestBody,
    DriftFinding,
    PlanDetail,
    PlanStatus,
    PlanSummary,
    RequestDetail,
    RequestDraft,
    ResourceDetail,
    ResourceStatus,
    RunDetail,
    RunStatus,
    WorkspaceDetail,
)
from orchestrator.demo.city import DemoStopped, Department

REVIEWER, APPROVER, APPLIER = "xxh.reviewer", "xxh.approver", "csp1.applier"
BASELINE_SECONDS: Final = 120.0
UNFINISHED: Final = frozenset({PlanStatus.GENERATED, PlanStatus.CHECKED})
"""The statuses of a plan that cannot be approved yet."""

LogReader = Callable[[str], None]


def ignore(_line: str) -> None:
    """Ignore a log line."""


class Case:
    """A request in progress. Every act raises ApiProblem when the service refuses it."""

    def __init__(
        self, cast: Mapping[str, ApiClient], department: Department, request: RequestDetail | None = None
    ) -> None:
        self.cast = cast
        self.department = department
        self._request = request
        self._plan: PlanDetail | None = None

    @property
    def clerk(self) -> ApiClient:
        """Return the client of the clerk who writes the request."""
        return self.cast[self.department.clerk]

    @property
    def request(self) -> RequestDetail:
        """Return the request as the last act left it. Raises DemoStopped before it is drafted."""
        if self._request is None:
            raise DemoStopped("The request is not drafted yet.")
        return self._request

    @property
    def plan(self) -> PlanDetail:
        """Return the plan as the last act left it. Raises DemoStopped before it is ordered."""
        if self._plan is None:
            raise DemoStopped("The request has no plan yet.")
        return self._plan

    def draft(self, content: RequestDraft) -> None:
        """Draft the request as the clerk, and ask for its endorsement."""
        drafted = self.clerk.draft_request(content)
        self._request = self.clerk.ask_endorsement_request(drafted.id)

    def endorse(self) -> None:
        """Endorse it as the information officer."""
        self._request = self.cast[self.department.officer].endorse_request(self.request.id)

    def submit(self) -> None:
        """Submit it as the clerk; the idempotency key makes a repetition harmless."""
        self._request = self.clerk.submit_request(self.request.id, idempotency_key=str(uuid.uuid4()))

    def review(self) -> None:
        """Accept and approve it as the centre's reviewer."""
        self.cast[REVIEWER].accept_request(self.request.id)
        self._request = self.cast[REVIEWER].approve_request(self.request.id)

    def order_plan(self, read_line: LogReader = ignore) -> None:
        """Order a plan as the reviewer, and wait until it can be approved."""
        run = self.follow(self.cast[REVIEWER].plans_request(self.request.id), read_line)
        if run.plan_id is not None:
            self._plan = self.cast[APPROVER].read_plan(run.plan_id)
        if self.plan.status != PlanStatus.SUBMITTED:
            raise DemoStopped(f"The plan is {self.plan.status}: {self.plan.reason}")

    def approve_plan(self) -> None:
        """Approve exactly the digest that was shown."""
        shown = DigestBody(digest=self.plan.tuple_digest or "")
        self._plan = self.cast[APPROVER].approve_plan(self.plan.id, shown)

    def apply_plan(self, read_line: LogReader = ignore) -> RunDetail:
        """Apply the plan as a third person; return the finished run."""
        run = self.follow(self.cast[APPLIER].apply_plan(self.plan.id), read_line)
        self._request = self.clerk.read_request(self.request.id)
        return run

    def await_baseline(self) -> None:
        """Wait for the baseline plan that a successful apply orders automatically."""
        give_up = time.monotonic() + BASELINE_SECONDS
        while time.monotonic() < give_up:
            for plan in self.plans():
                if plan.kind == "baseline" and plan.status not in UNFINISHED:
                    self._plan = self.cast[APPROVER].read_plan(plan.id)
                    return
            time.sleep(0.2)
        raise DemoStopped("No baseline plan came after the apply.")

    def plans(self) -> Iterator[PlanSummary]:
        """Return the plans of this request, newest first."""
        page = self.cast[APPROVER].list_plans(limit=200)
        return (plan for plan in page.items if plan.request_id == self.request.id)

    def resources(self) -> list[ResourceDetail]:
        """Return the resources of this request that are not released."""
        resources = self.clerk.list_resources(request_id=self.request.id).items
        return [resource for resource in resources if resource.status != ResourceStatus.RELEASED]

    def workspace(self) -> WorkspaceDetail:
        """Return the workspace of this request."""
        workspaces = self.cast[REVIEWER].list_workspaces()
        return next(one for one in workspaces if one.origin_request_id == self.request.id)

    def check_drift(self, read_line: LogReader = ignore) -> tuple[DriftFinding, ...]:
        """Compare the real objects with the state; return the differences."""
        ordered = self.cast[REVIEWER].check_drift(self.workspace().id)
        return self.follow(ordered, read_line).outcome.findings or ()

    def follow(self, run: RunDetail, read_line: LogReader = ignore) -> RunDetail:
        """Pass the run's log on, line by line, until the run has ended. Return the run.

        Raises:
            DemoStopped: The run did not succeed.
        """
        reader = self.cast[REVIEWER]
        for line in reader.follow_log(run.id):
            read_line(line)
        ended = reader.read_run(run.id)
        if ended.status != RunStatus.SUCCEEDED:
            name = f"{ended.kind} run {ended.id}"
            raise DemoStopped(f"The {name} is {ended.status}: {ended.reason} {ended.next_step}")
        return ended
