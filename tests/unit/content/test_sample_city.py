"""The sample city is consistent: prices, quota, budgets and pools follow exactly from its systems."""

from fractions import Fraction
from math import ceil
from pathlib import Path

import pytest

from orchestrator.adapters.content_files import read_content
from orchestrator.content.bundle import ContentBundle
from orchestrator.content.documents import OrganisationDocument, SystemDocument
from orchestrator.core.money import parse_cny

CONTENT = Path(__file__).resolve().parents[3]
GIVEN_NOT_DERIVED = {"XXH", "CSP1"}


def load() -> ContentBundle:
    reading = read_content(CONTENT)
    assert not reading.problems, "\n".join(map(str, reading.problems))
    assert reading.bundle is not None
    return reading.bundle


CITY = load()
PRICES = {price.sku: price.price_fen for price in CITY.price_catalogues[0].prices}
ARCH = {pool.code: pool.arch for pool in CITY.resource_pools}
PRICED = [system for system in CITY.systems if system.target and system.target.monthly_fen is not None]
COUNTED = [system for system in CITY.systems if system.quota_counted]


def fen(sku: str) -> int:
    price = PRICES[sku]
    assert price is not None
    return price


def month_of(system: SystemDocument) -> int:
    """Sum hosts, disks, backup and security by the catalogue, with the level-3 services where due."""
    target, hosts, databases = system.target, system.hosts, system.db_instances
    assert target is not None
    assert hosts is not None
    assert databases is not None
    compute = {"x86": "ECS-X86", "hygon": "ECS-HYG", "arm": "ECS-ARM"}[ARCH[target.pool]]
    month = target.vcpu * fen(f"{compute}-CPU") + target.memory_gb * fen(f"{compute}-MEM")
    month += target.disk_gb * (fen(f"EVS-{target.disk_tier}") + fen("BAK-VM"))
    month += hosts * (fen("HSS") + fen("LOG"))
    if system.mlps_level == 3:
        month += databases * fen("DBA") + hosts * fen("BST") + target.disk_gb * fen("BAK-OFF")
    return month


@pytest.mark.parametrize("system", PRICED, ids=lambda system: system.code)
def test_the_stated_month_of_a_system_follows_from_the_catalogue(system: SystemDocument) -> None:
    assert system.target is not None
    assert month_of(system) == system.target.monthly_fen


def test_the_counted_systems_cost_the_stated_total_a_month() -> None:
    assert sum(month_of(system) for system in COUNTED) == parse_cny("275,248.00")
    not_counted = {system.code for system in CITY.systems} - {system.code for system in COUNTED}
    assert not_counted == {"SYS-004", "SYS-009", "SYS-015", "SYS-021", "SYS-024"}


def sizes(organisation: OrganisationDocument) -> dict[str, int]:
    targets = [one.target for one in COUNTED if one.department == organisation.code and one.target]
    return {
        "vcpu": sum(target.vcpu for target in targets),
        "memory_gb": sum(target.memory_gb for target in targets),
        "block_gb": sum(target.disk_gb for target in targets),
    }


DERIVED = [one for one in CITY.organisations if one.code not in GIVEN_NOT_DERIVED]


@pytest.mark.parametrize("organisation", DERIVED, ids=lambda one: one.code)
def test_a_quota_is_a_quarter_more_than_its_systems_rounded_up(organisation: OrganisationDocument) -> None:
    steps = {"vcpu": 8, "memory_gb": 32, "block_gb": 500}
    wanted = {
        name: ceil(Fraction(5, 4) * size / steps[name]) * steps[name]
        for name, size in sizes(organisation).items()
    }
    assert organisation.quota is not None
    assert organisation.quota.model_dump() == wanted


def budget(organisation: OrganisationDocument, payer: str = "department") -> int:
    (line,) = [line for line in organisation.budget_lines if line.payer == payer]
    return line.appropriated_fen


@pytest.mark.parametrize("organisation", DERIVED, ids=lambda one: one.code)
def test_a_budget_is_a_year_of_its_systems_with_a_margin_rounded_up(
    organisation: OrganisationDocument,
) -> None:
    month = sum(month_of(system) for system in COUNTED if system.department == organisation.code)
    assert budget(organisation) == ceil(Fraction(12 * 105, 100) * month / 1_000_000) * 1_000_000


