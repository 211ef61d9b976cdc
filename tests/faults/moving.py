"""A migration under writes on the whole product, and what breaks it at a chosen moment."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

from orchestrator.adapters.sandbox_cloud import SandboxCloud
from orchestrator.demo.sample_system import SampleClients, admin_conninfo, root_of
from orchestrator.migrations.move import MoveHost
from orchestrator.migrations.plan_files import move_key
from tests import moves
from tests.faults.product import Product
from tests.moves import APPLIER, APPROVERS, PLAN, REVIEWER, Legacy, Move
from tests.ports.movers.faults import pid_outside
from tests.running import wait_until

Document = dict[str, Any]
SLOW_MARKER = """
CREATE FUNCTION public.take_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind = 'marker' THEN PERFORM pg_sleep({seconds}); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER take_time BEFORE INSERT ON govcloud_{key}.cut FOR EACH ROW EXECUTE FUNCTION public.take_time();
ALTER TABLE govcloud_{key}.cut ENABLE REPLICA TRIGGER take_time;
"""


@dataclass
class Moving:
    """A migration whose clients write all the time."""

    product: Product
    legacy: Legacy
    target: MoveHost
    move: Move
    clients: SampleClients

    @cached_property
    def key(self) -> str:
        return move_key(self.move.read()["number"])

    def host(self, side: str) -> MoveHost:
        return self.target if side == "target" else self.legacy.host

    def journal(self, to: str) -> Path:
        return root_of(self.host(to)) / f"srv/govcloud/{self.key}/cut.journal"

    def mark(self, mark: str, to: str = "target") -> bool:
        """Whether the script of a switch, on the side that takes over, has come so far."""
        journal = self.journal(to)
        return journal.exists() and f"{mark} " in journal.read_text()

    def signal_script(self, number: signal.Signals) -> None:
        pid = int((root_of(self.target) / f"srv/govcloud/{self.key}/cut.pid").read_text())
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid_outside(self.target, pid), number)

    def said(self, run: Document, words: str) -> bool:
        return self.times_said(run, words) > 0

    def times_said(self, run: Document, words: str) -> int:
        """In how many lines of its log a run has said this."""
        return sum(words in line for line in self.product.log_lines(run["id"]))

    def open_sides(self) -> list[str]:
        """The sides on which the application may log in to write."""
        sides = {"source": self.legacy.host, "target": self.target}
        return [side for side, host in sides.items() if may_log_in(host)]

    def expect_only(self, side: str) -> None:
        """Exactly this side serves, the books say so, and clients write on to it."""
        assert self.open_sides() == [side]
        assert self.move.read()["serving_side"] == side
        host = self.host(side)
        before = len(self.clients.acknowledged())
        wait_until(lambda: len(self.clients.acknowledged()) > before + 20, "clients write on")
        latest = max(self.clients.acknowledged(), key=lambda each: each.at)
        assert latest.address == host.address


def told(run: Document) -> None:
    """The run says in both languages what happened, and what to do next."""
    assert all(run[name] for name in ("reason", "reason_zh", "next_step", "next_step_zh")), run


def answers(host: MoveHost) -> bool:
    """Whether the host's database server accepts its administrator."""
    try:
        may_log_in(host)
    except psycopg.OperationalError:
        return False
    return True


def bring_home(moving: Moving, run: Document) -> None:
    """Whatever the fault led to: one side serves; then a return, or a settling, lets the source serve."""
    if run["status"] == "failed":
        told(run)
    if "inspect" in awaited(moving):
        moving.move.act(REVIEWER, "inspect")
        wait_until(lambda: is_settled(moving), "both sides are read", 120)
    page = moving.move.read()
    moving.expect_only(page["serving_side"])
    if page["serving_side"] == "target":
        if "roll-back" not in awaited(moving):
            return_planned(moving)
        moving.move.well(APPLIER, "roll-back")
    moving.expect_only("source")


def awaited(moving: Moving) -> list[str]:
    """What the migration waits for."""
    return [each["act"] for each in moving.move.read()["awaited"]]


def is_settled(moving: Moving) -> bool:
    """Whether it is known which side serves, and no worker is at it."""
    outcome = moving.move.read()["switches"][-1]["outcome"]
    return outcome not in ("unsettled", "under_way") and not {"inspect", "wait"} & set(awaited(moving))


def return_planned(moving: Moving) -> None:
    """Another return is planned and approved, after the one that went with the cut was used up."""
    moving.move.well(REVIEWER, "plan-rollback")
    for approver in APPROVERS:
        moving.move.act(approver, "approve", digest=moving.move.plan("return")["tuple_digest"])


def instance_of(cloud: SandboxCloud, moving: Moving) -> str:
    """The cloud's id of the target."""
    keys = [row["key"] for row in moving.product.rows("SELECT key FROM workspaces")]
    found = [
        each for key in keys for each in cloud.list_objects(key) if each.address == moving.target.address
    ]
    (instance,) = [each for each in found if each.kind == "instance"]
    return instance.cloud_id


def may_log_in(host: MoveHost) -> bool:
    with psycopg.connect(admin_conninfo(host, "postgres")) as connection:
        row = connection.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'app'").fetchone()
    return bool(row and row[0])


@contextmanager
def slow_marker(moving: Moving, seconds: float = 8, to: str = "target") -> Iterator[None]:
    """While the block runs, `seconds` pass between the fence and the opening of a switch to this side."""
    moving.journal(to).unlink(missing_ok=True)
    with slow_opening(moving.host(to), moving.key, seconds):
        yield


@contextmanager
def slow_opening(host: MoveHost, key: str, seconds: float) -> Iterator[None]:
    """While the block runs, the last rows of a move arrive on this host `seconds` late."""
    conninfo = admin_conninfo(host, "app")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(SLOW_MARKER.format(key=key, seconds=seconds))
    try:
        yield
    finally:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("DROP FUNCTION public.take_time CASCADE")


@contextmanager
def checked_migration(product: Product, budget_ms: int) -> Iterator[Moving]:
    """A migration whose plan to arm is approved, while clients write; in the end nobody has lost a write."""
    product.make_whole()
    legacy = Legacy(product)
    request = moves.provision(product)
    target = legacy.target(request)
    clients = legacy.clients()
    plan = PLAN.read_text("utf-8").replace("pause_budget_ms: 2000", f"pause_budget_ms: {budget_ms}")
    made = Moving(product, legacy, target, Move(product, request, plan), clients)
    try:
        made.move.checked()
        made.move.approved("arm")
        yield made
    finally:
        clients.stop()
