"""Submitted requests per second, compared with a plain conditional UPDATE of the contended row.

Both sides use the same threads and the same connection pool; each operation is one transaction that is
flushed to disk. In the first case clients compete for the quota of one department, in the second for a pool
that eight departments share. Updates of eight separate rows are reported too, although no admission can avoid
the shared rows. At the end 16 clients submit more requests than fit; exactly those that fit must be admitted.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Engine, text

from benchmarks import report
from benchmarks.city import fill
from benchmarks.environment import AS_OF, leave_root, temporary_settings
from orchestrator.adapters.embedded_postgres import EmbeddedPostgres
from orchestrator.adapters.policy_files import load_pack
from orchestrator.core import clock
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.departments.permissions import Actor
from orchestrator.policies.pack import PolicyPack
from orchestrator.resource_requests.drafting import LineDraft, RequestDraft
from orchestrator.resource_requests.errors import RuleRefuses
from orchestrator.schema import revisions
from orchestrator.settings import Settings
from orchestrator.workflows.act import Call
from orchestrator.workflows.nouns import REQUESTS
from orchestrator.workflows.people import accounts
from orchestrator.workflows.perform import perform
from orchestrator.workflows.requests import steps
from orchestrator.workflows.requests.acts import ASK_ENDORSEMENT, ENDORSE, SUBMIT

AIM = 0.3
CLIENTS = 16
RACING_REQUESTS, FREE_VCPU = 64, 40
WARM_UP_REQUESTS = 12
"""After so many requests a connection has prepared every statement, as in a service that runs."""
SYSTEMS = {
    "slj": "SYS-019",
    "fgw": "SYS-002",
    "xgw": "SYS-001",
    "sthj": "SYS-005",
    "wjw": "SYS-006",
    "cgj": "SYS-010",
    "rsj": "SYS-011",
    "ybj": "SYS-013",
}
"""System by department; the first department is used alone too."""
_OWN_QUOTA = text(
    "UPDATE quota_limits SET held = held + 1 WHERE organisation_code = :organisation"
    " AND zone_class = 'trial' AND resource_class = 'vcpu' AND amount - held - committed >= 1"
)
_SHARED_POOL = text(
    "UPDATE pool_capacities SET held = held + 1 WHERE pool_code = 'BENCHMARK'"
    " AND resource_class = 'vcpu' AND allocatable - held - committed >= 1"
)
_TRIAL_QUOTAS = text("""
INSERT INTO quota_limits (organisation_code, zone_class, resource_class, amount, held, committed)
SELECT code, 'trial', 'vcpu', 1000000000, 0, 0 FROM organisations ON CONFLICT DO NOTHING
""")
_POOL = text("""
WITH pool AS (
    INSERT INTO resource_pools (code, name_zh, name_en, zone, arch, overcommit_percent, warn_at_percent, free)
    VALUES ('BENCHMARK', '', '', 'extranet', 'x86', 100, 80, false) RETURNING code
)
INSERT INTO pool_capacities (pool_code, resource_class, capacity, allocatable, held, committed)
SELECT code, 'vcpu', 1000000000, 1000000000, 0, 0 FROM pool
""")
_OVERSOLD = text("""
SELECT (SELECT count(*) FROM quota_limits WHERE held + committed > amount)
     + (SELECT count(*) FROM pool_capacities WHERE held + committed > allocatable)
     + (SELECT count(*) FROM budget_lines WHERE held_fen + committed_fen + spent_fen > appropriated_fen)
     + (SELECT count(*) FROM quota_limits q WHERE zone_class = 'production' AND held <> coalesce((
            SELECT sum(i.amount) FROM hold_items i JOIN holds h ON h.id = i.hold_id
            WHERE h.status = 'live' AND h.organisation_code = q.organisation_code
              AND i.target = 'quota:production:' || q.resource_class), 0))
