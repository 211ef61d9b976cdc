"""The stated prices through the product's interfaces: the what-if by the stored lists, and closed months."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from orchestrator.adapters.content_files import read_content
from orchestrator.billing.months import month_after
from tests.conftest import ROOT
from tests.db.billing import closes, hosts
from tests.running import RunningService

Document = dict[str, Any]
Preview = Callable[[list[Document]], Document]
COMPUTE = {"X86": "ECS-X86", "HYG": "ECS-HYG", "ARM": "ECS-ARM"}
CPU, MEM, SSD, BACKUP = "ECS-X86-CPU", "ECS-X86-MEM", "EVS-SSD", "BAK-VM"
# What a whole month of each system costs in CNY by the first price list, as the domain states it.
MONTHLY_CNY = {
    "SYS-001": 15_712,
    "SYS-002": 7_856,
    "SYS-003": 8_568,
    "SYS-005": 12_810,
    "SYS-006": 56_352,
    "SYS-007": 4_298,
    "SYS-008": 6_126,
    "SYS-010": 8_168,
    "SYS-011": 29_410,
    "SYS-012": 4_189,
    "SYS-013": 27_440,
    "SYS-014": 30_446,
    "SYS-016": 4_269,
    "SYS-017": 6_222,
    "SYS-018": 10_689,
    "SYS-019": 3_468,
    "SYS-020": 10_458,
    "SYS-022": 3_272,
    "SYS-023": 3_868,
    "SYS-025": 4_389,
    "SYS-026": 2_568,
    "SYS-027": 10_586,
    "SYS-028": 4_084,
}


@pytest.fixture
def preview(city_url: str) -> Iterator[Preview]:
    """Return the answer of `govcloud bill preview` for usage by the stored price lists."""
    service = RunningService(city_url)

    def rate(usage: list[Document]) -> Document:
        done = service.command("bill", "preview", "--input", "-", stdin=json.dumps({"usage": usage}))
        assert done.returncode == 0, done.stderr
        answer: Document = json.loads(done.stdout)
        return answer

    yield rate
    service.stop()


def a_month(system: Any, starts: str, ends: str) -> list[Document]:
    """A month of a system by the stated formula: sizes, disks, backups, and the services of its level."""
    target, instances, databases = system.target, system.hosts or 0, system.db_instances or 0
    compute = COMPUTE[target.pool.split("-")[1]]
    sizes = {
        f"{compute}-CPU": target.vcpu,
        f"{compute}-MEM": target.memory_gb,
        f"EVS-{target.disk_tier}": target.disk_gb,
        BACKUP: target.disk_gb,
        "HSS": instances,
        "LOG": instances,
    }
    if system.mlps_level == 3:
        sizes |= {"DBA": databases, "BST": instances, "BAK-OFF": target.disk_gb}
    days = {"starts": starts, "ends": ends}
    return [{"resource": system.code, "sku": sku, "quantity": n, **days} for sku, n in sizes.items() if n]


def of_resource(answer: Document) -> dict[str, int]:
    """Fen by resource."""
    found: dict[str, int] = {}
    for line in answer["lines"]:
        found[line["resource"]] = found.get(line["resource"], 0) + line["amount_fen"]
    return found


def test_a_month_of_every_system_costs_what_is_stated_and_all_together_too(preview: Preview) -> None:
    bundle = read_content(ROOT).bundle
    assert bundle is not None
    systems = [system for system in bundle.systems if system.code in MONTHLY_CNY]
    answer = preview([line for system in systems for line in a_month(system, "2019-07-01", "2019-08-01")])
    assert of_resource(answer) == {code: price * 100 for code, price in MONTHLY_CNY.items()}
    assert answer["total"] == "275248.00"


def test_on_1_january_2021_compute_becomes_eight_percent_cheaper_and_the_running_line_is_split(
    preview: Preview,
) -> None:
    sizes = {CPU: 8, MEM: 32, SSD: 500, BACKUP: 500}
    days = {"starts": "2020-12-01", "ends": "2021-02-01"}
    answer = preview([{"resource": "web", "sku": sku, "quantity": n, **days} for sku, n in sizes.items()])
    shown = [(one["sku"], one["catalogue"], one["starts"], one["amount"]) for one in answer["lines"]]
    assert shown == [
        (BACKUP, "CAT-2019-01", "2020-12-01", "100.00"),
        (BACKUP, "CAT-2021-01", "2021-01-01", "100.00"),
        (CPU, "CAT-2019-01", "2020-12-01", "336.00"),
        (CPU, "CAT-2021-01", "2021-01-01", "309.12"),
        (MEM, "CAT-2019-01", "2020-12-01", "480.00"),
        (MEM, "CAT-2021-01", "2021-01-01", "441.60"),
        (SSD, "CAT-2019-01", "2020-12-01", "100.00"),
        (SSD, "CAT-2021-01", "2021-01-01", "100.00"),
    ]
    assert Decimal(answer["total"]) == Decimal("1016.00") + Decimal("950.72")


@pytest.mark.parametrize(
    ("opened", "closed", "expected", "total"),
    [
        ("2019-06-19", "2019-06-01", {CPU: 13440, MEM: 19200, SSD: 4000, BACKUP: 4000}, 40640),
        ("2019-07-31", "2019-07-01", {CPU: 1084, MEM: 1548, SSD: 323, BACKUP: 323}, 3278),
        ("2020-02-10", "2020-02-01", {CPU: 23172, MEM: 33103, SSD: 6897, BACKUP: 6897}, 70069),
    ],
    ids=["12-of-30", "1-of-31", "20-of-29"],
)
def test_the_first_month_of_a_host_is_stated_as_the_domain_states_it(
    engine: Engine, opened: str, closed: str, expected: dict[str, int], total: int
) -> None:
    month = date.fromisoformat(closed)
    hosts.on_day(engine, opened)
    hosts.in_production(engine)
    hosts.on_day(engine, str(month_after(month)))
    closes.close(engine, month)
    assert {one[1]: one[5] for one in closes.lines(engine, month)} == expected
    assert closes.statement(engine, month).total_fen == total


def test_a_host_that_is_halved_keeps_the_lines_of_disk_and_backup_whole(engine: Engine) -> None:
    host = hosts.in_production(engine)
    hosts.on_day(engine, "2019-06-25")
    hosts.resize(engine, host, 4, 16)
    hosts.on_day(engine, "2019-07-01")
    closes.close(engine, closes.JUNE)
    assert [(one[1], one[2], one[5]) for one in closes.lines(engine, closes.JUNE)] == [
        (BACKUP, 500, 4000),
        (CPU, 8, 6720),
        (CPU, 4, 3360),
        (MEM, 32, 9600),
        (MEM, 16, 4800),
        (SSD, 500, 4000),
    ]
    assert closes.statement(engine, closes.JUNE).total_fen == 32480


@pytest.mark.invariant(7, 8)
def test_the_months_around_the_price_cut_are_stated_without_a_gap(engine: Engine) -> None:
    hosts.on_day(engine, "2020-12-17")
    hosts.in_production(engine)
    hosts.on_day(engine, "2021-02-01")
    december, january = date(2020, 12, 1), date(2021, 1, 1)
    closes.settle(engine, december)
    closes.settle(engine, january)
    cpu = [one for month in (december, january) for one in closes.lines(engine, month) if one[1] == CPU]
    assert [one[3:] for one in cpu] == [
        ("2020-12-17", "2021-01-01", 16258),
        ("2021-01-01", "2021-02-01", 30912),
    ]
    assert closes.movement(engine, january)[CPU] == (8, 0, 0, 8)
    assert closes.statement(engine, january).total_fen == 95072
