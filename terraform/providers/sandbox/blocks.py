"""Identity of a cloud, and its exclusive claim of a block of loopback addresses.

A claim is an abstract unix socket named after the block. Within one network namespace the kernel gives a name
to one socket only, across all accounts; loopback addresses have the same scope. Every process of every host
inherits the socket, so a block becomes free only after its cloud and all its hosts have ended.

`HOME/cloud.json` keeps identity and block across restarts, because Terraform states contain the addresses.
"""

import argparse
import contextlib
import json
import secrets
import socket
import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import kernel

PREFIX = 13
BLOCKS = list(IPv4Network("127.0.0.0/8").subnets(new_prefix=PREFIX))[1:]
"""Blocks that a cloud may claim. The first /13 is left out: it has 127.0.0.1 and the local resolver."""
SECONDS_TO_RELEASE = 2.0
"""The kernel closes the sockets of a killed process shortly after the process has disappeared."""
LISTENING_STATES = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
MAPPED_IPV4 = ("0000000000000000FFFF0000", "00000000000000000000FFFF")
"""Prefix of an IPv4-mapped address in the kernel's IPv6 tables, in either byte order."""


class BlockTaken(Exception):
    """No block can be claimed. The message names the block, its owner if known, and the remedy."""


@dataclass(frozen=True)
class Claim:
    """Identity and block of a cloud. The claim lasts while any process has `socket` open."""

    cloud: str
    block: IPv4Network
    socket: socket.socket


def claim_block(home: Path, requested: IPv4Network | None = None) -> Claim:
    """Claim the block recorded in the home folder; for a new home `requested`, or any free block.

    Raises BlockTaken.
    """
    path = home / "cloud.json"
    recorded: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    block = IPv4Network(recorded["block"]) if recorded else block_of_networks(home)
    if block and requested not in {None, block}:
        raise BlockTaken(
            f"--block {requested}: this cloud already uses {block}, where its hosts have their addresses"
        )
    if block or requested:
        block, lock = claim_this(block or requested or BLOCKS[0])
    else:
        block, lock = claim_any(first=zlib.crc32(bytes(home)))
    cloud = recorded.get("id") or secrets.token_hex(8)
    if not recorded:
        kernel.write_json(path, {"id": cloud, "block": str(block)})
    return Claim(cloud, block, lock)


def block_of_networks(home: Path) -> IPv4Network | None:
    """Return the block of the existing networks; for homes without a recorded block."""
    records = [json.loads(path.read_text("utf-8")) for path in (home / "objects").glob("*.json")]
    prefixes = [IPv4Network(record["cidr"]) for record in records if record.get("cidr")]
    return min(prefixes).supernet(new_prefix=PREFIX) if prefixes else None


def claim_any(first: int) -> tuple[IPv4Network, socket.socket]:
    """Claim a free block. Homes start at different blocks, so that a stopped cloud usually keeps its own."""
    for number in range(len(BLOCKS)):
        block = BLOCKS[(first + number) % len(BLOCKS)]
        with contextlib.suppress(BlockTaken):
            return block, claim(block)
    raise BlockTaken(
        f"all {len(BLOCKS)} address blocks of this machine are taken by other sandbox clouds or programs; "
        "stop one that is not needed, then start this cloud again"
    )


def claim_this(block: IPv4Network) -> tuple[IPv4Network, socket.socket]:
    """Claim exactly this block, and wait for recently killed processes of ours to release it."""
    end = time.monotonic() + SECONDS_TO_RELEASE
    while True:
        try:
            return block, claim(block)
        except BlockTaken:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def claim(block: IPv4Network) -> socket.socket:
    """Claim the block now. Raises BlockTaken while another cloud has it or a program listens in it."""
    name = f"\0govcloud-sandbox-{block}"
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(name)
        lock.listen(64)  # From now on SO_PEERCRED shows others which process and account claimed it.
    except OSError:
        lock.close()
        raise BlockTaken(
            f"the address block {block} belongs to another sandbox cloud{owner_of(name)} or to hosts that it "
            "left behind; stop that cloud, then start this one again"
        ) from None
    for listener in listeners(block):
        lock.close()
        raise BlockTaken(
            f"another program listens at {listener}, in the address block {block}; "
            "stop it, then start this cloud again"
        )
    return lock


def owner_of(name: str) -> str:
    """Return process and account of the claim, as text for a message; empty if they cannot be read."""
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        try:
            client.connect(name)
            pid, account, _ = struct.unpack(
                "3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            )
        except OSError:
            return ""
    return f" (process {pid}, account {account})"


def listeners(block: IPv4Network) -> Iterator[str]:
    """Yield the addresses in the block at which a process of this machine listens."""
    for protocol, state in LISTENING_STATES.items():
        for fields in socket_table(Path("/proc/self/net", protocol)):
            address, port = fields[1].split(":")
            if fields[3] == state and (number := ipv4(address)) and number in block:
                yield f"{number}:{int(port, 16)} ({protocol}, account {fields[7]})"


def ipv4(address: str) -> IPv4Address | None:
    """Return the IPv4 address of a row of a socket table, or None for an IPv6 address."""
    if len(address) > len("7F000001") and not address.startswith(MAPPED_IPV4):
        return None
    # The kernel prints the four bytes as one number in the machine's byte order.
    return IPv4Address(struct.pack("=I", int(address[-8:], 16)))


def socket_table(path: Path) -> Iterable[list[str]]:
    """Return the rows of a socket table of the kernel; none if the table does not exist."""
    with contextlib.suppress(FileNotFoundError):
        return [line.split() for line in path.read_text("ascii").splitlines()[1:]]
    return []


def checked_block(text: str) -> IPv4Network:
    """Parse the option `--block`. Raises ArgumentTypeError for a block that no cloud may claim."""
    matching = next((block for block in BLOCKS if str(block) == text), None)
    if matching is None:
        raise argparse.ArgumentTypeError(f"{text!r} is none of the blocks {BLOCKS[0]} to {BLOCKS[-1]}")
    return matching
