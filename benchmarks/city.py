"""The running product with the sample city, ample limits, and clients for its people."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Self
from uuid import UUID

import psycopg
from sqlalchemy import Engine, text

from benchmarks.environment import temporary_settings
from orchestrator.adapters.content_files import read_content
from orchestrator.client.api import ApiClient
from orchestrator.client.models import DigestBody, LineDraft, RequestDraft
from orchestrator.core.db import create_database_engine, libpq_url, transaction
from orchestrator.settings import Settings
from orchestrator.supervisor import Everything
from orchestrator.wiring import TABLES
from orchestrator.workflows.content import content_revisions
from orchestrator.workflows.people import accounts

PATIENCE_SECONDS = 120.0
_AMPLE_LIMITS = (
    "UPDATE quota_limits SET amount = 1000000000",
    "UPDATE pool_capacities SET capacity = 1000000000, allocatable = 1000000000",
    "UPDATE budget_lines SET appropriated_fen = 1000000000000000",
)
# Notifies the benchmark when a status is committed, so that it need not poll.
_NOTIFY_STATUS = """
CREATE FUNCTION notify_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('benchmark', NEW.id::text || ' ' || NEW.status);
    RETURN NULL;
END
$$;
CREATE TRIGGER notify_status AFTER UPDATE OF status ON execution_plans
    FOR EACH ROW EXECUTE FUNCTION notify_status();
"""


def fill(engine: Engine, settings: Settings) -> None:
    """Load the sample city and raise every quota, capacity and budget, so that none is exhausted."""
    bundle = read_content(settings.content_dir).bundle
    if bundle is None or not TABLES:
        raise RuntimeError("The content has problems. Run `govcloud load` to see them.")
    with transaction(engine) as session:
        content_revisions.load_content(session, bundle, None)
    with transaction(engine) as session:
        for statement in _AMPLE_LIMITS:
            session.execute(text(statement))


class Statuses:
    """The times at which plans reached statuses, as announced by the database at commit."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg.connect(libpq_url(database_url), autocommit=True)
        self._connection.execute(_NOTIFY_STATUS)
        self._connection.execute("LISTEN benchmark")
        self._reached: queue.Queue[tuple[UUID, str, float]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        # The server is stopped while this thread still listens.
        with suppress(psycopg.OperationalError):
            for notification in self._connection.notifies():
                plan, _, status = notification.payload.partition(" ")
                self._reached.put((UUID(plan), status, time.perf_counter()))

    def next(self) -> tuple[UUID, str, float]:
        """Return the next plan with its new status and the time by `perf_counter`."""
        return self._reached.get(timeout=PATIENCE_SECONDS)

    def wait(self, plan: UUID, status: str) -> float:
        """Return the time at which `plan` reached `status`; changes of other plans are dropped.

        Raises:
            RuntimeError: the plan failed.
        """
        while True:
            changed, reached, moment = self.next()
            if changed == plan and reached == status:
                return moment
            if changed == plan and reached in {"failed", "rejected", "stale"}:
                raise RuntimeError(f"plan {plan} is {reached}")


@dataclass(frozen=True)
class City:
    """A running product and its people, each with an API token."""

    settings: Settings
    engine: Engine
    statuses: Statuses
    _clients: dict[str, ApiClient]

    @classmethod
    def of(cls, settings: Settings, database_url: str) -> Self:
        """Return the city of a product that runs on a new database."""
        engine = create_database_engine(database_url)
        fill(engine, settings)
        return cls(settings, engine, Statuses(database_url), {})

    def client(self, person: str) -> ApiClient:
        """Return an API client with a token of the person."""
        if person not in self._clients:
            with transaction(self.engine) as session:
                actor = accounts.actor_named(session, person)
                scopes = [permission.value for permission in actor.permissions]
                token, _ = accounts.create_token(session, actor, "benchmark", scopes, timedelta(days=1))
            self._clients[person] = ApiClient(self.settings.url, token)
        return self._clients[person]

    def approved_request(self, hosts: int, vcpu: int = 1) -> UUID:
        """Create a request for `hosts` hosts, have it endorsed, submitted and approved, and return its id."""
        line = LineDraft(
            key="web", label="benchmark", pool="EXT-X86", disk_gb=0, count=hosts, vcpu=vcpu, memory_gb=1
        )
        draft = RequestDraft(title="benchmark", justification="benchmark", system="SYS-019", lines=(line,))
        request = self.client("slj.clerk").draft_request(draft).id
        self.client("slj.clerk").ask_endorsement_request(request)
        self.client("slj.officer").endorse_request(request)
        self.client("slj.clerk").submit_request(request)
        self.client("xxh.reviewer").accept_request(request)
        self.client("xxh.reviewer").approve_request(request)
        return request

    def generate(self, request: UUID) -> UUID:
        """Order the plan of a request and return its id."""
        plan = self.client("xxh.reviewer").plans_request(request).plan_id
        if plan is None:
            raise RuntimeError(f"the run of request {request} has no plan")
        return plan

    def approve(self, plan: UUID) -> None:
        """Approve the plan once for each required role, with the digest that is shown."""
        shown = self.client("xxh.approver").read_plan(plan)
        digest = DigestBody(digest=shown.tuple_digest or "")
        for role in shown.missing_approvals:
            person = {"centre_approver": "xxh.approver", "smart_city_office": "zhb.approver"}[role]
            self.client(person).approve_plan(plan, digest)

    def apply(self, plan: UUID) -> UUID:
        """Order the apply of an approved plan and return the run's id."""
        return self.client("csp1.applier").apply_plan(plan).id

    def wait_until_idle(self) -> None:
        """Wait until no job is queued or running, so that none disturbs the next measurement."""
        end = time.monotonic() + PATIENCE_SECONDS
        busy = text("SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')")
        while time.monotonic() < end:
            with self.engine.connect() as connection:
                if connection.execute(busy).scalar_one() == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"jobs are still queued or running after {PATIENCE_SECONDS:.0f} s")


@contextmanager
def running_city(cloud: str, slots: int = 2) -> Iterator[City]:
    """Run database, web process and worker with a cloud of `benchmarks/clouds` while the block runs."""
    with temporary_settings(cloud, slots) as settings, Everything(settings) as everything:
        city = City.of(settings, everything.database_url)
        try:
            yield city
        finally:
            city.engine.dispose()
