"""The root module `sandbox` with real Terraform, the provider from its mirror, and a real cloud."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports.sandbox.daemon import PROVIDER, Daemon, all_pids, command_line, wait_until
from tests.ports.sandbox.terraform_run import INSTANCE, MODULE, Workspace, binaries, install, variables

WEB_1 = 'sandbox_instance.instance["web-1"]'


@pytest.fixture(params=sorted(binaries()))
def workspace(request: pytest.FixtureRequest, tmp_path: Path, cloud: Daemon) -> Workspace:
    workspace = Workspace(tmp_path, binaries()[request.param], cloud)
    workspace.init()
    return workspace


@pytest.fixture
def applied(workspace: Workspace) -> Workspace:
    workspace.apply()
    return workspace


@pytest.fixture
def plain_workspace(tmp_path: Path, cloud: Daemon) -> Workspace:
    """A workspace with one Terraform, for tests in which its version plays no part."""
    workspace = Workspace(tmp_path, min(binaries().values(), key=len), cloud)
    workspace.init()
    return workspace


def test_apply_makes_hosts_with_addresses_and_destroy_leaves_no_process(workspace: Workspace) -> None:
    assert set(workspace.plan(code=2).values()) == {"create"}
    workspace.run("apply", "plan.bin")
    outputs = workspace.outputs()
    assert sorted(outputs["instances"]) == ["db-1", "web-1", "web-2"]
    host = outputs["instances"]["web-1"]
    assert (host["zone"], host["vcpu"], host["memory_gb"]) == ("extranet", 4, 16)
    assert host["connection"]["plugin"] == "sandbox"
    assert workspace.daemon.execute(host["connection"]["host_root"], "test -d mnt/web-1-data") == 0
    assert outputs["volumes"]["db-1-data"] == {
        **outputs["volumes"]["db-1-data"],
        "size_gb": 200,
        "tier": "SSD",
    }
    assert outputs["network"]["cidr"].endswith("/24")
    assert {each["run"] for each in workspace.daemon.ask(op="list")["objects"]} == {"run-7"}
    assert workspace.plan(code=0) == {}
    workspace.run("destroy", "-auto-approve")
    assert workspace.daemon.ask(op="list")["objects"] == []
    assert workspace.daemon.leftovers() == []


def test_an_instance_stopped_behind_terraforms_back_is_drift_and_apply_starts_it(applied: Workspace) -> None:
    applied.daemon.ask(op="stop", id="slj-2019-0001/instance/web-1")
    drift = json.loads(applied.run("plan", "-refresh-only", "-out=drift.bin", "-json").splitlines()[-1])
    assert drift["type"] in {"outputs", "change_summary", "resource_drift"}
    assert applied.plan(code=2) == {WEB_1: "update"}
    assert '"stopped" -> "running"' in applied.run("show", "plan.bin")
    applied.apply()
    assert applied.daemon.read("slj-2019-0001/instance/web-1")["state"] == "running"


def test_an_instance_destroyed_behind_terraforms_back_is_made_again_with_its_data(applied: Workspace) -> None:
    before = applied.outputs()["instances"]["web-1"]
    applied.daemon.execute(before["connection"]["host_root"], "echo kept > mnt/web-1-data/file")
    applied.daemon.ask(op="destroy", id=before["id"])
    changes = applied.plan(code=2)
    assert changes == {WEB_1: "create", 'sandbox_volume.volume["web-1-data"]': "update"}
    applied.apply()
    after = applied.outputs()["instances"]["web-1"]
    assert after["id"] != before["id"]
    assert applied.daemon.execute(after["connection"]["host_root"], "grep -q kept mnt/web-1-data/file") == 0


def test_an_apply_that_lost_its_state_adopts_what_it_made(applied: Workspace) -> None:
    before = {each["key"]: each["id"] for each in applied.daemon.ask(op="list")["objects"]}
    (applied.module / "terraform.tfstate").unlink()
    assert set(applied.plan(code=2).values()) == {"create"}
    applied.apply()
    assert {each["key"]: each["id"] for each in applied.daemon.ask(op="list")["objects"]} == before
    assert applied.plan(code=0) == {}


def test_an_object_outside_the_state_is_taken_over_by_an_import_block(applied: Workspace) -> None:
    applied.run("state", "rm", WEB_1)
    found = applied.daemon.read("slj-2019-0001/instance/web-1")
    block = f"import {{\n  to = {WEB_1}\n  id = {json.dumps(found['id'])}\n}}\n"
    (applied.module / "recover.tf").write_text(block)
    assert "1 to import, 0 to add, 0 to change, 0 to destroy" in applied.run("plan")
    applied.apply()
    assert applied.plan(code=0) == {}


def test_sizes_labels_and_ports_change_in_place_and_an_image_makes_a_new_host(
    plain_workspace: Workspace,
) -> None:
    applied = plain_workspace
    applied.apply()
    changed = {**INSTANCE, "vcpu": 8, "label": "another", "ports": [22, 80, 443]}
    applied.write(
        variables(**{"web-1": changed, "web-2": INSTANCE, "db-1": {**INSTANCE, "image": "debian-13"}})
    )
    changes = applied.plan(code=2)
    assert changes[WEB_1] == "update"
    assert changes['sandbox_security_group.instance["web-1"]'] == "update"
    assert changes['sandbox_instance.instance["db-1"]'] == "delete/create"
    applied.apply()
    assert applied.daemon.read("slj-2019-0001/instance/web-1")["spec"]["vcpu"] == 8
    assert applied.plan(code=0) == {}


def test_free_text_reaches_the_cloud_as_text(plain_workspace: Workspace) -> None:
    text = '${file("/etc/passwd")} %{ for i in x }{{ lookup("pipe", "id") }} "\n=1+1 <b>\\'
    plain_workspace.write(variables(**{"web-1": {**INSTANCE, "label": text}}))
    plain_workspace.apply()
    assert plain_workspace.daemon.read("slj-2019-0001/instance/web-1")["spec"]["label"] == text
    assert plain_workspace.plan(code=0) == {}


@pytest.mark.parametrize(
    ("name", "instance", "message"),
    [
        ("Web_1", INSTANCE, "key of each instance"),
        ("web-1", {**INSTANCE, "purpose": "mining"}, "purpose"),
        ("web-1", {**INSTANCE, "vcpu": 0.5}, "vcpu"),
        ("web-1", {**INSTANCE, "ports": [70000]}, "ports"),
        ("web-1", {**INSTANCE, "image": "a b"}, "image"),
        ("web-1", {**INSTANCE, "memory_gb": "much"}, "number"),
    ],
)
def test_a_bad_variable_is_refused_before_anything_is_made(
    plain_workspace: Workspace, name: str, instance: dict[str, object], message: str
) -> None:
    plain_workspace.write(variables(**{name: instance}))
    assert message in " ".join(plain_workspace.run("plan", code=1).split())
    assert plain_workspace.daemon.ask(op="list")["objects"] == []


def test_a_refusal_of_the_cloud_is_a_diagnostic_and_the_next_apply_goes_on(
    plain_workspace: Workspace,
) -> None:
    plain_workspace.daemon.ask(op="capacity", limits={"EXT-X86": {"instances": 2}})
    output = plain_workspace.run("apply", "-auto-approve", code=1)
    assert "1 instances wanted, 0 of 2 free" in " ".join(output.split())
    plain_workspace.daemon.ask(op="capacity", limits={})
    plain_workspace.apply()
    assert plain_workspace.plan(code=0) == {}


def test_a_cloud_that_is_away_is_a_plain_error(plain_workspace: Workspace) -> None:
    plain_workspace.daemon.stop()
    assert "sandbox cloud is not running" in plain_workspace.run("plan", code=1)


def test_an_object_made_by_a_failed_create_is_adopted(plain_workspace: Workspace) -> None:
    plain_workspace.daemon.ask(
        op="fault", kind="instance", mode="fail_after", count=2, message="the line broke"
    )
    assert "the line broke" in plain_workspace.run("apply", "-auto-approve", code=1)
    plain_workspace.apply()
    hosts = [each for each in plain_workspace.daemon.ask(op="list")["objects"] if each["kind"] == "instance"]
    assert len(hosts) == 3
    assert plain_workspace.plan(code=0) == {}


def test_an_interrupt_lets_running_creates_finish_so_that_none_is_lost_from_the_state(
    workspace: Workspace,
) -> None:
    workspace.daemon.ask(op="fault", kind="instance", mode="delay", count=3, seconds=2)
    process = workspace.start("apply", "-auto-approve", "-no-color")
    wait_until(lambda: instances(workspace), "a create runs")
    process.send_signal(2)
    process.communicate(timeout=60)
    made = {each["id"] for each in instances(workspace)}
    assert made
    state = json.loads((workspace.module / "terraform.tfstate").read_text())
    kept = [
        one for each in state["resources"] if each["type"] == "sandbox_instance" for one in each["instances"]
    ]
    assert {one["attributes"]["id"] for one in kept} == made


def test_the_provider_ends_with_a_killed_terraform(workspace: Workspace) -> None:
    workspace.daemon.ask(op="fault", kind="network", mode="delay", seconds=30)
    process = workspace.start("apply", "-auto-approve")
    wait_until(lambda: workspace.daemon.ask(op="list")["objects"], "the create runs")
    assert providers(workspace)
    process.kill()
    process.communicate()
    wait_until(lambda: not providers(workspace), "the provider has ended")


def instances(workspace: Workspace) -> list[dict[str, str]]:
    return [each for each in workspace.daemon.ask(op="list")["objects"] if each["kind"] == "instance"]


def providers(workspace: Workspace) -> list[int]:
    return [pid for pid in all_pids() if is_provider(pid, workspace.module)]


def is_provider(pid: int, module: Path) -> bool:
    try:
        here = Path(f"/proc/{pid}/cwd").readlink()
        return here == module and b"serve.py" in command_line(pid)
    except OSError:
        return False


def test_a_provider_that_differs_from_the_lock_file_by_one_byte_is_refused(
    plain_workspace: Workspace,
) -> None:
    for path in (plain_workspace.folder / "mirror").rglob("provider.py"):
        path.write_text(path.read_text() + "#")
    (plain_workspace.module / ".terraform").rename(plain_workspace.folder / "old")
    assert "checksum" in plain_workspace.run("init", "-lockfile=readonly", code=1)


def test_the_committed_lock_file_names_the_provider_as_it_is(tmp_path: Path) -> None:
    digest = install(tmp_path / "mirror")["hash"]
    assert digest in (MODULE / ".terraform.lock.hcl").read_text()


def test_installing_twice_or_two_at_once_gives_the_same_mirror(tmp_path: Path) -> None:
    command = [sys.executable, str(PROVIDER / "install.py"), "--mirror", str(tmp_path / "mirror")]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(30) for process in running] == [0] * 4
    files = sorted(path for path in (tmp_path / "mirror").rglob("*") if path.is_file())
    assert len(files) == 9
    first = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    stranger = files[0].parent / "__pycache__"
    stranger.mkdir()
    install(tmp_path / "mirror")
    assert not stranger.exists()
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files} == first
    assert os.access(next(path for path in files if "terraform-provider" in path.name), os.X_OK)
