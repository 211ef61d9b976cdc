"""The close of a month with a million usage intervals, compared with a plain INSERT … SELECT of its lines.

The product's side is the whole close: the check for missing prices and gaps, opening the statements, rating
every line, movements, totals, audit. The other side copies the finished lines into an empty table of the same
columns, indexes and constraints; the median of three copies counts, because disk throughput varies. The first
month is the heaviest one, because all hosts are opened in it; in each later month some are resized.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlmodel import Session, select

from benchmarks import report
from benchmarks.city import fill
from benchmarks.environment import AS_OF, leave_root, temporary_settings
from orchestrator.adapters.embedded_postgres import EmbeddedPostgres
from orchestrator.billing.months import month_after, month_text
from orchestrator.core import clock
from orchestrator.core.clock import CITY
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.departments.models import Person
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs.models import ExecutionPlan, Run, Workspace
from orchestrator.schema import revisions
from orchestrator.settings import Settings
from orchestrator.systems.models import System
from orchestrator.workflows.billing import month_close

AIM = 2.5
ACTOR = "operator:benchmark"
FIRST = date(2019, 6, 1)
SKUS_A_HOST = 4
RESIZED_ONE_IN = 100

# A host is an instance with vCPU and memory, and a volume with disk and backup.
_RESOURCES = """
INSERT INTO resources (id, workspace_id, address, kind, request_id, plan_id, organisation_code, system_code,
    status, status_at, version, spec, connection, drift, created_at, opened_on)
SELECT gen_random_uuid(), w.id, k.kind || '/h-' || host, k.kind, w.origin_request_id, p.id,
       w.organisation_code, w.system_code, 'active', now(), 1, jsonb_build_object('host', host), '{}', '{}',
       now(), CAST(:month AS date) + host % 28
FROM generate_series(0, :hosts - 1) AS host
JOIN (SELECT *, row_number() OVER (ORDER BY key) - 1 AS nth, count(*) OVER () AS total FROM workspaces) AS w
  ON w.nth = host % w.total
JOIN execution_plans p ON p.workspace_id = w.id
CROSS JOIN (VALUES ('instance'), ('volume')) AS k(kind)
"""
_METERED_RESOURCES = """
INSERT INTO metered_resources (resource_id, organisation_code, system_code, zone, address)
SELECT r.id, r.organisation_code, r.system_code, w.zone, r.address
FROM resources r JOIN workspaces w ON w.id = r.workspace_id
"""
_SKUS = """CASE r.kind WHEN 'instance' THEN jsonb_build_array(
        jsonb_build_object('sku', 'ECS-X86-CPU', 'quantity', {vcpu}),
        jsonb_build_object('sku', 'ECS-X86-MEM', 'quantity', 4 * {vcpu}))
    ELSE jsonb_build_array(
        jsonb_build_object('sku', 'EVS-SSD', 'quantity', {disk}),
        jsonb_build_object('sku', 'BAK-VM', 'quantity', {disk})) END"""
_EVENTS = """
INSERT INTO usage_events (resource_id, kind, day, at, billing_state, skus, run_id, state_serial, actor)
SELECT r.id, :kind, {day}, CAST(:at AS timestamptz), {state}, {skus}, runs.id, 1, :actor
FROM resources r JOIN runs ON runs.workspace_id = r.workspace_id WHERE {condition}
"""
_HOST = "(r.spec ->> 'host')::int"
_OPENED = _EVENTS.format(
    day="r.opened_on",
    state="'active'",
    skus=_SKUS.format(vcpu=f"2 ^ (1 + {_HOST} % 4)", disk=f"100 * (1 + {_HOST} % 9)"),
    condition="true",
)
_RESIZED = _EVENTS.format(
    day=f"CAST(:month AS date) + {_HOST} % 28",
    state="NULL",
    skus=_SKUS.format(vcpu="24", disk="0"),
    condition=f"r.kind = 'instance' AND {_HOST} / 28 % :one_in = :remainder",
)
_END_INTERVALS = """
UPDATE usage_intervals i SET days = daterange(lower(i.days), e.day)
FROM usage_events e WHERE e.seq > :after AND e.resource_id = i.resource_id AND upper_inf(i.days)
"""
_NEW_INTERVALS = """
INSERT INTO usage_intervals (id, resource_id, organisation_code, sku_code, quantity, spec_arch, billing_state,
    days, event_seq, run_id, state_serial)
