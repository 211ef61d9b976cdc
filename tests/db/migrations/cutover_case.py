"""A migration between two fake hosts, right before a cutover or a rollback, in a database of its own."""

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from sqlmodel import select

from orchestrator.core.db import transaction
from orchestrator.migrations.kinds import Side
from orchestrator.migrations.models import Migration, MigrationSwitch
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.workers.migrations import switch
from orchestrator.workers.plans import application
from orchestrator.workers.run_context import Worker
from orchestrator.workflows.act import Call
from orchestrator.workflows.migrations.acts import MIGRATION
from orchestrator.workflows.people import accounts
from orchestrator.workflows.perform import perform
from tests.fake_movers import FakeHosts, WorkerKilled
from tests.fakes import FakeCloud
from tests.run_player import play

ACTS = {act.name: act for act in MIGRATION.acts}
PEOPLE = {"cut-over": "csp1.applier", "roll-back": "csp1.applier", "inspect": "xxh.reviewer"}


@dataclass(frozen=True)
class Stage:
    """A database that cases are cloned from, with the hosts and the cloud that belong to it."""

    database: str
    worker: Worker
    hosts: FakeHosts
    cloud: FakeCloud


class CutoverCase:
    """Orders acts as their people, and plays the worker that carries them out."""

    def __init__(self, stage: Stage, engine: Engine) -> None:
        self.hosts, self.cloud = deepcopy(stage.hosts), deepcopy(stage.cloud)
        self.hosts.calls.clear()
        self.engine = engine
        self.worker = replace(
            stage.worker,
            engine=engine,
            database_url=engine.url.render_as_string(hide_password=False),
            inventories={"sandbox": self.cloud},
            movers=self.hosts.movers,
        )
        self._handlers = {
            "apply": partial(application.apply_run, self.worker),
            "inspect": partial(switch.inspect_run, self.worker),
        }

    def order(self, act: str) -> UUID:
        """Order an act by its name; the id of the run that it queues."""
        with transaction(self.engine) as session:
            actor = accounts.actor_named(session, PEOPLE[act])
            migration_id = session.exec(select(Migration.id)).one()
            call = Call(session, actor, self.worker.pack, cloud="sandbox")
            perform(MIGRATION, ACTS[act], call, migration_id)
            queued = session.exec(select(Run.id).where(Run.status == "queued"))
            return queued.one()

    def work(self, run_id: UUID) -> None:
        """Do a queued run, or take over one whose worker was killed."""
        run = self.run(run_id)
        play(self._handlers[run.kind], run)

    def carry_out(self, act: str) -> Run:
        """Order an act and do its run."""
        run_id = self.order(act)
        self.work(run_id)
        return self.run(run_id)

    def carry_out_twice(self, act: str) -> Run:
        """Order an act whose first worker is killed, and let a second one take over."""
        run_id = self.order(act)
        try:
            self.work(run_id)
        except WorkerKilled:
            self.work(run_id)
            return self.run(run_id)
        raise AssertionError("no worker was killed")

    def run(self, run_id: UUID) -> Run:
        with transaction(self.engine) as session:
            run = session.get_one(Run, run_id)
            session.expunge(run)
            return run

    @property
    def migration(self) -> Migration:
        with transaction(self.engine) as session:
            migration = session.exec(select(Migration)).one()
            session.expunge(migration)
            return migration

    @property
    def switches(self) -> list[MigrationSwitch]:
        """Every switch that was tried, oldest first."""
        with transaction(self.engine) as session:
            rows = session.exec(select(MigrationSwitch).order_by(text("number"))).all()
            session.expunge_all()
            return list(rows)

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        """Direction and outcome of every switch."""
        return [(str(row.direction), str(row.outcome)) for row in self.switches]

    def plan_status(self, kind: str) -> str:
        """The status of the newest plan of this kind."""
        with transaction(self.engine) as session:
            newest = select(ExecutionPlan).where(ExecutionPlan.kind == kind).order_by(text("number DESC"))
            plan = session.exec(newest).first()
            assert plan is not None
            return str(plan.status)

    def lose_target(self) -> None:
        """The target host no longer exists in its cloud, and nobody can read it."""
        for objects in self.cloud.objects.values():
            objects.pop("instance/web", None)
        self.hosts.accepts[Side.TARGET] = None

    def events(self, action: str) -> list[Any]:
        """Audit bodies of this action."""
        with self.engine.connect() as connection:
            statement = text("SELECT body FROM audit_events WHERE action = :action ORDER BY seq")
            return list(connection.execute(statement, {"action": action}).scalars())
