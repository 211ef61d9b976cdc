"""People, the API and a worker in one process, with engines in memory: stories as fast as the database."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import Engine, text
from sqlmodel import select

from orchestrator.adapters.run_folders import CloudModules, RunFolders
from orchestrator.app import WebServer, create_app
from orchestrator.client.models import PlanDetail, PlanStatus, RequestDetail, RequestSummary, ResourceDetail
from orchestrator.core import clock
from orchestrator.core.db import transaction
from orchestrator.core.jobs import JobContext
from orchestrator.core.sealing import load_keys
from orchestrator.policies.pack import PolicyPack
from orchestrator.runs.models import Run
from orchestrator.settings import Settings
from orchestrator.wiring import service as wire_service
from orchestrator.workers import calendar
from orchestrator.workers.migrations import switch
from orchestrator.workers.plans import application, drift, generation
from orchestrator.workers.run_context import Worker
from tests import acts
from tests.callers import Callers
from tests.fake_movers import FakeHosts
from tests.fakes import FakeAnsible, FakeCloud, FakeTerraform
from tests.run_player import play


class Office:
    """`work()` runs the waiting jobs; everything else goes through the API."""

    def __init__(self, engine: Engine, settings: Settings, pack: PolicyPack) -> None:
        self.engine = engine
        self.settings = settings
        self.callers = Callers(engine, settings.url)
        self.cloud = FakeCloud()
        self.hosts = FakeHosts()
        self.worker = Worker(
            engine=engine,
            database_url=settings.database_url or "",
            settings=settings,
            keys=load_keys(settings.keys_path),
            pack=pack,
            terraform=FakeTerraform(self.cloud),
            ansible=FakeAnsible(),
            movers=self.hosts.movers,
            inventories={"sandbox": self.cloud},
            cloud_environment=lambda _cloud: {},
            modules=CloudModules(settings.clouds),
            folders=RunFolders(settings.runs_dir),
        )
        self._handlers = {
            "plan": partial(generation.plan_run, self.worker),
            "apply": partial(application.apply_run, self.worker),
            "drift": partial(drift.drift_run, self.worker),
            "inspect": partial(switch.inspect_run, self.worker),
        }

    def work(self) -> None:
        """Do every queued run, the oldest first, until none is left."""
        while True:
            with transaction(self.engine) as session:
                waiting = session.exec(select(Run).where(Run.status == "queued").order_by(text("created_at")))
                run = waiting.first()
            if run is None:
                return
            play(self._handlers[run.kind], run)

    def pass_time(self, **span: float) -> None:
        """Move the product's clock, then run the calendar's step of every minute."""
        with transaction(self.engine) as session:
            clock.advance(session, timedelta(**span))
            instant = clock.now(session)
        calendar.every_minute(self.worker, JobContext(0, 1, lambda: None), int(instant.timestamp()))

    def planned(self, request: RequestDetail | RequestSummary, by: str = "xxh.reviewer") -> PlanDetail:
        """The plan of an approved request as the approver reads it."""
        run = self.callers(by).plans_request(request.id)
        self.work()
        assert run.plan_id is not None
        return self.plan(run.plan_id)

    def plan(self, plan_id: UUID) -> PlanDetail:
        return self.callers("xxh.approver").read_plan(plan_id)

    def approved(self, plan: PlanDetail, *by: str) -> PlanDetail:
        """The plan after an approval by each of `by`."""
        for username in by or ("xxh.approver",):
            self.callers(username).approve_plan(plan.id, acts.digest_of(plan))
        return self.plan(plan.id)

    def applied(self, plan: PlanDetail, by: str = "csp1.applier") -> PlanDetail:
        """The plan after its apply, whatever the end."""
        self.callers(by).apply_plan(plan.id)
        self.work()
        return self.plan(plan.id)

    def provisioned(
        self, document: Mapping[str, Any] | None = None, department: str = "slj"
    ) -> RequestDetail:
        """A request that was carried out."""
        request = acts.approve(self.callers, document, department)
        plan = self.applied(self.approved(self.planned(request)))
        assert plan.status == PlanStatus.APPLIED, plan.reason
        return self.request(request)

    def request(self, request: RequestDetail) -> RequestDetail:
        return self.callers("xxh.reviewer").read_request(request.id)

    def resources(self, request: RequestDetail) -> dict[str, ResourceDetail]:
        """The resources that the request brought into being, by address."""
        resources = self.callers("xxh.reviewer").list_resources(request_id=request.id).items
        return {resource.address: resource for resource in resources}

    def workspace(self, request: RequestDetail) -> UUID:
        return self.resources(request)["instance/web"].workspace_id

    def quota(self, organisation: str = "SLJ") -> dict[str, tuple[int, int]]:
        """Held and committed of the production quota, by resource class."""
        statement = text(
            "SELECT resource_class, held, committed FROM quota_limits"
            " WHERE organisation_code = :code AND zone_class = 'production'"
        )
        with self.engine.connect() as connection:
            return {row[0]: (row[1], row[2]) for row in connection.execute(statement, {"code": organisation})}

    def intervals(self) -> list[tuple[str, int, str, str | None]]:
        """SKU, quantity, first day and end of every usage interval, by SKU and day."""
        statement = text(
            "SELECT sku_code, quantity, lower(days)::text, upper(days)::text FROM usage_intervals"
            " WHERE NOT isempty(days) ORDER BY sku_code, lower(days)"
        )
        with self.engine.connect() as connection:
            return [(row[0], int(row[1]), row[2], row[3]) for row in connection.execute(statement)]


@contextmanager
def serving(settings: Settings, port: int = 0) -> Iterator[str]:
    """The web process of these settings in a thread, for as long as the block runs; its address."""
    with serving_app(create_app(wire_service(settings)), port) as address:
        yield address


@contextmanager
def serving_app(app: FastAPI, port: int = 0) -> Iterator[str]:
    """The same for an application that the caller has built."""
    server = WebServer(app)
    # Only where the protocol is named does asyncio switch Nagle's algorithm off: 40 ms a call.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)
