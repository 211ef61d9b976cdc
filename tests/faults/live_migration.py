"""A migration under writes on the whole product, and faults at a chosen moment."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg

from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.client.api import ApiClient
from orchestrator.client.models import RunDetail
from orchestrator.demo.sample_system import SampleClients, admin_conninfo, root_of
from orchestrator.migrations.plan_files import transfer_key
from orchestrator.migrations.transfer import MigrationHost
from tests import transfers
from tests.faults.product import Product
from tests.ports.movers.faults import pid_outside
from tests.running import wait_until
from tests.transfers import APPLIER, APPROVERS, PLAN, REVIEWER, Legacy, MigrationCase

SLOW_MARKER = """
CREATE FUNCTION public.take_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = 'marker' THEN PERFORM pg_sleep({seconds}); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER take_time BEFORE INSERT ON govcloud_{key}.switches
    FOR EACH ROW EXECUTE FUNCTION public.take_time();
ALTER TABLE govcloud_{key}.switches ENABLE REPLICA TRIGGER take_time;
"""


@dataclass
class LiveMigration:
    """A migration whose clients write all the time."""

    product: Product
    legacy: Legacy
    target: MigrationHost
    migration: MigrationCase
    clients: SampleClients

    @cached_property
    def key(self) -> str:
        return transfer_key(self.migration.read().number)

    def host(self, side: str) -> MigrationHost:
        return self.target if side == "target" else self.legacy.host

    def journal(self, to: str) -> Path:
        return root_of(self.host(to)) / f"srv/govcloud/{self.key}/switch.journal"

    def mark(self, mark: str, to: str = "target") -> bool:
        """Whether the script of a switch, on the side that takes over, has come so far."""
        journal = self.journal(to)
        return journal.exists() and f"{mark} " in journal.read_text()

    def signal_script(self, number: signal.Signals) -> None:
        pid = int((root_of(self.target) / f"srv/govcloud/{self.key}/switch.pid").read_text())
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid_outside(self.target, pid), number)

    def said(self, run: RunDetail, words: str) -> bool:
        return self.times_said(run, words) > 0

    def times_said(self, run: RunDetail, words: str) -> int:
        """In how many lines of its log a run has said this."""
        return sum(words in line for line in self.product.log_lines(run.id))

    def open_sides(self) -> list[str]:
        """The sides on which the application may log in to write."""
        sides = {"source": self.legacy.host, "target": self.target}
        return [side for side, host in sides.items() if may_log_in(host)]

    def expect_only(self, side: str) -> None:
        """Exactly this side serves and is recorded, and clients keep writing to it."""
        assert self.open_sides() == [side]
        assert self.migration.read().serving_side == side
        host = self.host(side)
        before = len(self.clients.acknowledged())
        wait_until(lambda: len(self.clients.acknowledged()) > before + 20, "clients write on")
        latest = max(self.clients.acknowledged(), key=lambda each: each.at)
        assert latest.address == host.address


def expect_explained(run: RunDetail) -> None:
    """The run says in both languages what happened, and what to do next."""
    assert all(getattr(run, name) for name in ("reason", "reason_zh", "next_step", "next_step_zh")), run


def answers(host: MigrationHost) -> bool:
    """Whether the host's database server accepts its administrator."""
    try:
        may_log_in(host)
    except psycopg.OperationalError:
        return False
    return True


def bring_home(live: LiveMigration, run: RunDetail) -> None:
    """After any fault one side serves; then a rollback or an inspection lets the source serve."""
    if run.status == "failed":
        expect_explained(run)
    if "inspect" in awaited(live):
        live.migration.act(REVIEWER, ApiClient.inspect_migration)
        wait_until(lambda: is_known(live), "both sides are read", 120)
    page = live.migration.read()
    live.expect_only(page.serving_side)
    if page.serving_side == "target":
        if "roll-back" not in awaited(live):
            plan_rollback(live)
        live.migration.well(APPLIER, ApiClient.roll_back_migration)
    live.expect_only("source")


def awaited(live: LiveMigration) -> list[str]:
    """Return the act that the migration waits for."""
    return [each.act for each in live.migration.read().awaited]


def is_known(live: LiveMigration) -> bool:
    """Return True when the serving side is known and no worker is busy with it."""
    outcome = live.migration.read().switches[-1].outcome
    return outcome not in ("unknown", "under_way") and not {"inspect", "wait"} & set(awaited(live))


def plan_rollback(live: LiveMigration) -> None:
    """Plan and approve another rollback after the cutover's own was used."""
    live.migration.well(REVIEWER, ApiClient.plan_rollback_migration)
    for approver in APPROVERS:
        live.product.callers(approver).approve_migration(live.migration.id, live.migration.digest("rollback"))


def instance_of(cloud: SandboxCloud, live: LiveMigration) -> str:
    """The cloud's id of the target."""
    keys = [row["key"] for row in live.product.rows("SELECT key FROM workspaces")]
    found = [each for key in keys for each in cloud.list_objects(key) if each.address == live.target.address]
    (instance,) = [each for each in found if each.kind == "instance"]
    return instance.cloud_id


def may_log_in(host: MigrationHost) -> bool:
    with psycopg.connect(admin_conninfo(host, "postgres")) as connection:
        row = connection.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'app'").fetchone()
    return bool(row and row[0])


@contextmanager
def slow_marker(live: LiveMigration, seconds: float = 8, to: str = "target") -> Iterator[None]:
    """While the block runs, `seconds` pass between the fence and the opening of a switch to this side."""
    live.journal(to).unlink(missing_ok=True)
    with slow_opening(live.host(to), live.key, seconds):
        yield


@contextmanager
def slow_opening(host: MigrationHost, key: str, seconds: float) -> Iterator[None]:
    """While the block runs, the last rows of a transfer arrive on this host `seconds` late."""
    conninfo = admin_conninfo(host, "app")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(SLOW_MARKER.format(key=key, seconds=seconds))
    try:
        yield
    finally:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("DROP FUNCTION public.take_time CASCADE")


@contextmanager
def checked_migration(product: Product, budget_ms: int) -> Iterator[LiveMigration]:
    """A migration whose preparation is approved, while clients write; no write is lost in the end."""
    product.make_whole()
    legacy = Legacy(product)
    request = transfers.provision(product)
    target = legacy.target(request)
    clients = legacy.clients()
    plan = PLAN.read_text("utf-8").replace("pause_budget_ms: 2000", f"pause_budget_ms: {budget_ms}")
    made = LiveMigration(product, legacy, target, MigrationCase(product, request, plan), clients)
    try:
        made.migration.checked()
        made.migration.approved("prepare")
        yield made
    finally:
        clients.stop()