def test_the_budgets_add_up_to_the_stated_sum_without_the_centre() -> None:
    assert sum(map(budget, DERIVED)) == parse_cny("3,590,000.00")
    (centre,) = [one for one in CITY.organisations if one.code == "XXH"]
    assert budget(centre) == parse_cny("150,000.00")
    assert budget(centre, "central") == parse_cny("1,200,000.00")


def test_the_city_has_its_25_organisations_and_one_provider() -> None:
    assert len(CITY.organisations) == 26
    assert [one.code for one in CITY.organisations if one.kind == "provider"] == ["CSP1"]
    assert len(CITY.systems) == 28


def test_the_demand_on_the_pools_raises_the_stated_warnings() -> None:
    demand = {pool.code: [0, 0, 0] for pool in CITY.resource_pools}
    for system in COUNTED:
        assert system.target is not None
        wanted = (system.target.vcpu, system.target.memory_gb, system.target.disk_gb)
        demand[system.target.pool] = [a + b for a, b in zip(demand[system.target.pool], wanted, strict=True)]
    assert demand["EXT-X86"] == [1296, 5184, 103_500]
    assert demand["INT-X86"] == [24, 64, 600]
    assert demand["EXT-HYG"] == [192, 768, 8000]
    assert demand["EXT-ARM"] == [112, 448, 4500]
    share = {
        pool.code: Fraction(100 * demand[pool.code][0], pool.capacity.vcpu) for pool in CITY.resource_pools
    }
    assert [int(share[pool]) for pool in ("EXT-X86", "EXT-HYG", "EXT-ARM")] == [81, 80, 70]
    warned = {pool.code for pool in CITY.resource_pools if share[pool.code] >= pool.warn_at_percent}
    assert warned == {"EXT-X86", "EXT-HYG"}


def test_the_second_catalogue_lowers_compute_by_8_percent_and_nothing_else() -> None:
    first, second = CITY.price_catalogues
    assert (first.valid_to, second.valid_to) == (second.valid_from, None)
    new = {price.sku: price for price in second.prices}
    for old in first.prices:
        is_lowered = old.sku.startswith(("ECS-", "BMS-"))
        if old.price_fen is None:
            assert (old.sku, old.percent, new[old.sku].percent) == ("DR-STBY", 30, 30)
        else:
            expected = (old.price_fen * 92 + 50) // 100 if is_lowered else old.price_fen
            assert new[old.sku].price_fen == expected


def test_the_officer_filings_stand_as_stated() -> None:
    filings = {row.code: row.officer_filing for row in CITY.organisations if row.kind != "provider"}
    not_current = {code: status for code, status in filings.items() if status != "current"}
    assert not_current == {"MZJ": "lapsed", "JTJ": "changed", "GXJ": "never_filed"}


def test_every_organisation_has_a_clerk_and_an_officer_and_the_centre_everybody_it_needs() -> None:
    roles = {one.code: [role for person in one.people for role in person.roles] for one in CITY.organisations}
    for code, held in roles.items():
        assert code == "CSP1" or {"department_clerk", "information_officer"} <= set(held)
    assert {"centre_reviewer", "centre_approver", "technical_administrator"} <= set(roles["XXH"])
    assert roles["CSP1"] == ["applier", "applier"]
    assert "smart_city_office" in roles["ZHB"]
    assert "finance" in roles["CZJ"]
    assert "auditor" in roles["SJJ"]


def test_a_trial_quota_is_a_tenth_rounded_up_to_a_step_and_never_below_its_minimum() -> None:
    rows = CITY.rows()
    trial = {
        key.removeprefix("RSJ/trial/"): row["amount"]
        for (kind, key), row in rows.items()
        if "RSJ/trial" in key
    }
    assert trial == {"vcpu": 32, "memory_gb": 128, "block_gb": 1500}
    assert rows[("quota", "SLJ/trial/vcpu")]["amount"] == 16
    assert rows[("quota", "SLJ/trial/block_gb")]["amount"] == 1000


def test_rows_hold_plain_values_only_and_refer_to_rows_before_them() -> None:
    rows = CITY.rows()
    kinds = list(dict.fromkeys(kind for kind, _ in rows))
    assert kinds.index("organisation") < kinds.index("person") < kinds.index("role_grant")
    for row in rows.values():
        assert all(isinstance(value, str | int | bool | tuple | None) for value in row.values())


def test_the_digest_depends_on_what_is_said_and_not_on_how() -> None:
    assert CITY.digest == load().digest
    other = CITY.model_copy(update={"systems": CITY.systems[1:]})
    assert other.digest != CITY.digest
