"""Two clouds of one machine never share an address: each claims a block and keeps it over restarts."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports.sandbox.daemon import PROVIDER, Daemon, wait_until

PORT = 8080
STRAY = "(setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' >/dev/null 2>&1 &)"


@pytest.fixture
def other() -> Iterator[Daemon]:
    """A second cloud, which the test starts."""
    daemon = Daemon(plain=True)
    yield daemon
    daemon.close()


def identity(daemon: Daemon) -> dict[str, str]:
    found: dict[str, str] = json.loads((daemon.home / "cloud.json").read_text())
    return found


def refusal(daemon: Daemon) -> str:
    """Return the message of a cloud that does not start."""
    refused = subprocess.run(daemon.command(), capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 1, refused.stderr
    assert not daemon.socket.exists()
    return refused.stderr.strip()


def serve_name(daemon: Daemon) -> tuple[str, int]:
    """Start a service on a new host that answers with the host's id; where it listens."""
    host = daemon.instance()
    root = Path(host["host_root"])
    (root / "srv/id").write_text(host["id"])
    argv = ["python3", "-m", "http.server", "--bind", host["address"], "--directory", "srv", str(PORT)]
    (root / "etc/sv/web.json").write_text(json.dumps({"argv": argv}))
    assert daemon.execute(host["host_root"], "svc start web") == 0
    return host["address"], PORT


def answer(where: tuple[str, int]) -> str:
    """The id that the service tells, or nothing while it does not answer."""
    try:
        with socket.create_connection(where, timeout=2) as door:
            door.sendall(b"GET /id HTTP/1.0\r\n\r\n")
            return door.makefile("rb").read().rpartition(b"\r\n")[2].decode()
    except OSError:
        return ""


def first_answer(where: tuple[str, int]) -> str:
    """The id that the service tells, once it answers."""
    wait_until(lambda: answer(where), "the service answers")
    return answer(where)


def test_two_clouds_at_once_serve_the_same_key_at_different_addresses(cloud: Daemon, other: Daemon) -> None:
    services = {serve_name(daemon): daemon for daemon in (cloud, other.start())}
    assert len(services) == 2
    for where, daemon in services.items():
        assert daemon.read(first_answer(where))["address"] == where[0]
    assert identity(cloud)["id"] != identity(other)["id"]


def test_a_cloud_keeps_its_identity_and_its_addresses_over_a_restart(cloud: Daemon) -> None:
    before, host = identity(cloud), cloud.instance()
    cloud.stop()
    cloud.start()
    assert identity(cloud) == before
    assert cloud.read(host["id"])["address"] == host["address"]
    assert cloud.instance("web-2")["address"].split(".")[1] == host["address"].split(".")[1]


def test_a_cloud_whose_block_another_one_has_meanwhile_is_refused_until_that_one_ends(cloud: Daemon) -> None:
    host, block = cloud.instance(), identity(cloud)["block"]
    cloud.stop()
    other = Daemon("--block", block, plain=True)
    try:
        other.start()
        refused_because = refusal(cloud)
        assert (
            f"the address block {block} belongs to another sandbox cloud (process {other.pid}, "
            in refused_because
        )
        assert str(cloud.home) in refused_because
        assert other.stop() == 0
    finally:
        other.close()
    cloud.start()
    found = cloud.read(host["id"])
    assert (found["address"], found["state"]) == (host["address"], "running")


def test_a_block_that_a_living_cloud_has_is_not_given_to_another(cloud: Daemon, other: Daemon) -> None:
    other.options = ("--block", identity(cloud)["block"])
    assert f"process {cloud.pid}" in refusal(other)
    assert not (other.home / "cloud.json").exists()
    assert cloud.answers()


def test_a_cloud_that_has_hosts_elsewhere_is_not_moved_to_another_block(cloud: Daemon) -> None:
    kept = identity(cloud)["block"]
    cloud.stop()
    cloud.options = ("--block", "127.8.0.0/13" if kept != "127.8.0.0/13" else "127.16.0.0/13")
    assert f"this cloud already uses {kept}" in refusal(cloud)


@pytest.mark.parametrize(
    "block", ["127.0.0.0/13", "127.16.0.0/12", "10.0.0.0/13", "127.17.0.0/13", "nonsense"]
)
def test_a_block_that_no_cloud_can_have_is_refused_by_its_name(other: Daemon, block: str) -> None:
    other.options = ("--block", block)
    refused = subprocess.run(other.command(), capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 2
    assert f"--block: '{block}' is none of the blocks 127.8.0.0/13 to 127.248.0.0/13" in refused.stderr


def test_a_host_that_outlives_its_cloud_keeps_the_block_until_the_cloud_is_back(
    cloud: Daemon, other: Daemon
) -> None:
    host, block = cloud.instance(), identity(cloud)["block"]
    assert cloud.execute(host["host_root"], STRAY) == 0
    inits = cloud.hosts()
    os.kill(cloud.pid, signal.SIGSTOP)
    for pid in inits:
        os.kill(pid, signal.SIGKILL)
    cloud.kill()
    assert cloud.leftovers()
    other.options = ("--block", block)
    assert "or to hosts that it left" in refusal(other)
    assert cloud.start().read(host["id"])["state"] == "running"


def test_a_block_in_which_another_program_listens_is_refused_and_otherwise_passed_over(
    cloud: Daemon, other: Daemon
) -> None:
    host, block = cloud.instance(), identity(cloud)["block"]
    cloud.stop()
    with socket.create_server((host["address"], 0)) as listener:
        where = f"{host['address']}:{listener.getsockname()[1]}"
        assert f"another program listens at {where} (tcp, account {os.getuid()})" in refusal(cloud)
        other.home.joinpath("cloud.json").unlink(missing_ok=True)
        assert (
            claims_of(other.home, block)
            == f"all 1 address blocks of this machine are taken by other {ENDING}"
        )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.bind((host["address"], 0))
        assert "(udp, " in refusal(cloud)
    assert cloud.start().read(host["id"])["state"] == "running"


def test_a_new_cloud_is_refused_when_every_block_is_taken(cloud: Daemon, other: Daemon) -> None:
    refused_because = claims_of(other.home, identity(cloud)["block"])
    assert refused_because == f"all 1 address blocks of this machine are taken by other {ENDING}"
    assert list(other.home.iterdir()) == []


ENDING = "sandbox clouds or programs; stop one that is not needed, then start this cloud again"


def claims_of(home: Path, block: str) -> str:
    """The block that a new cloud claims on a machine that has only this one, or why it gets none."""
    program = (
        "import blocks, ipaddress, pathlib, sys\n"
        "blocks.BLOCKS[:] = [ipaddress.IPv4Network(sys.argv[2])]\n"
        "try:\n    print(blocks.claim_block(pathlib.Path(sys.argv[1])).block)\n"
        "except blocks.BlockTaken as error:\n    print(error)\n"
    )
    argv = [sys.executable, "-B", "-c", program, str(home), block]
    return subprocess.run(argv, cwd=PROVIDER, capture_output=True, text=True, check=True).stdout.strip()


def test_a_home_of_an_earlier_version_keeps_the_block_in_which_its_hosts_are(cloud: Daemon) -> None:
    host, kept = cloud.instance(), identity(cloud)["block"]
    cloud.stop()
    (cloud.home / "cloud.json").unlink()
    cloud.start()
    assert identity(cloud)["block"] == kept
    assert cloud.read(host["id"])["address"] == host["address"]
