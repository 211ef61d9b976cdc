from collections.abc import Iterator

import pytest

from orchestrator.client.models import DigestBody, MigrationRegistration
from orchestrator.core.db import create_database_engine
from orchestrator.policies.pack import PolicyPack
from orchestrator.settings import Settings
from orchestrator.workers.migrations import inspection, switch
from tests import acts
from tests.db.migrations.cutover_case import CutoverCase, Stage
from tests.factories import make_draft, make_line
from tests.office import Office, serving
from tests.postgres import Server
from tests.running import ROOT, reserve_port

PLAN = ROOT / "migration_plans" / "sample-flood-warning.yml"
WINDOW = 'windows: [{begins: "2019-06-19 00:00", ends: "2019-06-19 23:00"}]\n'
APPROVERS = ("xxh.approver", "zhb.approver")


@pytest.fixture(scope="module")
def scheduled(server: Server, city: str, pack: PolicyPack, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A cutover whose plan two persons have approved."""
    database = server.create_database(city)
    with reserve_port() as reserved:
        port = reserved.getsockname()[1]
        home = tmp_path_factory.mktemp("home")
        settings = Settings(home=home, database_url=server.url(database), port=port)
        return _schedule(database, settings, pack)


def _schedule(database: str, settings: Settings, pack: PolicyPack) -> Stage:
    engine = create_database_engine(settings.database_url or "", pool_size=20)
    with serving(settings, settings.port):
        office = Office(engine, settings, pack)
        _play_until_scheduled(office)
        office.callers.close()
    engine.dispose()
    return Stage(database, office.worker, office.hosts, office.cloud)


def _play_until_scheduled(office: Office) -> None:
    for number, name in enumerate(("legacy", "names")):
        address = f"127.65.0.{number + 1}"
        office.cloud.objects[name] = {f"instance/{name}-1": {"id": name, "address": address}}
    request = office.provisioned(make_draft(make_line(ports=[5432, 8080, 8730])))
    document = PLAN.read_text("utf-8").replace("pause_budget_ms: 2000", "pause_budget_ms: 1") + WINDOW
    clerk, reviewer = office.callers("slj.clerk"), office.callers("xxh.reviewer")
    registration = MigrationRegistration(plan=document, request=request.number)
    migration = clerk.register_migration(registration).id

    def digest(kind: str) -> DigestBody:
        page = reviewer.read_migration(migration)
        plans = [step.plan for step in page.plans if step.act == kind]
        assert plans, (page.status, page.reason)
        return acts.digest_of(plans[-1])

    reviewer.preflight_migration(migration)
    office.work()
    office.callers(APPROVERS[0]).approve_migration(migration, digest("prepare"))
    office.callers("csp1.applier").start_migration(migration)
    office.work()
    reviewer.plan_cutover_migration(migration)
    office.work()
    for approver in APPROVERS:
        office.callers(approver).approve_cutover_migration(migration, digest("cutover"))


@pytest.fixture(scope="module")
def on_trial(server: Server, scheduled: Stage) -> Stage:
    """The target serves after a cutover without trouble; its rollback is approved."""
    database = server.create_database(scheduled.database)
    engine = create_database_engine(server.url(database))
    case = CutoverCase(scheduled, engine)
    assert case.carry_out("cut-over").status == "succeeded"
    engine.dispose()
    return Stage(database, scheduled.worker, case.hosts, case.cloud)


def _case(server: Server, stage: Stage) -> Iterator[CutoverCase]:
    database = server.create_database(stage.database)
    engine = create_database_engine(server.url(database))
    yield CutoverCase(stage, engine)
    engine.dispose()
    server.drop_database(database)


@pytest.fixture
def cutover(server: Server, scheduled: Stage, at_once: None) -> Iterator[CutoverCase]:  # noqa: ARG001
    """The source serves, and a cutover is approved."""
    yield from _case(server, scheduled)


@pytest.fixture
def rollback(server: Server, on_trial: Stage, at_once: None) -> Iterator[CutoverCase]:  # noqa: ARG001
    """The target serves, and a rollback is approved."""
    yield from _case(server, on_trial)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker waits for no host."""
    monkeypatch.setattr(inspection, "SECONDS_TO_END_SWITCH", 0.0)
    monkeypatch.setattr(switch, "SECONDS_BETWEEN_TRIES", 0.0)
