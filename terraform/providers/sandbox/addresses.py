"""Allocation of loopback addresses to zones, networks and ports.

A zone gets the next free /16 of the cloud's block, a network the next free /24 of its zone, a port the next
free address of its network. A released address is reused last, so that a client with an old address does not
reach a new host.
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network
from typing import TypedDict

from specs import CloudError

ZONE_PREFIX, NETWORKS_IN_ZONE, FIRST_HOST, LAST_HOST = 16, 256, 2, 254


class Counters(TypedDict):
    """Last number given out, by zone, by zone's network and by network prefix; and the count of ids."""

    zones: dict[str, int]
    networks: dict[str, int]
    hosts: dict[str, int]
    serial: int


def no_counters() -> Counters:
    return {"zones": {}, "networks": {}, "hosts": {}, "serial": 0}


def after(last: int, first: int, end: int) -> list[int]:
    """Return the numbers from `first` to `end`, starting behind `last` and wrapping around."""
    return [*range(max(first, last + 1), end + 1), *range(first, min(last, end) + 1)]


def next_network(counters: Counters, block: IPv4Network, zone: str, taken: Collection[str]) -> str:
    """Allocate a network of the zone and return its prefix. Raises CloudError 507 when none is free."""
    zones = list(block.subnets(new_prefix=ZONE_PREFIX)) if block.prefixlen <= ZONE_PREFIX else []
    number = counters["zones"].setdefault(zone, len(counters["zones"]))
    if number >= len(zones):
        raise CloudError(507, f"zone {zone}: {block} has room for only {len(zones)} zones")
    start = int(zones[number].network_address)
    for index in after(counters["networks"].get(zone, -1), 0, NETWORKS_IN_ZONE - 1):
        prefix = f"{IPv4Address(start + index * 256)}/24"
        if prefix not in taken:
            counters["networks"][zone] = index
            return prefix
    raise CloudError(507, f"zone {zone}: all {NETWORKS_IN_ZONE} networks are in use")


def next_address(counters: Counters, prefix: str, taken: Collection[str]) -> str:
    """Allocate an address of the network. Raises CloudError 507 when none is free."""
    start = int(IPv4Network(prefix).network_address)
    for index in after(counters["hosts"].get(prefix, FIRST_HOST - 1), FIRST_HOST, LAST_HOST):
        address = str(IPv4Address(start + index))
        if address not in taken:
            counters["hosts"][prefix] = index
            return address
    raise CloudError(507, f"network {prefix}: all addresses are in use")