SELECT gen_random_uuid(), e.resource_id, m.organisation_code, u.sku, u.quantity, '', 'active',
       daterange(e.day, NULL), e.seq, e.run_id, e.state_serial
FROM usage_events e JOIN metered_resources m USING (resource_id)
CROSS JOIN LATERAL jsonb_to_recordset(e.skus) AS u(sku text, quantity numeric)
WHERE e.seq > :after
"""
_COUNT = """
SELECT count(*) FROM usage_intervals WHERE days && daterange(CAST(:month AS date), CAST(:ends AS date))
"""
_LINES = """
SELECT count(*) FROM statement_lines l JOIN usage_statements s ON s.id = l.statement_id WHERE s.month = :month
"""
_TOTAL = "SELECT sum(total_fen) FROM usage_statements WHERE month = :month"
_EMPTY_COPY = "CREATE TABLE plain (LIKE statement_lines INCLUDING INDEXES INCLUDING CONSTRAINTS)"
_COPY_LINES = """
INSERT INTO plain SELECT l.* FROM statement_lines l JOIN usage_statements s ON s.id = l.statement_id
WHERE s.month = :month
"""


@dataclass(frozen=True)
class ClosedMonth:
    """The contents of a closed month, and the seconds of both sides."""

    month: date
    intervals: int
    lines: int
    total_fen: int
    close_seconds: float
    copy_seconds: float


def create_workspaces(session: Session) -> None:
    """Create a workspace with an applied plan for every department that has a system."""
    persons = {person.username: person.id for person in session.exec(select(Person))}
    systems = session.exec(select(System).order_by(System.code)).all()
    for code, system in {system.organisation_code: system for system in systems}.items():
        owner: dict[str, Any] = {"organisation_code": code}
        created: dict[str, Any] = {"created_at": AS_OF}
        times: dict[str, Any] = {"status_at": AS_OF, **created}
        texts: dict[str, Any] = {"number": f"GC-{code}", "title": code, "justification": code}
        request = ResourceRequest(
            **owner,
            **times,
            **texts,
            system_code=system.code,
            status="fulfilled",
            requester_id=persons["slj.clerk"],
        )
        session.add(request)
        session.flush()
        workspace = Workspace(
            key=code.lower(),
            cloud="hundred",
            zone="extranet",
            origin_request_id=request.id,
            system_code=system.code,
            **owner,
            **created,
        )
        session.add(workspace)
        session.flush()
        plan = ExecutionPlan(
            number=f"EP-{code}",
            kind="provision",
            request_id=request.id,
            workspace_id=workspace.id,
            status="applied",
            requester_id=persons["slj.clerk"],
            author_id=persons["xxh.reviewer"],
            **owner,
            **times,
        )
        session.add(plan)
        session.flush()
        run = Run(
            kind="apply", workspace_id=workspace.id, plan_id=plan.id, status="succeeded", **owner, **times
        )
        session.add(run)
        session.flush()


def open_hosts(connection: Connection, hosts: int) -> None:
    """Open all hosts, distributed over the days of the first month."""
    if connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar_one():
        # This part is not measured, so a superuser skips its five million foreign key checks.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(text(_RESOURCES), {"month": FIRST, "hosts": hosts})
    connection.execute(text(_METERED_RESOURCES))
    _record(connection, _OPENED, {"kind": "opened", "at": FIRST})


def resize_hosts(connection: Connection, month: date) -> None:
    """Resize one host in a hundred, distributed over the days of the month; no host is resized twice."""
    which = {"remainder": month.month, "one_in": RESIZED_ONE_IN, "month": month}
    _record(connection, _RESIZED, {"kind": "resized", "at": month, **which})


def _record(connection: Connection, events: str, values: Mapping[str, Any]) -> None:
    """Insert usage events, end the intervals that they change, and begin new ones."""
    after = connection.execute(text("SELECT coalesce(max(seq), 0) FROM usage_events")).scalar_one()
    connection.execute(text(events), {**values, "actor": ACTOR})
    connection.execute(text(_END_INTERVALS), {"after": after})
    connection.execute(text(_NEW_INTERVALS), {"after": after})


def close(engine: Engine, month: date) -> float:
    """Run both steps of the product's month close. Returns the seconds."""
    began = time.perf_counter()
    with transaction(engine) as session:
        opened = month_close.open_statements(session, month, ACTOR)
    with transaction(engine) as session:
        month_close.meter_statements(session, month, ACTOR, opened.event_seq)
    return time.perf_counter() - began


