"""Answers of the sandbox cloud: adoption, conflicts, capacity, faults, references, and nonsense."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ports.sandbox.daemon import PROVIDER, Daemon, Refused, unprivileged, wait_until


def refusal(daemon: Daemon, **request: object) -> Refused:
    with pytest.raises(Refused) as caught:
        daemon.ask(**request)
    return caught.value


def test_creating_again_with_the_same_key_and_spec_adopts_the_object(cloud: Daemon) -> None:
    spec = cloud.instance_spec()
    first = cloud.create("slj-1/instance/web-1", **spec)
    again = cloud.create("slj-1/instance/web-1", **spec)
    assert (first["adopted"], again["adopted"]) == (False, True)
    assert again["id"] == first["id"]
    assert len(cloud.hosts()) == 1


def test_adopting_an_instance_that_lies_down_starts_it(cloud: Daemon) -> None:
    spec = cloud.instance_spec()
    made = cloud.create("slj-1/instance/web-1", **spec)
    cloud.ask(op="stop", id=made["id"])
    assert cloud.read(made["id"])["state"] == "stopped"
    assert cloud.create("slj-1/instance/web-1", **spec)["state"] == "running"


def test_the_same_key_with_another_spec_is_a_conflict_that_names_the_field(cloud: Daemon) -> None:
    cloud.instance(vcpu=4)
    with pytest.raises(Refused, match=r"spec\.vcpu") as caught:
        cloud.instance(vcpu=8)
    assert caught.value.code == 409


def test_a_list_can_be_limited_to_a_workspace(cloud: Daemon) -> None:
    cloud.instance(workspace="slj-1")
    cloud.instance(workspace="slj-2")
    objects = cloud.ask(op="list", workspace="slj-2")["objects"]
    assert {each["key"].split("/")[0] for each in objects} == {"slj-2"}
    host = next(each for each in objects if each["kind"] == "instance")
    assert host["state"] == "running"
    assert host["address"].startswith("127.")
    assert host["tags"] == {"system": "SYS-019"}
    assert host["run"] == "run-1"
    assert Path(host["host_root"]).name == host["id"]
    assert len(cloud.ask(op="list")["objects"]) == 8


def test_a_create_beyond_the_capacity_of_its_pool_says_what_is_free(cloud: Daemon) -> None:
    cloud.ask(op="capacity", limits={"EXT-X86": {"vcpu": 6, "disk_gb": 100}})
    host = cloud.instance("web-1", vcpu=4)
    with pytest.raises(Refused, match="pool EXT-X86: 4 vcpu wanted, 2 of 6 free") as caught:
        cloud.instance("web-2", vcpu=4)
    assert caught.value.code == 507
    with pytest.raises(Refused, match="disk_gb"):
        cloud.create("slj-1/volume/data", instance=host["id"], size_gb=101, tier="SSD")
    assert cloud.instance("web-2", vcpu=2)["state"] == "running"
    assert cloud.ask(op="capacity")["pools"]["EXT-X86"]["used"]["vcpu"] == 6


def test_growing_beyond_the_capacity_is_refused_and_changes_nothing(cloud: Daemon) -> None:
    cloud.ask(op="capacity", limits={"EXT-X86": {"vcpu": 6}})
    host = cloud.instance(vcpu=4)
    assert refusal(cloud, op="update", id=host["id"], spec={"vcpu": 7}).code == 507
    assert cloud.read(host["id"])["spec"]["vcpu"] == 4
    cloud.ask(op="update", id=host["id"], spec={"vcpu": 6})
    assert cloud.read(host["id"])["spec"]["vcpu"] == 6


def test_a_failing_create_leaves_nothing_and_the_next_one_succeeds(cloud: Daemon) -> None:
    spec = cloud.instance_spec()
    cloud.ask(op="fault", kind="instance", mode="fail", message="the hypervisor is on fire")
    with pytest.raises(Refused, match="on fire") as caught:
        cloud.create("slj-1/instance/web-1", **spec)
    assert caught.value.code == 503
    assert not [each for each in cloud.ask(op="list")["objects"] if each["kind"] == "instance"]
    assert cloud.create("slj-1/instance/web-1", **spec)["adopted"] is False


def test_a_create_that_fails_after_the_act_is_adopted_by_the_next_one(cloud: Daemon) -> None:
    spec = cloud.instance_spec()
    cloud.ask(op="fault", kind="instance", mode="fail_after")
    with pytest.raises(Refused):
        cloud.create("slj-1/instance/web-1", **spec)
    made = next(each for each in cloud.ask(op="list")["objects"] if each["kind"] == "instance")
    assert made["state"] == "running"
    assert cloud.create("slj-1/instance/web-1", **spec)["id"] == made["id"]


def test_an_object_that_another_one_needs_is_not_destroyed(cloud: Daemon) -> None:
    host = cloud.instance()
    error = refusal(cloud, op="destroy", id=host["spec"]["port"])
    assert error.code == 409
    assert host["id"] in str(error)


def test_destroying_twice_is_no_error(cloud: Daemon) -> None:
    host = cloud.instance()
    assert cloud.ask(op="destroy", id=host["id"])["destroyed"] is True
    assert cloud.ask(op="destroy", id=host["id"])["destroyed"] is False
    assert refusal(cloud, op="read", id=host["id"]).code == 404


def test_an_object_of_another_workspace_cannot_be_used(cloud: Daemon) -> None:
    foreign = cloud.instance_spec(workspace="slj-1")
    with pytest.raises(Refused, match="another workspace"):
        cloud.create("slj-2/instance/web-1", **foreign)


def test_an_address_that_was_given_up_is_not_given_out_again_at_once(cloud: Daemon) -> None:
    host = cloud.instance("web-1")
    for object_id in (host["id"], host["spec"]["port"]):
        cloud.ask(op="destroy", id=object_id)
    assert cloud.instance("web-1")["address"] != host["address"]


def test_each_zone_has_a_block_of_its_own(cloud: Daemon) -> None:
    zones = {
        zone: cloud.create(f"slj-1/network/{zone}", zone=zone, name="n")["cidr"]
        for zone in ("extranet", "internet", "management")
    }
    assert len({cidr.split(".")[1] for cidr in zones.values()}) == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [("vcpu", 0), ("vcpu", "4"), ("memory_gb", 1.5), ("image", "a b"), ("label", 7), ("port", "port-none")],
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(cloud: Daemon, field: str, value: Any) -> None:
    with pytest.raises(Refused, match=f"spec.{field}|{value}"):
        cloud.instance(**{field: value})


def test_free_text_comes_back_as_it_went_in(cloud: Daemon) -> None:
    text = '${file("/etc/passwd")} %{ for } {{ lookup("pipe", "id") }} =1+1 <b>"\\\n\t水利局 \U0001f600'
    assert cloud.read(cloud.instance(label=text)["id"])["spec"]["label"] == text


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 4096 + b"\n",
        b"\xff\xfe\x00\n",
        b"[]\n",
        b"null\n",
        b"\n",
        b'{"op": "nonsense"}\n',
        b"[" * 50_000 + b"\n",
    ],
)
def test_garbage_is_answered_with_an_error_and_the_cloud_goes_on(cloud: Daemon, data: bytes) -> None:
    assert cloud.raw(data)["error"]["code"] == 400
    assert cloud.answers()


def test_an_oversized_request_is_answered_with_an_error_and_the_cloud_goes_on(cloud: Daemon) -> None:
    request = json.dumps({"op": "list", "workspace": "x" * 1_000_000}).encode() + b"\n"
    assert cloud.raw(request)["error"]["code"] == 413
    assert cloud.answers()


def test_the_socket_belongs_to_the_account_alone(cloud: Daemon) -> None:
    assert cloud.socket.stat().st_mode & 0o777 == 0o600
    assert cloud.home.stat().st_mode & 0o777 == 0o700


def test_a_second_supervisor_of_the_same_home_is_refused(cloud: Daemon) -> None:
    cloud.instance()
    second = subprocess.run(cloud.command(), capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 3
    assert str(cloud.pid) in second.stderr
    assert cloud.answers()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can try to run the cloud as root")
def test_the_cloud_does_not_run_as_root(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(PROVIDER / "sandboxd.py"),
        "--home",
        str(tmp_path),
        "--socket",
        str(tmp_path / "s"),
    ]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 1
    assert "does not run as root" in refused.stderr


def test_a_home_too_deep_for_the_sockets_of_its_hosts_is_refused_at_the_start(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 80)
    command = [sys.executable, str(PROVIDER / "sandboxd.py"), "--home", str(home), "--socket", "/s"]
    refused = subprocess.run(unprivileged(command), capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 1
    assert "at most 72 bytes" in refused.stderr


def test_a_create_interrupted_by_a_kill_is_completed_at_the_next_start(daemon: Daemon) -> None:
    spec = daemon.instance_spec()
    daemon.ask(op="fault", kind="instance", mode="delay", seconds=60)
    request = {"op": "create", "kind": "instance", "key": "slj-1/instance/web-1", "spec": spec}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(daemon.socket))
        connection.sendall(json.dumps(request).encode() + b"\n")
        wait_until(lambda: instances(daemon), "the intent is on disk")
        assert instances(daemon)[0]["state"] == "error"
        daemon.kill()
    daemon.start()
    assert [each["state"] for each in instances(daemon)] == ["running"]
    assert daemon.create("slj-1/instance/web-1", **spec)["adopted"] is True


def instances(daemon: Daemon) -> list[dict[str, Any]]:
    return [each for each in daemon.ask(op="list")["objects"] if each["kind"] == "instance"]
