"""The cloud's identity and its block of loopback addresses, which no other cloud of the machine may use.

A claim is a socket in the kernel's abstract namespace, named for the block. The kernel gives a name to one
socket of a network namespace, whatever its account; loopback addresses are shared just as widely. Every
process of every host inherits the socket, so a block is free only when its cloud and all hosts have ended.

`HOME/cloud.json` keeps identity and block over restarts: Terraform's state names the hosts' addresses.
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
"""All blocks that a cloud may have. The first one holds 127.0.0.1 and the resolver's addresses."""
SECONDS_TO_LET_GO = 2.0
"""The kernel closes the sockets of a process that was killed a moment after the process is gone."""
LISTENING_STATES = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
MAPPED = ("0000000000000000FFFF0000", "00000000000000000000FFFF")
"""How an IPv4 address begins in the tables of IPv6, in either byte order."""


class BlockTaken(Exception):
    """No block can be claimed; the text says which one, who has it, and what to do."""


@dataclass(frozen=True)
class Claim:
    """A cloud's identity and its block, which is its own while `socket` is open anywhere."""

    cloud: str
    block: IPv4Network
    socket: socket.socket


def claim_block(home: Path, wanted: IPv4Network | None = None) -> Claim:
    """Claim the block that this home keeps, or a free one (`wanted`, if given) for a new home.

    Raises BlockTaken.
    """
    path = home / "cloud.json"
    kept: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    block = IPv4Network(kept["block"]) if kept else block_of_networks(home)
    if block and wanted not in {None, block}:
        raise BlockTaken(f"--block {wanted}: this cloud keeps {block}, where its hosts have their addresses")
    if block or wanted:
        block, door = claim_this(block or wanted or BLOCKS[0])
    else:
        block, door = claim_any(first=zlib.crc32(bytes(home)))
    cloud = kept.get("id") or secrets.token_hex(8)
    if not kept:
        kernel.write_json(path, {"id": cloud, "block": str(block)})
    return Claim(cloud, block, door)


def block_of_networks(home: Path) -> IPv4Network | None:
    """The block of the networks in a home that an earlier version made, which kept no block."""
    records = [json.loads(path.read_text("utf-8")) for path in (home / "objects").glob("*.json")]
    prefixes = [IPv4Network(record["cidr"]) for record in records if record.get("cidr")]
    return min(prefixes).supernet(new_prefix=PREFIX) if prefixes else None


def claim_any(first: int) -> tuple[IPv4Network, socket.socket]:
    """Claim a free block. Homes begin at different ones, so a stopped cloud's is seldom given away."""
    for number in range(len(BLOCKS)):
        block = BLOCKS[(first + number) % len(BLOCKS)]
        with contextlib.suppress(BlockTaken):
            return block, claim(block)
    raise BlockTaken(
        f"all {len(BLOCKS)} address blocks of this machine are taken by other sandbox clouds or programs; "
        "end one that is not needed, then start this one again"
    )


def claim_this(block: IPv4Network) -> tuple[IPv4Network, socket.socket]:
    """Claim exactly this block, with patience for processes of ours that were killed just now."""
    end = time.monotonic() + SECONDS_TO_LET_GO
    while True:
        try:
            return block, claim(block)
        except BlockTaken:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def claim(block: IPv4Network) -> socket.socket:
    """Claim the block at once; BlockTaken while another cloud has it or a program listens in it."""
    name = f"\0govcloud-sandbox-{block}"
    door = socket.socket(socket.AF_UNIX)
    try:
        door.bind(name)
        door.listen(64)  # The kernel now tells others which process and account claimed it.
    except OSError:
        door.close()
        raise BlockTaken(
            f"the address block {block} belongs to another sandbox cloud{owner_of(name)} or to hosts that it "
            "left; end that cloud, then start this one again"
        ) from None
    for where in listeners(block):
        door.close()
        raise BlockTaken(
            f"another program listens at {where}, in the address block {block}; "
            "end it, then start this cloud again"
        )
    return door


def owner_of(name: str) -> str:
    """Process and account that claimed the name, for a message; empty when that cannot be found out."""
    with socket.socket(socket.AF_UNIX) as door:
        door.setblocking(False)
        try:
            door.connect(name)
            pid, account, _ = struct.unpack("3i", door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        except OSError:
            return ""
    return f" (process {pid}, account {account})"


def listeners(block: IPv4Network) -> Iterator[str]:
    """The addresses in the block at which some process of the machine accepts connections or datagrams."""
    for protocol, state in LISTENING_STATES.items():
        for fields in socket_table(Path("/proc/self/net", protocol)):
            address, port = fields[1].split(":")
            if fields[3] == state and (number := ipv4(address)) and number in block:
                yield f"{number}:{int(port, 16)} ({protocol}, account {fields[7]})"


def ipv4(address: str) -> IPv4Address | None:
    """The address of a socket table's row, or None for one that is IPv6 alone."""
    if len(address) > len("7F000001") and not address.startswith(MAPPED):
        return None
    # The kernel prints the four bytes as one number in the byte order of the machine.
    return IPv4Address(struct.pack("=I", int(address[-8:], 16)))


def socket_table(path: Path) -> Iterable[list[str]]:
    """The rows of one of the kernel's socket tables; none where there is no such table."""
    with contextlib.suppress(FileNotFoundError):
        return [line.split() for line in path.read_text("ascii").splitlines()[1:]]
    return []


def checked_block(text: str) -> IPv4Network:
    """The block that an option names. Raises ArgumentTypeError for one that no cloud can have."""
    found = next((block for block in BLOCKS if str(block) == text), None)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is none of the blocks {BLOCKS[0]} to {BLOCKS[-1]}")
    return found
