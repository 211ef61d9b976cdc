"""An instance is a host: it runs services, survives crashes of its keepers, and leaves no process behind.

The rows of the table "no orphans": the cloud killed, a host's init killed, both killed, a stop, a
destroy; each with plain hosts and with hosts in namespaces. Every busy host here has a service, a stray
that left its session, and one that ignores SIGTERM and works in another folder.
"""

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.ports.sandbox.daemon import Daemon, Refused, all_pids, command_line, wait_until

PORT = 8080
STRAYS = """
(setsid nohup sh -c 'exec sleep 1000' >/dev/null 2>&1 &)
(setsid sh -c 'trap "" TERM; cd /; while :; do sleep 1; done' >/dev/null 2>&1 &)
"""


def busy_host(daemon: Daemon, name: str = "web-1") -> dict[str, Any]:
    """A running instance with a web service and two strays."""
    host = daemon.instance(name)
    root = Path(host["host_root"])
    argv = ["python3", "-m", "http.server", "--bind", host["address"], str(PORT)]
    (root / "etc/sv/web.json").write_text(json.dumps({"argv": argv}))
    assert daemon.execute(host["host_root"], f"svc start web && {STRAYS.strip()}") == 0
    wait_until(lambda: serves(host), "the service answers")
    assert len(daemon.leftovers()) >= 4
    return host


def serves(host: dict[str, Any]) -> bool:
    try:
        socket.create_connection((host["address"], PORT), timeout=2).close()
    except OSError:
        return False
    return True


def gone(daemon: Daemon) -> bool:
    return not daemon.leftovers()


def test_a_stop_ends_every_process_and_a_start_brings_the_services_back(daemon: Daemon) -> None:
    host = busy_host(daemon)
    daemon.ask(op="stop", id=host["id"])
    assert daemon.leftovers() == []
    assert not serves(host)
    daemon.ask(op="start", id=host["id"])
    wait_until(lambda: serves(host), "the service is back")


def test_a_destroy_ends_every_process_and_removes_the_folder(daemon: Daemon) -> None:
    host = busy_host(daemon)
    daemon.execute(host["host_root"], "mkdir -p srv/locked/in && chmod 0 srv/locked && ln -s / srv/slash")
    daemon.ask(op="destroy", id=host["id"])
    assert daemon.leftovers() == []
    assert not Path(host["host_root"]).exists()
    assert Path("/etc").is_dir()


def test_no_process_outlives_a_killed_cloud_and_the_next_start_boots_the_hosts(daemon: Daemon) -> None:
    host = busy_host(daemon)
    daemon.kill()
    wait_until(lambda: gone(daemon), "every process of the host has ended")
    daemon.start()
    assert daemon.read(host["id"])["state"] == "running"
    wait_until(lambda: serves(host), "the service is back")


def test_a_host_whose_init_is_killed_comes_back_without_its_old_processes(daemon: Daemon) -> None:
    host = busy_host(daemon)
    before = set(daemon.leftovers())
    os.kill(daemon.hosts()[0], signal.SIGKILL)
    wait_until(lambda: not before & set(daemon.leftovers()), "the old processes have ended")
    wait_until(lambda: daemon.read(host["id"])["state"] == "running", "the host is back")
    wait_until(lambda: serves(host), "the service is back")


def test_what_outlives_cloud_and_init_killed_together_is_swept_at_the_next_start(daemon: Daemon) -> None:
    host = busy_host(daemon)
    before, inits = set(daemon.leftovers()), daemon.hosts()
    os.kill(daemon.pid, signal.SIGSTOP)
    for pid in inits:
        os.kill(pid, signal.SIGKILL)
    daemon.kill()
    if not daemon.plain:
        wait_until(lambda: gone(daemon), "the namespaces end every process")
    daemon.start()
    assert not before & set(daemon.leftovers())
    assert daemon.read(host["id"])["state"] == "running"


def test_the_end_of_the_cloud_stops_every_host_and_is_clean(daemon: Daemon) -> None:
    busy_host(daemon, "web-1")
    busy_host(daemon, "web-2")
    assert daemon.stop() == 0
    assert daemon.leftovers() == []
    assert not daemon.socket.exists()
    daemon.start()
    assert [each["state"] for each in daemon.ask(op="list")["objects"] if each["kind"] == "instance"] == [
        "running"
    ] * 2


def test_a_stopped_instance_stays_stopped_when_the_cloud_starts_again(daemon: Daemon) -> None:
    host = busy_host(daemon)
    daemon.ask(op="stop", id=host["id"])
    daemon.kill()
    daemon.start()
    assert daemon.read(host["id"])["state"] == "stopped"
    assert daemon.leftovers() == []


def test_a_destroy_interrupted_by_a_kill_is_completed_at_the_next_start(daemon: Daemon) -> None:
    host = busy_host(daemon)
    path = daemon.home / "objects" / f"{host['id']}.json"
    daemon.kill()
    path.write_text(json.dumps({**json.loads(path.read_text()), "phase": "destroying"}))
    daemon.start()
    with pytest.raises(Refused):
        daemon.read(host["id"])
    assert daemon.leftovers() == []
    assert not Path(host["host_root"]).exists()


