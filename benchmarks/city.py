"""The product, running in a sample city with room for everything, and the people who use it."""

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

from benchmarks.place import settings_of_its_own
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
_ROOM = (
    "UPDATE quota_limits SET amount = 1000000000",
    "UPDATE pool_capacities SET capacity = 1000000000, allocatable = 1000000000",
    "UPDATE budget_lines SET appropriated_fen = 1000000000000000",
)
# Notifies the benchmark when a status is committed, so that it need not poll.
_TELL = """
CREATE FUNCTION tell_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('benchmark', NEW.id::text || ' ' || NEW.status);
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_status AFTER UPDATE OF status ON execution_plans
    FOR EACH ROW EXECUTE FUNCTION tell_status();
"""


def fill(engine: Engine, settings: Settings) -> None:
    """Load the sample city and give every organisation, pool and budget room for a billion of everything."""
    bundle = read_content(settings.content_dir).bundle
    if bundle is None or not TABLES:
        raise RuntimeError("the content has problems: run `govcloud load`")
    with transaction(engine) as session:
        content_revisions.load_content(session, bundle, None)
    with transaction(engine) as session:
        for statement in _ROOM:
            session.execute(text(statement))


class Statuses:
    """When each plan reached each status: the moment at which the commit was announced."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg.connect(libpq_url(database_url), autocommit=True)
        self._connection.execute(_TELL)
        self._connection.execute("LISTEN benchmark")
        self._reached: queue.Queue[tuple[UUID, str, float]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        # The product is stopped before its readers: then the server ends this connection.
        with suppress(psycopg.OperationalError):
            for news in self._connection.notifies():
                plan, _, status = news.payload.partition(" ")
                self._reached.put((UUID(plan), status, time.perf_counter()))

    def next(self) -> tuple[UUID, str, float]:
        """The next change of a plan's status and its moment by `perf_counter`."""
        return self._reached.get(timeout=PATIENCE_SECONDS)

    def wait(self, plan: UUID, status: str) -> float:
        """The moment at which `plan` reached `status`; news of other plans is dropped.

        Raises:
            RuntimeError: the plan failed.
        """
        while True:
            found, reached, moment = self.next()
            if found == plan and reached == status:
                return moment
            if found == plan and reached in {"failed", "rejected", "stale"}:
                raise RuntimeError(f"plan {plan} is {reached}")


@dataclass(frozen=True)
class City:
    """A running product with its people; each acts over the API with a token of their own."""

    settings: Settings
    engine: Engine
    statuses: Statuses
    _clients: dict[str, ApiClient]

    @classmethod
    def of(cls, settings: Settings, database_url: str) -> Self:
        """The city of a product that is running on a fresh database."""
        engine = create_database_engine(database_url)
        fill(engine, settings)
        return cls(settings, engine, Statuses(database_url), {})

    def client(self, person: str) -> ApiClient:
        """A client with a token of the person."""
        if person not in self._clients:
            with transaction(self.engine) as session:
                actor = accounts.actor_named(session, person)
                scopes = [permission.value for permission in actor.permissions]
                token, _ = accounts.create_token(session, actor, "benchmark", scopes, timedelta(days=1))
            self._clients[person] = ApiClient(self.settings.url, token)
        return self._clients[person]

    def approved_request(self, hosts: int, vcpu: int = 1) -> UUID:
        """A request for `hosts` hosts, taken through draft, endorsement, submission and review; its id."""
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
        """Order the plan of a request; the plan's id."""
        plan = self.client("xxh.reviewer").plans_request(request).plan_id
        if plan is None:
            raise RuntimeError(f"the run of request {request} has no plan")
        return plan

    def approve(self, plan: UUID) -> None:
        """Everybody who must approve the plan does so at once, reading the digest first."""
        shown = self.client("xxh.approver").read_plan(plan)
        digest = DigestBody(digest=shown.tuple_digest or "")
        for role in shown.missing_approvals:
            person = {"centre_approver": "xxh.approver", "smart_city_office": "zhb.approver"}[role]
            self.client(person).approve_plan(plan, digest)

    def apply(self, plan: UUID) -> UUID:
        """Order the apply of an approved plan; the run's id."""
        return self.client("csp1.applier").apply_plan(plan).id

    def wait_until_idle(self) -> None:
        """Return when no run waits or works: what follows is not disturbed by what went before."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        busy = text("SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')")
        while time.monotonic() < give_up:
            with self.engine.connect() as connection:
                if connection.execute(busy).scalar_one() == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("the workers do not come to rest")


@contextmanager
def running_city(cloud: str, slots: int = 2) -> Iterator[City]:
    """Database, web and one worker over one cloud of `benchmarks/clouds`; all of it ends with the block."""
    with settings_of_its_own(cloud, slots) as settings, Everything(settings) as everything:
        city = City.of(settings, everything.database_url)
        try:
            yield city
        finally:
            city.engine.dispose()
