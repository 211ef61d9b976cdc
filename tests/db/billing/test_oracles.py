"""The figures that the domain states: by the stored price lists of the sample city, to the fen."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from sqlmodel import Session

from orchestrator.adapters.content_files import read_content
from orchestrator.billing.queries import rate
from orchestrator.billing.rating import RatedLine, Usage
from orchestrator.content.documents import SystemDocument
from orchestrator.core.db import create_database_engine, reading
from tests.conftest import ROOT
from tests.postgres import Server

BUNDLE = read_content(ROOT).bundle
assert BUNDLE is not None
ARCH = {pool.code: pool.arch for pool in BUNDLE.resource_pools}
PRICED = [system for system in BUNDLE.systems if system.target and system.target.monthly_fen is not None]
COMPUTE = {"x86": "ECS-X86", "hygon": "ECS-HYG", "arm": "ECS-ARM"}
CPU, MEM, SSD, BACKUP = "ECS-X86-CPU", "ECS-X86-MEM", "EVS-SSD", "BAK-VM"


@pytest.fixture(scope="module")
def stored(server: Server, city: str) -> Iterator[Session]:
    engine = create_database_engine(server.url(city))
    with reading(engine) as session:
        yield session
    engine.dispose()


def use(sku: str, quantity: int, starts: str, ends: str) -> Usage:
    return Usage("web", sku, Decimal(quantity), date.fromisoformat(starts), date.fromisoformat(ends))


def host(starts: str, ends: str) -> list[Usage]:
    """8 vCPU, 32 GB, 500 GB of SSD and as much backup."""
    sizes = ((CPU, 8), (MEM, 32), (SSD, 500), (BACKUP, 500))
    return [use(sku, quantity, starts, ends) for sku, quantity in sizes]


def amounts(lines: list[RatedLine]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for line in lines:
        found.setdefault(line.sku, []).append(line.amount_fen)
    return found


@pytest.mark.parametrize(
    ("usage", "expected", "total"),
    [
        (
            host("2019-06-19", "2019-07-01"),
            {CPU: [13440], MEM: [19200], SSD: [4000], BACKUP: [4000]},
            40640,
        ),
        (
            [
                use(CPU, 8, "2019-06-19", "2019-06-25"),
                use(CPU, 4, "2019-06-25", "2019-07-01"),
                use(MEM, 32, "2019-06-19", "2019-06-25"),
                use(MEM, 16, "2019-06-25", "2019-07-01"),
                *host("2019-06-19", "2019-07-01")[2:],
            ],
            {CPU: [6720, 3360], MEM: [9600, 4800], SSD: [4000], BACKUP: [4000]},
            32480,
        ),
        (
            host("2019-07-31", "2019-08-01"),
            {CPU: [1084], MEM: [1548], SSD: [323], BACKUP: [323]},
            3278,
        ),
        (
            host("2020-02-10", "2020-03-01"),
            {CPU: [23172], MEM: [33103], SSD: [6897], BACKUP: [6897]},
            70069,
        ),
    ],
    ids=["june", "halved", "one-day", "leap"],
)
def test_the_stated_cases_cost_what_is_stated(
    stored: Session, usage: list[Usage], expected: dict[str, list[int]], total: int
) -> None:
    lines = rate(stored, usage)
    assert amounts(lines) == expected
    assert sum(line.amount_fen for line in lines) == total


def test_the_price_cut_of_2021_splits_a_running_line_without_a_gap(stored: Session) -> None:
    lines = rate(stored, [use(CPU, 8, "2020-12-17", "2021-01-17")])
    shown = [(line.catalogue, line.starts, line.ends, line.price_fen, line.amount_fen) for line in lines]
    assert shown == [
        ("CAT-2019-01", date(2020, 12, 17), date(2021, 1, 1), 4200, 16258),
        ("CAT-2021-01", date(2021, 1, 1), date(2021, 1, 17), 3864, 15955),
    ]


def test_what_did_not_become_cheaper_is_still_priced_by_the_new_list(stored: Session) -> None:
    lines = rate(stored, [use(SSD, 500, "2020-12-01", "2021-02-01")])
    assert [(line.catalogue, line.amount_fen) for line in lines] == [
        ("CAT-2019-01", 10000),
        ("CAT-2021-01", 10000),
    ]


def whole_month(system: SystemDocument) -> list[Usage]:
    target, hosts, databases = system.target, system.hosts or 0, system.db_instances or 0
    assert target is not None
    compute = COMPUTE[ARCH[target.pool]]
    sizes = {
        f"{compute}-CPU": target.vcpu,
        f"{compute}-MEM": target.memory_gb,
        f"EVS-{target.disk_tier}": target.disk_gb,
        BACKUP: target.disk_gb,
        "HSS": hosts,
        "LOG": hosts,
    }
    if system.mlps_level == 3:
        sizes |= {"DBA": databases, "BST": hosts, "BAK-OFF": target.disk_gb}
    return [use(sku, quantity, "2019-07-01", "2019-08-01") for sku, quantity in sizes.items() if quantity]


@pytest.mark.parametrize("system", PRICED, ids=lambda system: system.code)
def test_a_whole_month_of_every_system_costs_what_is_stated(stored: Session, system: SystemDocument) -> None:
    assert system.target is not None
    lines = rate(stored, whole_month(system))
    assert sum(line.amount_fen for line in lines) == system.target.monthly_fen


def test_a_payer_that_the_sku_names_pays_the_whole_line(stored: Session) -> None:
    (line,) = rate(stored, [use("BAK-OFF", 100, "2019-07-01", "2019-08-01")])
    assert (line.payers, line.shares_fen) == (["central"], [3000])
