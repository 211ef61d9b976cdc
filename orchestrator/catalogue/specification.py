"""SKUs and resource classes of hosts, computed from their sizes; pure.

One resource carries its own SKUs: an instance its CPU, memory and per-host services, a volume its
disk and the host's backup; of a host without a volume the instance carries the backup. Statement lines
are rounded per resource and SKU (domain §2.9), so this split is part of the price.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ARCHITECTURE_SKUS: Mapping[str, tuple[str, str]] = {
    "x86": ("ECS-X86-CPU", "ECS-X86-MEM"),
    "hygon": ("ECS-HYG-CPU", "ECS-HYG-MEM"),
    "arm": ("ECS-ARM-CPU", "ECS-ARM-MEM"),
}
TIER_SKUS: Mapping[str, str] = {"SATA": "EVS-SATA", "SSD": "EVS-SSD", "UHIO": "EVS-UHIO"}
BACKUP_SKU = "BAK-VM"


@dataclass(frozen=True)
class HostSize:
    """`count` equal hosts; sizes per host, disk and backup in GB. `free` hosts (test pools) have no SKUs."""

    key: str
    arch: str
    count: int
    vcpu: int
    memory_gb: int
    disk_gb: int
    disk_tier: str
    backup_gb: int
    services: tuple[str, ...] = ()
    free: bool = False


@dataclass(frozen=True)
class SkuQuantity:
    """A quantity of one SKU on one resource, named by its logical address."""

    address: str
    sku: str
    quantity: int


def host_keys(key: str, count: int) -> list[str]:
    """Return the keys of `count` hosts: ``web``, ``web-2``, ``web-3`` ...

    Another count never renames a host: Terraform would destroy the one and make the other.
    """
    return [key, *(f"{key}-{number}" for number in range(2, count + 1))]


def host_addresses(key: str, count: int, disk_gb: int) -> list[str]:
    """Return the addresses of `count` hosts and of their data disks, if they have any."""
    disks = [f"volume/{host}-data" for host in host_keys(key, count)] if disk_gb else []
    return [*(f"instance/{host}" for host in host_keys(key, count)), *disks]


def sku_quantities(hosts: Iterable[HostSize]) -> list[SkuQuantity]:
    """Return the SKUs of every resource, in the order of the request."""
    priced = [host for host in hosts if not host.free]
    return [item for host in priced for key in host_keys(host.key, host.count) for item in _of_one(key, host)]


def _of_one(key: str, host: HostSize) -> list[SkuQuantity]:
    cpu, memory = ARCHITECTURE_SKUS[host.arch]
    instance, volume = f"instance/{key}", f"volume/{key}-data"
    wanted = [
        SkuQuantity(instance, cpu, host.vcpu),
        SkuQuantity(instance, memory, host.memory_gb),
        *(SkuQuantity(instance, sku, 1) for sku in host.services),
        SkuQuantity(volume, TIER_SKUS[host.disk_tier], host.disk_gb),
        SkuQuantity(volume if host.disk_gb else instance, BACKUP_SKU, host.backup_gb),
    ]
    return [item for item in wanted if item.quantity]


def resource_classes(hosts: Iterable[HostSize]) -> dict[str, int]:
    """Return the amounts of quota and pool that the hosts need: vCPU, memory and block storage in GB."""
    totals = {"vcpu": 0, "memory_gb": 0, "block_gb": 0}
    for host in hosts:
        totals["vcpu"] += host.count * host.vcpu
        totals["memory_gb"] += host.count * host.memory_gb
        totals["block_gb"] += host.count * host.disk_gb
    return totals
