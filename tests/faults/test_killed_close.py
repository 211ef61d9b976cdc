"""kill -9 of the web process or the worker at every step of a month's close: no line twice, and none missing.

A trigger holds the close at one step after the other. There the process is killed, the server finds its
client gone, and the next one goes on. In the end everything stored is what an undisturbed close stores.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from orchestrator.billing import statement_queries as queries
from orchestrator.client.connection import Unreachable
from orchestrator.core import audit
from orchestrator.core.db import create_database_engine, libpq_url
from tests import months
from tests.db.billing import closes, hosts
from tests.db.billing.closes import JULY, JUNE
from tests.faults.product import Product
from tests.postgres import Server
from tests.running import Process, wait_until

MONTH = "2019-07"
GATE = 4711
HOLD = f"""
CREATE TABLE held_step (name text);
CREATE FUNCTION hold_the_close() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM held_step WHERE name = TG_NAME) THEN
        PERFORM pg_advisory_xact_lock_shared({GATE});
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
"""
TRIGGER = "CREATE {kind} {step} {place} EXECUTE FUNCTION hold_the_close()"
JOB = "queue.procrastinate_jobs FOR EACH ROW WHEN (NEW.task_name = 'billing.meter'"
METERED = (
    "usage_statements {when} FOR EACH ROW WHEN (NEW.status = 'metered' AND NEW.organisation_code = '{code}')"
)
ORDER = {
    "statement_opened": "AFTER INSERT ON usage_statements FOR EACH ROW",
    "job_ordered": f"AFTER INSERT ON {JOB})",
}
"""Steps of the web process -> where in the database it is held."""
WORK = {
    "job_taken": f"BEFORE UPDATE ON {JOB} AND NEW.status = 'doing')",
    "old_lines_removed": "BEFORE DELETE ON statement_lines FOR EACH STATEMENT",
    "lines_begun": "BEFORE INSERT ON statement_lines FOR EACH STATEMENT",
    "half_the_lines": "BEFORE INSERT ON statement_lines FOR EACH ROW WHEN (NEW.position = 8)",
    "corrected": "AFTER INSERT ON statement_lines FOR EACH ROW WHEN (NEW.kind = 'right')",
    "corrections_considered": "AFTER INSERT ON considered_corrections FOR EACH ROW",
    "half_the_movement": "BEFORE INSERT ON sku_movements FOR EACH ROW WHEN (NEW.sku_code = 'EVS-SSD')",
    "first_statement_metered": "AFTER UPDATE ON " + METERED.format(when="", code="MZJ"),
    "last_statement_metered": "AFTER UPDATE ON " + METERED.format(when="", code="SLJ"),
}
"""Steps of the worker before its transaction ends."""
COMMITTED = {
    "committing": "AFTER UPDATE ON " + METERED.format(when="DEFERRABLE INITIALLY DEFERRED", code="SLJ"),
    "job_ended": f"BEFORE UPDATE ON {JOB} AND NEW.status = 'succeeded')",
}
"""Steps of the worker once its commit has begun: the server carries it out, although nobody hears of it.

The audit events go to the server in the same message as the commit, so they are no step of their own.
"""
SEEN = """
SELECT (SELECT count(*) FROM usage_statements WHERE month = '2019-07-01' AND status = 'open') AS open,
       (SELECT count(*) FROM usage_statements WHERE month = '2019-07-01' AND status = 'metered') AS metered,
       (SELECT count(*) FROM statement_lines l JOIN usage_statements s ON s.id = l.statement_id
        WHERE s.month = '2019-07-01') AS lines,
       (SELECT count(*) FROM queue.procrastinate_jobs WHERE task_name = 'billing.meter'
        AND status IN ('todo', 'doing')) AS jobs
