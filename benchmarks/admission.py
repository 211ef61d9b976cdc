"""How many requests a second are admitted, beside a plain conditional UPDATE of the contended row.

Both sides run in the same threads over the same pool of connections, each act in a transaction that is
flushed to disk. In one case clients compete for the quota of one department, in the other for the pool
that eight departments share. The rate of eight departments that share nothing is reported too, although
no admission can be like that. At the end sixteen clients race for less than they want: exactly what fits
is admitted.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine, text

from benchmarks import report
from benchmarks.city import fill
from benchmarks.place import AS_OF, leave_root, settings_of_its_own
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
RACERS, PLACES = 64, 40
ACTS_UNTIL_PREPARED = 12
"""After so many acts a connection has every statement prepared, as one of a service that runs has."""
MANY = {
    "slj": "SYS-019",
    "fgw": "SYS-002",
    "xgw": "SYS-001",
    "sthj": "SYS-005",
    "wjw": "SYS-006",
    "cgj": "SYS-010",
    "rsj": "SYS-011",
    "ybj": "SYS-013",
}
ONE = {"slj": "SYS-019"}
_OWN_QUOTA = text(
    "UPDATE quota_limits SET held = held + 1 WHERE organisation_code = :organisation"
    " AND zone_class = 'trial' AND resource_class = 'vcpu' AND amount - held - committed >= 1"
)
_SHARED_POOL = text(
    "UPDATE pool_capacities SET held = held + 1 WHERE pool_code = 'BENCHMARK'"
    " AND resource_class = 'vcpu' AND allocatable - held - committed >= 1"
)
_ROWS_OF_TRIALS = text("""
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


@dataclass(frozen=True)
class Desk:
    """Where requests are handed in: the database, the rules and the people of some departments."""

    engine: Engine
    pack: PolicyPack
    clerks: dict[str, Actor]
    officers: dict[str, Actor]

    def endorsed(self, department: str) -> UUID:
        """A request that only needs to be submitted."""
        clerk = self.clerks[department]
        line = LineDraft(key="web", label="x", pool="EXT-X86", vcpu=1, memory_gb=4, disk_gb=40)
        draft = RequestDraft(
            system=MANY[department], title="benchmark", justification="benchmark", lines=(line,)
        )
        with transaction(self.engine) as session:
            request = steps.draft_request(session, clerk, draft, self.pack)
            perform(REQUESTS, ASK_ENDORSEMENT, Call(session, clerk, self.pack), request.id)
            perform(REQUESTS, ENDORSE, Call(session, self.officers[department], self.pack), request.id)
            return request.id

    def submit(self, handed: tuple[str, UUID]) -> bool:
        """Submit one request; False when a rule refuses it."""
        department, request = handed
        try:
            with transaction(self.engine) as session:
                perform(REQUESTS, SUBMIT, Call(session, self.clerks[department], self.pack), request)
        except RuleRefuses:
            return False
        return True

    def update_quota(self, handed: tuple[str, UUID]) -> bool:
        """The update that a program without rules, prices and audit would make to a department's quota."""
        with self.engine.begin() as connection:
            found = connection.execute(_OWN_QUOTA, {"organisation": handed[0].upper()})
            return bool(found.rowcount == 1)

    def update_pool(self, _handed: tuple[str, UUID]) -> bool:
        """The same to a pool that all departments share."""
        with self.engine.begin() as connection:
            return bool(connection.execute(_SHARED_POOL).rowcount == 1)


def opened(engine: Engine, settings: Settings) -> Desk:
    """Fill the database and name the people."""
    with transaction(engine) as session:
        clock.set_to(session, AS_OF)
    fill(engine, settings)
    with transaction(engine) as session:
        session.execute(_ROWS_OF_TRIALS)
        session.execute(_POOL)
        clerks = {name: accounts.actor_named(session, f"{name}.clerk") for name in MANY}
        officers = {name: accounts.actor_named(session, f"{name}.officer") for name in MANY}
    pack = load_pack(settings.content_dir / "policies" / settings.policy_pack)
    return Desk(engine, pack, clerks, officers)


