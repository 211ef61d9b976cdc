"""From hosts to SKUs and resource classes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.catalogue.specification import HostSize, host_keys, resource_classes, sku_quantities

HOST = HostSize("web", "x86", 2, 4, 16, 200, "SSD", 100, ("HSS", "LOG"))
hosts = st.builds(
    HostSize,
    key=st.from_regex(r"[a-z]{1,5}", fullmatch=True),
    arch=st.sampled_from(["x86", "hygon", "arm"]),
    count=st.integers(1, 5),
    vcpu=st.integers(1, 64),
    memory_gb=st.integers(1, 256),
    disk_gb=st.integers(0, 1000),
    disk_tier=st.sampled_from(["SATA", "SSD", "UHIO"]),
    backup_gb=st.integers(0, 1000),
)


def test_a_host_is_an_instance_with_its_services_and_a_disk_with_its_backup() -> None:
    found = [(item.address, item.sku, item.quantity) for item in sku_quantities([replace(HOST, count=1)])]
    assert found == [
        ("instance/web", "ECS-X86-CPU", 4),
        ("instance/web", "ECS-X86-MEM", 16),
        ("instance/web", "HSS", 1),
        ("instance/web", "LOG", 1),
        ("volume/web-data", "EVS-SSD", 200),
        ("volume/web-data", "BAK-VM", 100),
    ]


def test_a_host_without_a_disk_carries_its_backup_itself() -> None:
    bare = replace(HOST, count=1, disk_gb=0, services=())
    found = [(item.address, item.sku) for item in sku_quantities([bare])]
    assert found[2:] == [("instance/web", "BAK-VM")]


def test_several_equal_hosts_are_numbered_from_the_second_on() -> None:
    assert host_keys("web", 1) == ["web"]
    assert host_keys("web", 3) == ["web", "web-2", "web-3"]
    assert {item.address for item in sku_quantities([HOST])} == {
        "instance/web",
        "instance/web-2",
        "volume/web-data",
        "volume/web-2-data",
    }


@given(st.integers(1, 300), st.integers(1, 300))
def test_another_count_renames_no_host(before: int, after: int) -> None:
    kept = min(before, after)
    assert host_keys("web", before)[:kept] == host_keys("web", after)[:kept]


@pytest.mark.parametrize(
    ("arch", "sku"), [("x86", "ECS-X86-CPU"), ("hygon", "ECS-HYG-CPU"), ("arm", "ECS-ARM-CPU")]
)
def test_the_architecture_of_the_pool_decides_the_price(arch: str, sku: str) -> None:
    assert sku in {item.sku for item in sku_quantities([replace(HOST, arch=arch)])}


def test_a_host_of_a_free_pool_has_no_price_but_takes_of_the_pool() -> None:
    free = replace(HOST, free=True)
    assert sku_quantities([free]) == []
    assert resource_classes([free]) == {"vcpu": 8, "memory_gb": 32, "block_gb": 400}


@given(st.lists(hosts, max_size=4, unique_by=lambda host: host.key))
def test_what_is_priced_is_what_is_taken(order: list[HostSize]) -> None:
    priced = sku_quantities(order)
    classes = resource_classes(order)
    assert sum(item.quantity for item in priced if item.sku.endswith("-CPU")) == classes["vcpu"]
    assert sum(item.quantity for item in priced if item.sku.endswith("-MEM")) == classes["memory_gb"]
    assert sum(item.quantity for item in priced if item.sku.startswith("EVS-")) == classes["block_gb"]
    assert all(item.quantity > 0 for item in priced)