"""
TWICE = """
SELECT statement_id, kind, month, resource_id, sku_code, starts FROM statement_lines
GROUP BY 1, 2, 3, 4, 5, 6 HAVING count(*) > 1
"""
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = :gate"
Seen = dict[str, Any]


@dataclass
class Kills:
    """What everybody else saw after each kill, and at the end."""

    product: Product
    seen: dict[str, Seen] = field(default_factory=dict)
    stored: Any = None

    @contextmanager
    def held(self, step: str) -> Iterator[None]:
        """Within the block the next process that comes to `step` is held there; on leaving it is let go."""
        with psycopg.connect(libpq_url(self.product.database_url), autocommit=True) as gate:
            gate.execute("SELECT pg_advisory_lock(%s)", [GATE])
            gate.execute("INSERT INTO held_step VALUES (%s)", [step])
            yield
            gate.execute("DELETE FROM held_step")

    def somebody_waits(self) -> bool:
        waiting = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = :gate AND NOT granted"
        )
        return bool(self.product.value(waiting, gate=GATE))

    def kill_at(self, step: str, process: Process) -> None:
        """End the process without a word as soon as it is held; then note what can be seen."""
        wait_until(self.somebody_waits, f"the close comes to {step}")
        process.kill()
        process.wait()

    def wait_for_rest(self, step: str) -> None:
        """The server has ended the transaction of the killed process."""
        wait_until(lambda: not self.product.value(LOCKS, gate=GATE), "the server finds its client gone")
        (self.seen[step],) = [dict(row) for row in self.product.rows(SEEN)]

    def order(self) -> None:
        with suppress(Unreachable):
            months.order_close(self.product.callers, MONTH)

    def kill_the_web(self, step: str) -> None:
        """The centre closes the month, and the web process dies at this step."""
        assert self.product.web is not None
        with self.held(step):
            asking = threading.Thread(target=self.order)
            asking.start()
            self.kill_at(step, self.product.web)
        asking.join()
        self.wait_for_rest(step)
        self.product.start_web()

    def kill_the_worker(self, step: str) -> None:
        """A worker goes on with the close, and dies at this step."""
        with self.held(step):
            worker = self.product.start_worker()
            self.kill_at(step, worker)
        self.product.workers.remove(worker)
        self.wait_for_rest(step)


def prepare(engine: Engine) -> None:
    """Two departments whose June is confirmed; in July one is resized, and learns late about its June."""
    flood = hosts.in_production(engine, "web")
    hosts.in_production(engine, "db", sizes=(4, 16, 200))
    hosts.in_production(engine, "web", "MZJ")
    hosts.on_day(engine, "2019-07-10")
    closes.close(engine, JUNE)
    for department in ("SLJ", "MZJ"):
        closes.issue(engine, JUNE, department)
        closes.confirm(engine, JUNE, department)
    hosts.resize(engine, flood, 2, 8)
    closes.correct(engine, flood, date(2019, 6, 25), CPU=4, MEM=16)
    hosts.on_day(engine, "2019-08-01")


@pytest.fixture(scope="module")
def prepared(server: Server, city: str) -> str:
    name = server.create_database(city)
    engine = create_database_engine(server.url(name))
    prepare(engine)
    engine.dispose()
    return name


@pytest.fixture(scope="module")
def undisturbed(server: Server, prepared: str) -> Iterator[Engine]:
    """The same city, closed without a fault."""
    engine = create_database_engine(server.url(server.create_database(prepared)))
    closes.close(engine, JULY)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def kills(server: Server, prepared: str) -> Iterator[Kills]:
    """One close of July, killed at every step, each time gone on with by the next process."""
    product = Product(server.url(server.create_database(prepared)))
    try:
        product.change(HOLD)
        for step, place in {**ORDER, **WORK, **COMMITTED}.items():
            kind = "CONSTRAINT TRIGGER" if "DEFERRABLE" in place else "TRIGGER"
            product.change(TRIGGER.format(kind=kind, step=step, place=place))
        product.start_web()
        made = Kills(product)
        for step in ORDER:
            made.kill_the_web(step)
        months.order_close(product.callers, MONTH)
        for step in (*WORK, *COMMITTED):
            made.kill_the_worker(step)
        product.start_worker()
        months.wait_until_metered(product.callers, MONTH)
        ended = "SELECT count(*) FROM queue.procrastinate_jobs WHERE task_name = 'billing.meter'"
        running = f"{ended} AND status <> 'succeeded'"
        wait_until(lambda: not product.value(running), "the job of the close has ended")
        made.stored = closes.stored(product.engine)
        yield made
    finally:
        product.stop()


@pytest.mark.parametrize("step", ORDER)
def test_a_web_process_killed_while_a_close_is_ordered_leaves_nothing_opened_and_nothing_queued(
    kills: Kills, step: str
) -> None:
    assert kills.seen[step] == {"open": 0, "metered": 0, "lines": 0, "jobs": 0}


@pytest.mark.parametrize("step", WORK)
def test_a_worker_killed_before_its_commit_leaves_open_statements_without_lines_and_the_job(
    kills: Kills, step: str
) -> None:
    assert kills.seen[step] == {"open": 2, "metered": 0, "lines": 0, "jobs": 1}


@pytest.mark.parametrize("step", COMMITTED)
def test_a_worker_killed_once_its_commit_has_begun_leaves_everything_metered_and_the_job(
    kills: Kills, undisturbed: Engine, step: str
) -> None:
    with undisturbed.connect() as connection:
        lines = connection.execute(text(SEEN)).mappings().one()["lines"]
    assert kills.seen[step] == {"open": 0, "metered": 2, "lines": lines, "jobs": 1}


@pytest.mark.invariant(6)
def test_after_all_of_it_every_line_is_there_once_as_after_an_undisturbed_close(
    kills: Kills, undisturbed: Engine
) -> None:
    engine = kills.product.engine
    assert kills.stored == closes.stored(undisturbed)
    assert [closes.lines(engine, JULY, one) for one in ("SLJ", "MZJ")] == [
        closes.lines(undisturbed, JULY, one) for one in ("SLJ", "MZJ")
    ]
    kinds = [line[0] for line in closes.lines(engine, JULY)]
    assert {kind: kinds.count(kind) for kind in kinds} == {"ordinary": 10, "counter": 2, "right": 4}
    assert kills.product.rows(TWICE) == []


@pytest.mark.invariant(6)
@pytest.mark.parametrize("department", ["SLJ", "MZJ"])
def test_what_would_be_issued_has_the_same_digest(kills: Kills, undisturbed: Engine, department: str) -> None:
    digests = set()
    for engine in (kills.product.engine, undisturbed):
        with Session(engine) as session:
            row = queries.current(session, department, JULY)
            digests.add(queries.digest(session, row.id, "ST", date(2019, 8, 1)))
    assert len(digests) == 1


def test_each_statement_was_metered_once_by_the_audit_and_the_job_ended_after_its_attempts(
    kills: Kills,
) -> None:
    closes = kills.product.rows(
        "SELECT count(*) AS times FROM audit_events WHERE action = 'usage_statement:metered'"
        " AND object_id IN (SELECT id::text FROM usage_statements WHERE month = '2019-07-01')"
        " GROUP BY object_id"
    )
    assert [row["times"] for row in closes] == [1, 1]
    (job,) = kills.product.rows(
        "SELECT status::text, attempts FROM queue.procrastinate_jobs WHERE task_name = 'billing.meter'"
    )
    # Who is killed while it takes the job, or tells its end, may have done so or not.
    assert job["status"] == "succeeded"
    assert job["attempts"] >= len(WORK)
    with Session(kills.product.engine) as session:
        assert audit.verify(session, []) == []


def test_the_statements_are_issued_and_confirmed_like_any_other(kills: Kills, undisturbed: Engine) -> None:
    callers = kills.product.callers
    issued = callers(months.REVIEWER).issue_statement(months.current(callers, MONTH).id)
    confirmed = callers(months.OFFICER).confirm_statement(issued.id)
    assert confirmed.total_fen == closes.statement(undisturbed, JULY).total_fen