def copy(engine: Engine, month: date) -> float:
    """Copy the finished lines into a table without triggers. Returns the median seconds of three copies."""
    return statistics.median(_copy_once(engine, month) for _ in range(3))


def _copy_once(engine: Engine, month: date) -> float:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS plain"))
        connection.execute(text(_EMPTY_COPY))
    began = time.perf_counter()
    with engine.begin() as connection:
        connection.execute(text(_COPY_LINES), {"month": month})
    return time.perf_counter() - began


def vacuum(engine: Engine) -> None:
    """Vacuum and analyse, as autovacuum has done in a real city before the month ends."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in ("resources", "metered_resources", "usage_events", "usage_intervals", "statement_lines"):
            connection.execute(text(f"VACUUM ANALYZE {table}"))


def measure(engine: Engine, hosts: int, months: int) -> list[ClosedMonth]:
    """Create the events of each month, close it, and copy its lines."""
    closed: list[ClosedMonth] = []
    month = FIRST
    for number in range(months):
        with engine.begin() as connection:
            resize_hosts(connection, month) if number else open_hosts(connection, hosts)
        after = month_after(month)
        with transaction(engine) as session:
            clock.set_to(session, datetime.combine(after, time_of_day(9), CITY))
        vacuum(engine)
        seconds = close(engine, month)
        with engine.connect() as connection:
            period = {"month": month, "ends": after}
            intervals, lines, total = (
                int(connection.execute(text(query), period).scalar_one())
                for query in (_COUNT, _LINES, _TOTAL)
            )
        closed.append(ClosedMonth(month, intervals, lines, total, seconds, copy(engine, month)))
        month = after
    return closed


def backend_peak_mb(engine: Engine) -> int | None:
    """Return the peak memory of our backend process, shared memory included; None on another machine."""
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:")), None)


def main() -> None:
    """Close one month after the other and print; the last line is one JSON object."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--intervals", type=int, default=1_000_000)
    options.add_argument("--months", type=int, default=4)
    arguments = options.parse_args()
    leave_root()
    with temporary_settings("hundred") as settings:
        if settings.database_url is not None:
            _measure(settings, settings.database_url, arguments.intervals // SKUS_A_HOST, arguments.months)
        else:
            with EmbeddedPostgres(settings.home / "postgres") as server:
                _measure(settings, server.url, arguments.intervals // SKUS_A_HOST, arguments.months)


def _measure(settings: Settings, url: str, hosts: int, months: int) -> None:
    revisions.upgrade(url)
    # One connection, so that the memory of one backend is that of the whole close.
    engine = create_database_engine(url, pool_size=1)
    with transaction(engine) as session:
        clock.set_to(session, AS_OF)
    fill(engine, settings)
    with transaction(engine) as session:
        create_workspaces(session)
    closed = measure(engine, hosts, months)
    backend = backend_peak_mb(engine)
    engine.dispose()
    _print(closed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, backend)


def _print(closed: list[ClosedMonth], client_mb: int, backend_mb: int | None) -> None:
    rows = [
        (
            month_text(month.month),
            f"{month.intervals:,}",
            f"{month.lines:,}",
            f"{month.close_seconds:.2f}",
            f"{month.copy_seconds:.2f}",
            f"{month.close_seconds / month.copy_seconds:.2f}",
        )
        for month in closed
    ]
    columns = ("month", "intervals", "lines", "close s", "INSERT … SELECT s", "ratio")
    report.table("The close of a month, compared with a copy of its lines", columns, rows)
    first, last, ordinary = closed[0], closed[-1], closed[1:] or closed
    close_seconds = [month.close_seconds for month in ordinary]
    copy_seconds = [month.copy_seconds for month in ordinary]
    report.result(
        "month_close",
        report.median_ratio(close_seconds, copy_seconds),
        AIM,
        at_most=True,
        first_month_ratio=round(first.close_seconds / first.copy_seconds, 3),
        ours_seconds=round(statistics.median(close_seconds), 2),
        baseline_seconds=round(statistics.median(copy_seconds), 2),
        first_month_seconds=round(first.close_seconds, 2),
        intervals=last.intervals,
        lines=last.lines,
        total_fen=last.total_fen,
        client_peak_mb=client_mb,
        backend_peak_mb=backend_mb,
        months=len(closed),
    )


if __name__ == "__main__":
    main()