def test_the_cloud_leaves_no_zombie(daemon: Daemon) -> None:
    host = busy_host(daemon)
    os.kill(daemon.hosts()[0], signal.SIGKILL)
    wait_until(lambda: daemon.read(host["id"])["state"] == "running", "the host is back")
    wait_until(lambda: not zombies(daemon.pid), "every child is reaped")


def zombies(parent: int) -> list[int]:
    found = []
    for pid in all_pids():
        try:
            state, owner = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if state == "Z" and int(owner) == parent:
            found.append(pid)
    return found


def test_a_service_that_crashes_is_started_again(daemon: Daemon) -> None:
    host = busy_host(daemon)
    assert daemon.execute(host["host_root"], "kill -9 $(svc status web | awk '{print $3}')") == 0
    wait_until(lambda: daemon.execute(host["host_root"], "svc status web") == 0, "the service runs again")
    wait_until(lambda: serves(host), "the service is back")
    assert daemon.execute(host["host_root"], "svc stop web") == 0
    assert not serves(host)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"argv": []}', 1),
        ('{"argv": ["x"], "more": 1}', 1),
        ("not json", 1),
        ('{"argv": ["/nonexistent"]}', 1),
    ],
)
def test_a_faulty_service_is_refused_and_the_host_goes_on(daemon: Daemon, text: str, code: int) -> None:
    host = daemon.instance()
    (Path(host["host_root"]) / "etc/sv/bad.json").write_text(text)
    assert daemon.execute(host["host_root"], "svc start bad") == code
    assert daemon.execute(host["host_root"], "true") == 0


def test_a_command_ends_with_the_client_that_asked_for_it(daemon: Daemon) -> None:
    host = daemon.instance()
    with socket.socket(socket.AF_UNIX) as connection, Path(os.devnull).open("r+b") as nothing:
        connection.connect(f"{host['host_root']}/run/init.sock")
        request = {"op": "exec", "host": host["id"], "cmd": "sleep 7077"}
        socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], [nothing.fileno()] * 3)
        wait_until(lambda: sleepers(daemon), "the command runs")
    wait_until(lambda: not sleepers(daemon), "the command has ended")


def sleepers(daemon: Daemon) -> list[int]:
    return [pid for pid in daemon.leftovers() if b"7077" in command_line(pid)]


@pytest.mark.parametrize(
    "data", [b"x" * 4096 + b"\n", b"[]\n", b'{"op": "exec", "cmd": "true"}\n', b"\xff\n"]
)
def test_garbage_at_the_socket_of_a_host_is_answered_with_an_error(daemon: Daemon, data: bytes) -> None:
    host = daemon.instance()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"{host['host_root']}/run/init.sock")
        connection.sendall(data)
        assert "error" in json.loads(connection.makefile("rb").readline())
    assert daemon.execute(host["host_root"], "true") == 0


def test_the_data_of_a_volume_outlives_its_instance(daemon: Daemon) -> None:
    host = daemon.instance("web-1")
    volume = daemon.create("slj-1/volume/data", instance=host["id"], size_gb=10, tier="SSD")
    assert daemon.execute(host["host_root"], "echo kept > mnt/data/file") == 0
    daemon.ask(op="destroy", id=host["id"])
    other = daemon.instance("web-2")
    daemon.ask(op="update", id=volume["id"], spec={"instance": other["id"]})
    assert daemon.execute(other["host_root"], "grep -q kept mnt/data/file") == 0
    daemon.ask(op="destroy", id=volume["id"])
    assert not (Path(other["host_root"]) / "mnt/data").exists()


def test_a_host_in_namespaces_sees_and_writes_nothing_but_its_own(daemon: Daemon) -> None:
    if daemon.plain:
        assert daemon.ask(op="ping")["namespaces"] is False
        return
    one, other = daemon.instance("web-1"), daemon.instance("web-2")
    blind = f"test ! -e {other['host_root']} && test ! -e {daemon.socket} && test ! -e {daemon.home}/objects"
    assert daemon.execute(one["host_root"], blind) == 0
    assert daemon.execute(one["host_root"], "touch here && ! touch /tmp/there 2>/dev/null") == 0
    assert daemon.execute(one["host_root"], f"! kill -0 {daemon.pid} 2>/dev/null") == 0


def test_a_host_finds_its_own_name_and_address_and_nothing_of_the_cloud_in_its_environment(
    daemon: Daemon,
) -> None:
    host = daemon.instance("web-1")
    check = (
        f'test "$HOST_NAME" = web-1 && test "$HOST_ADDR" = {host["address"]} && test "$HOME" = "$HOST_ROOT"'
    )
    assert daemon.execute(host["host_root"], f"{check} && ! env | grep -q PYTEST") == 0