def timed(
    act: Callable[[tuple[str, UUID]], bool], handed: Sequence[tuple[str, UUID]], clients: ThreadPoolExecutor
) -> float:
    """Do all of it with all clients at once; the number done a second."""
    begun = time.perf_counter()
    done = list(clients.map(act, handed))
    seconds = time.perf_counter() - begun
    if not all(done):
        raise RuntimeError(f"{done.count(False)} of {len(done)} were refused although there is room")
    return len(done) / seconds


@dataclass(frozen=True)
class Rates:
    """A second, one figure a round: requests admitted, and plain updates of one row and of one each."""

    admitted: list[float]
    updated: list[float]
    updated_apart: list[float]


def rates(
    desk: Desk, departments: Sequence[str], count: int, rounds: int, clients: ThreadPoolExecutor
) -> Rates:
    """Admissions and plain updates, `rounds` times each in turns."""
    found = Rates([], [], [])
    plain = desk.update_quota if len(departments) == 1 else desk.update_pool
    for _ in range(rounds):
        names = list(itertools.islice(itertools.cycle(departments), count))
        handed = [(name, desk.endorsed(name)) for name in names]
        found.updated.append(timed(plain, handed * 4, clients))
        found.admitted.append(timed(desk.submit, handed, clients))
        found.updated_apart.append(timed(desk.update_quota, handed * 4, clients))
    return found


def race(desk: Desk, clients: ThreadPoolExecutor) -> int:
    """Let more ask than one department has room for; how many were admitted."""
    handed = [("slj", desk.endorsed("slj")) for _ in range(RACERS)]
    with transaction(desk.engine) as session:
        session.execute(
            text(
                "UPDATE quota_limits SET amount = held + committed + :places WHERE organisation_code = 'SLJ'"
                " AND zone_class = 'production' AND resource_class = 'vcpu'"
            ),
            {"places": PLACES},
        )
    return sum(clients.map(desk.submit, handed))


def main() -> None:
    """Measure both cases, then race."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--requests", type=int, default=160)
    chosen = options.parse_args()
    leave_root()
    with settings_of_its_own("hundred") as settings:
        if settings.database_url is not None:
            _measure(settings, settings.database_url, chosen.requests, chosen.rounds)
        else:
            with EmbeddedPostgres(settings.home / "postgres") as server:
                _measure(settings, server.url, chosen.requests, chosen.rounds)


def _measure(settings: Settings, url: str, count: int, rounds: int) -> None:
    revisions.upgrade(url)
    engine = create_database_engine(url, pool_size=CLIENTS)
    desk = opened(engine, settings)
    with ThreadPoolExecutor(CLIENTS) as clients:
        rates(desk, list(MANY), CLIENTS * ACTS_UNTIL_PREPARED, 1, clients)
        many = rates(desk, list(MANY), count, rounds, clients)
        one = rates(desk, list(ONE), count, rounds, clients)
        admitted = race(desk, clients)
    with engine.connect() as connection:
        oversold = int(connection.execute(_OVERSOLD).scalar_one()) + abs(admitted - PLACES)
    engine.dispose()
    _print(many, one, oversold, count)


def _print(many: Rates, one: Rates, oversold: int, count: int) -> None:
    cases = {f"{len(MANY)} departments, one pool": many, "one department": one}
    ratios = [report.median_ratio(found.admitted, found.updated) for found in cases.values()]
    apart = report.median_ratio(many.admitted, many.updated_apart)
    rows = [
        (name, report.spread(found.admitted), report.spread(found.updated), f"{ratio:.3f}")
        for (name, found), ratio in zip(cases.items(), ratios, strict=True)
    ]
    rows.append((f"{len(MANY)} rows apart", "the same", report.spread(many.updated_apart), f"{apart:.3f}"))
    rounds = len(one.admitted)
    title = f"A second, {CLIENTS} clients, {count} requests a round, {rounds} rounds: min / median / max"
    report.table(title, ["", "requests admitted", "plain updates", "ratio"], rows)
    print(f"{PLACES} places, {RACERS} racers; oversold: {oversold}")
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
        requests=count,
        rounds=rounds,
    )


if __name__ == "__main__":
    main()