""")

Order = tuple[str, UUID]
"""A department and the id of its request."""


@dataclass(frozen=True)
class Departments:
    """Departments that submit requests: database, policy pack, clerks and officers."""

    engine: Engine
    pack: PolicyPack
    clerks: dict[str, Actor]
    officers: dict[str, Actor]

    def endorsed(self, department: str) -> UUID:
        """Create a request that is ready to be submitted, and return its id."""
        clerk = self.clerks[department]
        line = LineDraft(key="web", label="x", pool="EXT-X86", vcpu=1, memory_gb=4, disk_gb=40)
        draft = RequestDraft(
            system=SYSTEMS[department], title="benchmark", justification="benchmark", lines=(line,)
        )
        with transaction(self.engine) as session:
            request = steps.draft_request(session, clerk, draft, self.pack)
            perform(REQUESTS, ASK_ENDORSEMENT, Call(session, clerk, self.pack), request.id)
            perform(REQUESTS, ENDORSE, Call(session, self.officers[department], self.pack), request.id)
            return request.id

    def submit(self, order: Order) -> bool:
        """Submit a request. Returns False if a rule refuses it."""
        department, request = order
        try:
            with transaction(self.engine) as session:
                perform(REQUESTS, SUBMIT, Call(session, self.clerks[department], self.pack), request)
        except RuleRefuses:
            return False
        return True

    def update_quota(self, order: Order) -> bool:
        """Update the quota of the department, without rules, prices and audit."""
        with self.engine.begin() as connection:
            updated = connection.execute(_OWN_QUOTA, {"organisation": order[0].upper()})
            return bool(updated.rowcount == 1)

    def update_pool(self, _order: Order) -> bool:
        """Update the pool that all departments share, without rules, prices and audit."""
        with self.engine.begin() as connection:
            return bool(connection.execute(_SHARED_POOL).rowcount == 1)


def load_departments(engine: Engine, settings: Settings) -> Departments:
    """Load the sample city and return its departments."""
    with transaction(engine) as session:
        clock.set_to(session, AS_OF)
    fill(engine, settings)
    with transaction(engine) as session:
        session.execute(_TRIAL_QUOTAS)
        session.execute(_POOL)
        clerks = {name: accounts.actor_named(session, f"{name}.clerk") for name in SYSTEMS}
        officers = {name: accounts.actor_named(session, f"{name}.officer") for name in SYSTEMS}
    pack = load_pack(settings.content_dir / "policies" / settings.policy_pack)
    return Departments(engine, pack, clerks, officers)


def rate(operation: Callable[[Order], bool], orders: Sequence[Order], clients: ThreadPoolExecutor) -> float:
    """Carry out all orders with all clients at once. Returns the number per second."""
    began = time.perf_counter()
    succeeded = list(clients.map(operation, orders))
    seconds = time.perf_counter() - began
    if not all(succeeded):
        raise RuntimeError(f"{succeeded.count(False)} of {len(orders)} were refused within the limits")
    return len(orders) / seconds


@dataclass(frozen=True)
class Rates:
    """Operations per second of each round: admissions, updates of the contended row and of separate rows."""

    admitted: list[float] = field(default_factory=list)
    updated: list[float] = field(default_factory=list)
    updated_apart: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Load:
    """The load of a measurement; requests are distributed over the named departments."""

    names: Sequence[str]
    requests: int
    rounds: int


def measure(departments: Departments, load: Load, clients: ThreadPoolExecutor) -> Rates:
    """Measure admissions and plain updates, alternating."""
    rates = Rates()
    plain = departments.update_quota if len(load.names) == 1 else departments.update_pool
    for _ in range(load.rounds):
        names = itertools.islice(itertools.cycle(load.names), load.requests)
        orders = [(name, departments.endorsed(name)) for name in names]
        rates.updated.append(rate(plain, orders * 4, clients))
        rates.admitted.append(rate(departments.submit, orders, clients))
        rates.updated_apart.append(rate(departments.update_quota, orders * 4, clients))
    return rates


def race(departments: Departments, clients: ThreadPoolExecutor) -> int:
    """Submit more requests at once than one department's quota allows. Returns the number of admissions."""
    orders = [("slj", departments.endorsed("slj")) for _ in range(RACING_REQUESTS)]
    with transaction(departments.engine) as session:
        session.execute(
            text(
                "UPDATE quota_limits SET amount = held + committed + :free WHERE organisation_code = 'SLJ'"
                " AND zone_class = 'production' AND resource_class = 'vcpu'"
            ),
            {"free": FREE_VCPU},
        )
    return sum(clients.map(departments.submit, orders))


def main() -> None:
    """Measure both cases, then run the race."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--requests", type=int, default=160)
    arguments = options.parse_args()
    leave_root()
    with temporary_settings("hundred") as settings:
        if settings.database_url is not None:
            _run(settings, settings.database_url, arguments.requests, arguments.rounds)
        else:
            with EmbeddedPostgres(settings.home / "postgres") as server:
                _run(settings, server.url, arguments.requests, arguments.rounds)


def _run(settings: Settings, url: str, requests: int, rounds: int) -> None:
    revisions.upgrade(url)
    engine = create_database_engine(url, pool_size=CLIENTS)
    departments, names = load_departments(engine, settings), list(SYSTEMS)
    with ThreadPoolExecutor(CLIENTS) as clients:
        measure(departments, Load(names, CLIENTS * WARM_UP_REQUESTS, 1), clients)
        many = measure(departments, Load(names, requests, rounds), clients)
        one = measure(departments, Load(names[:1], requests, rounds), clients)
        admitted = race(departments, clients)
    with engine.connect() as connection:
        oversold = int(connection.execute(_OVERSOLD).scalar_one()) + abs(admitted - FREE_VCPU)
    engine.dispose()
    _print(many, one, oversold, requests)


def _print(many: Rates, one: Rates, oversold: int, requests: int) -> None:
    cases = {f"{len(SYSTEMS)} departments, one pool": many, "one department": one}
    ratios = [report.median_ratio(rates.admitted, rates.updated) for rates in cases.values()]
    apart = report.median_ratio(many.admitted, many.updated_apart)
    rows = [
        (name, report.spread(rates.admitted), report.spread(rates.updated), f"{ratio:.3f}")
        for (name, rates), ratio in zip(cases.items(), ratios, strict=True)
    ]
    rows.append(
        (f"{len(SYSTEMS)} separate rows", "the same", report.spread(many.updated_apart), f"{apart:.3f}")
    )
    rounds = len(one.admitted)
    title = f"Per second, {CLIENTS} clients, {requests} requests a round, {rounds} rounds: min / median / max"
    report.table(title, ["", "requests admitted", "plain updates", "ratio"], rows)
    print(f"Race of {RACING_REQUESTS} requests for {FREE_VCPU} vCPU; oversold: {oversold}")
    medians = {
        "many_admitted_per_second": many.admitted,
        "many_updates_per_second": many.updated,
        "many_updates_apart_per_second": many.updated_apart,
        "one_admitted_per_second": one.admitted,
        "one_updates_per_second": one.updated,
    }
    report.result(
        "admission",
        min(ratios),
        AIM,
        at_most=False,
        ratio_many=round(ratios[0], 3),
        ratio_one=round(ratios[1], 3),
        ratio_apart=round(apart, 3),
        **{name: round(statistics.median(values), 1) for name, values in medians.items()},
        ours_seconds=round(1 / statistics.median(one.admitted), 5),
        baseline_seconds=round(1 / statistics.median(one.updated), 5),
        oversold=oversold,
        clients=CLIENTS,
        requests=requests,
        rounds=rounds,
    )


if __name__ == "__main__":
    main()
