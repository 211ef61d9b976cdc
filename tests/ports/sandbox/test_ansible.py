"""The Ansible engine with real ansible-playbook on real sandbox hosts."""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.ansible import AnsibleRunnerEngine, BundleError
from orchestrator.core.stop_reasons import StopReason
from orchestrator.runs.engine import AnsibleEngine, EngineRun
from tests.ports.sandbox.daemon import ROOT, Daemon, all_pids, command_line, wait_until

LOOKUP = "{{ lookup('pipe', 'id') }}"
AWKWARD = (
    f"{LOOKUP} {{% raw %}} {{# #}} \"'\\ \n\t: # - &a *b !c \x7f\x85\u2028\u2029\ufeff 水利局 \U0001f600"
)
SLOW = "- {name: Wait, ansible.builtin.command: {cmd: sleep 7078}}"


@pytest.fixture(scope="module")
def host_cloud() -> Iterator[Daemon]:
    daemon = Daemon(plain=True)
    yield daemon.start()
    daemon.close()


@pytest.fixture
def host(host_cloud: Daemon) -> dict[str, Any]:
    return host_cloud.instance("web-1")


@pytest.fixture(scope="module")
def engine() -> AnsibleEngine:
    return AnsibleRunnerEngine(grace_seconds=5)


class Bundle:
    """A bundle for one host, and one run of it whose log and stop the test holds."""

    def __init__(self, folder: Path, host: dict[str, Any]) -> None:
        self.folder, self.host = folder / "bundle", host
        shutil.copytree(ROOT / "playbooks", self.folder / "project")
        (self.folder / "inventory").mkdir()
        self.lines: list[str] = []
        self.write_variables({})
        self.write_host(ansible_host=host["address"], ansible_sandbox_root=host["host_root"])

    def write_variables(self, values: dict[str, Any]) -> None:
        (self.folder / "vars.json").write_text(json.dumps(values))

    def write_host(self, **variables: Any) -> None:
        inventory = {"all": {"children": {"sandbox": {"hosts": {"web-1": variables}}}}}
        (self.folder / "inventory/hosts.json").write_text(json.dumps(inventory))

    def write_playbook(self, *tasks: str) -> str:
        indented = "\n".join("    " + task for task in tasks)
        text = f"- name: Test\n  hosts: all\n  gather_facts: false\n  tasks:\n{indented}\n"
        (self.folder / "project/test.yml").write_text(text)
        return "test.yml"

    def run(
        self, *, should_stop: Callable[[], StopReason | None] = lambda: None, **options: Any
    ) -> EngineRun:
        return EngineRun("run-1", {}, self.lines.append, should_stop, **options)

    def read(self, name: str) -> str:
        return (Path(self.host["host_root"]) / name).read_bytes().decode()


@pytest.fixture
def bundle(tmp_path: Path, host: dict[str, Any]) -> Bundle:
    return Bundle(tmp_path, host)


def results(events: tuple[Any, ...], task: str) -> list[dict[str, Any]]:
    """The results of a task that went well, host by host."""
    data = [each["event_data"] for each in events if each["event"] == "runner_on_ok"]
    return [each["res"] for each in data if each["task"] == task]


def test_the_baseline_reports_each_host_in_the_event_of_its_task(
    engine: AnsibleEngine, bundle: Bundle
) -> None:
    result = engine.run(bundle.folder, "baseline.yml", bundle.run())
    assert (result.returncode, result.stopped_because) == (0, None)
    (found,) = results(result.events, "Report the baseline")
    report = found["baseline"]
    assert report["name"] == "web-1"
    assert report["address"] == bundle.host["address"]
    assert report["python"].startswith("3.")
    assert report["disk"]["root"] == bundle.host["host_root"]
    assert report["disk"]["used_bytes"] > 0
    assert report["isolated"] is False
    assert json.loads(bundle.read(".govcloud-baseline.json")) == report
    assert "ok: [web-1]" in bundle.lines


def test_a_service_is_managed_by_one_name_and_the_baseline_finds_it(
    engine: AnsibleEngine, bundle: Bundle
) -> None:
    argv = ["python3", "-m", "http.server", "--bind", bundle.host["address"], "8081"]
    bundle.write_variables({"manage_service_name": "web", "manage_service_description": {"argv": argv}})
    playbook = bundle.write_playbook(
        "- {name: Manage, ansible.builtin.include_role: {name: manage_service}}",
        "- {name: Wait, ansible.builtin.wait_for: {host: '{{ ansible_host }}', port: 8081, timeout: 20}}",
        "- {name: Report, ansible.builtin.include_role: {name: report_baseline}}",
    )
    result = engine.run(bundle.folder, playbook, bundle.run())
    assert result.returncode == 0, bundle.lines
    report = results(result.events, "Report the baseline")[0]["baseline"]
    assert (report["services"], report["listening"]) == (["web"], [8081])
    bundle.write_variables({"manage_service_name": "web", "manage_service_state": "stopped"})
    playbook = bundle.write_playbook("- {name: Manage, ansible.builtin.include_role: {name: manage_service}}")
    result = engine.run(bundle.folder, playbook, bundle.run())
    assert results(result.events, "Start, stop or restart the service")[0]["stdout"] == "web: stopped"


def test_values_reach_the_host_as_text_and_are_never_templates(engine: AnsibleEngine, bundle: Bundle) -> None:
    bundle.write_variables({"purpose": AWKWARD, "deep": {"list": [AWKWARD]}, "number": 7})
    where = {"ansible_host": bundle.host["address"], "ansible_sandbox_root": bundle.host["host_root"]}
    bundle.write_host(**where, label=AWKWARD)
    wanted = {"a": "purpose", "b": "label", "c": "deep.list[0]", "d": "number"}
    write = (
        "- {name: Write, ansible.builtin.copy: {content: '{{ %s }}', "
        "dest: '{{ ansible_sandbox_root }}/%s', mode: '600'}}"
    )
    playbook = bundle.write_playbook(*(write % (value, name) for name, value in wanted.items()))
    assert engine.run(bundle.folder, playbook, bundle.run()).returncode == 0
    assert [bundle.read(name) for name in "abcd"] == [AWKWARD] * 3 + ["7"]


def test_files_go_to_the_host_and_come_back_unchanged(
    engine: AnsibleEngine, bundle: Bundle, tmp_path: Path
) -> None:
    content = os.urandom(3_000_000)
    (bundle.folder / "project/files").mkdir()
    (bundle.folder / "project/files/blob").write_bytes(content)
    there = "'{{ ansible_sandbox_root }}/blob'"
    playbook = bundle.write_playbook(
        f"- {{name: Put, ansible.builtin.copy: {{src: blob, dest: {there}, mode: '600'}}}}",
        f"- {{name: Fetch, ansible.builtin.fetch: {{src: {there}, dest: {tmp_path}/back, flat: true}}}}",
    )
    assert engine.run(bundle.folder, playbook, bundle.run()).returncode == 0, bundle.lines
    assert (tmp_path / "back").read_bytes() == content


def test_a_failed_task_is_return_code_2_and_its_event_tells_why(
    engine: AnsibleEngine, bundle: Bundle
) -> None:
    playbook = bundle.write_playbook("- {name: Fail, ansible.builtin.command: {cmd: 'false'}}")
    result = engine.run(bundle.folder, playbook, bundle.run())
    assert result.returncode == 2
    failed = [each for each in result.events if each["event"] == "runner_on_failed"]
    assert failed[0]["event_data"]["res"]["rc"] == 1


def test_a_host_that_is_not_running_is_unreachable(
    engine: AnsibleEngine, bundle: Bundle, host_cloud: Daemon
) -> None:
    host_cloud.ask(op="stop", id=bundle.host["id"])
    result = engine.run(bundle.folder, "baseline.yml", bundle.run())
    host_cloud.ask(op="start", id=bundle.host["id"])
    assert result.returncode == 4
    assert any("is not running" in line for line in bundle.lines)


def test_a_host_of_another_cloud_in_the_expected_place_is_refused(
    engine: AnsibleEngine, bundle: Bundle, host_cloud: Daemon
) -> None:
    other, place = Daemon(plain=True), host_cloud.home / bundle.host["id"]
    try:
        foreign = other.start().instance("web-1")
        place.symlink_to(foreign["host_root"])
        bundle.write_host(ansible_host=bundle.host["address"], ansible_sandbox_root=str(place))
        result = engine.run(bundle.folder, "baseline.yml", bundle.run())
        assert result.returncode == 4, "\n".join(bundle.lines)
        refusal = f"this is the host {foreign['id']}, not '{bundle.host['id']}'"
        assert any(refusal in line for line in bundle.lines), bundle.lines
        assert not (place / ".govcloud-baseline.json").exists()
    finally:
        place.unlink(missing_ok=True)
        other.close()


def test_a_host_that_stops_in_mid_task_is_unreachable(
    engine: AnsibleEngine, bundle: Bundle, host_cloud: Daemon
) -> None:
    def stop_host() -> StopReason | None:
        if sleepers(bundle):
            host_cloud.ask(op="stop", id=bundle.host["id"])
        return None

    result = engine.run(bundle.folder, bundle.write_playbook(SLOW), bundle.run(should_stop=stop_host))
    host_cloud.ask(op="start", id=bundle.host["id"])
    assert result.returncode == 4
    assert any("stopped while a command ran" in line for line in bundle.lines)


@pytest.mark.parametrize("why", [StopReason.CANCELLED, StopReason.TIMEOUT, StopReason.IDLE])
def test_a_play_that_must_stop_ends_with_every_process_of_it(
    engine: AnsibleEngine, bundle: Bundle, why: StopReason
) -> None:
    limits = {
        StopReason.CANCELLED: {},
        StopReason.TIMEOUT: {"timeout_seconds": 3.0},
        StopReason.IDLE: {"idle_seconds": 2.5},
    }[why]
    stop = (
        (lambda: StopReason.CANCELLED if sleepers(bundle) else None)
        if why is StopReason.CANCELLED
        else (lambda: None)
    )
    result = engine.run(bundle.folder, bundle.write_playbook(SLOW), bundle.run(should_stop=stop, **limits))
    assert result.stopped_because == why
    assert result.returncode != 0
    assert not players(bundle)
    wait_until(lambda: not sleepers(bundle), "the host has ended the command")


def test_a_killed_player_leaves_no_ansible_behind(engine: AnsibleEngine, bundle: Bundle) -> None:
    def kill_player() -> StopReason | None:
        if sleepers(bundle):
            player = next(pid for pid in players(bundle) if b"ansible_play" in command_line(pid))
            os.kill(player, 9)
        return None

    result = engine.run(bundle.folder, bundle.write_playbook(SLOW), bundle.run(should_stop=kill_player))
    assert result.returncode == -9
    assert not players(bundle)


def test_the_fence_is_held_down_to_ansible_playbook(
    engine: AnsibleEngine, bundle: Bundle, tmp_path: Path
) -> None:
    lease = tmp_path / "lease"
    holders: set[bytes] = set()

    def look() -> StopReason | None:
        if sleepers(bundle):
            holders.update(command_line(pid).split(b"\0")[1] for pid in players(bundle) if holds(pid, lease))
            return StopReason.CANCELLED
        return None

    with lease.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        bundle_run = bundle.run(should_stop=look, keep_open=(file.fileno(),))
        engine.run(bundle.folder, bundle.write_playbook(SLOW), bundle_run)
    assert any(name.endswith(b"ansible-playbook") for name in holders)
    with lease.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_ansible_has_a_private_folder_for_sockets_however_deep_the_bundle_lies(
    engine: AnsibleEngine, host: dict[str, Any], tmp_path: Path
) -> None:
    bundle = Bundle(tmp_path / ("deep" * 30), host)
    report = "- debug: msg=\"{{ lookup('env', 'TMPDIR') }} {{ lookup('pipe', 'stat -c %a $TMPDIR') }}\""
    result = engine.run(bundle.folder, bundle.write_playbook(report), bundle.run())
    assert (result.returncode, result.stopped_because) == (0, None), bundle.lines
    (message,) = [
        event["event_data"]["res"]["msg"] for event in result.events if event["event"] == "runner_on_ok"
    ]
    folder, mode = message.split()
    assert len(f"{folder}/pymp-12345678/listener-12345678") <= 107
    assert mode == "700"
    assert not Path(folder).exists()


def test_secrets_show_as_stars_in_log_and_events(engine: AnsibleEngine, bundle: Bundle) -> None:
    bundle.write_variables({"password": "hunter\"2'x"})
    playbook = bundle.write_playbook("- {name: Say, ansible.builtin.debug: {msg: 'it is {{ password }}'}}")
    result = engine.run(bundle.folder, playbook, bundle.run(secrets=("hunter\"2'x",)))
    assert result.returncode == 0
    assert "hunter" not in "\n".join(bundle.lines) + json.dumps(result.events)
    assert any("***" in line for line in bundle.lines)


@pytest.mark.parametrize(
    ("inventory", "message"),
    [
        ({"all": {"hosts": {"web[1:3]": {}}}}, "the host"),
        ({"all": {"hosts": {"web-1": {"a b": 1}}}}, "variable"),
        ({"a-b": {"hosts": {}}}, "the group"),
        ({"all": {"plugin": {}}}, "must be children, hosts or vars"),
        ([], "must be an object"),
        ({"all": {"hosts": {"web-1": {"label": "\ud800"}}}}, "contains a lone surrogate"),
    ],
)
def test_a_faulty_inventory_is_refused_by_name(
    engine: AnsibleEngine, bundle: Bundle, inventory: Any, message: str
) -> None:
    (bundle.folder / "inventory/hosts.json").write_text(json.dumps(inventory))
    with pytest.raises(BundleError, match=message):
        engine.run(bundle.folder, "baseline.yml", bundle.run())


@pytest.mark.parametrize("playbook", ["../baseline.yml", "missing.yml", "-i.yml", "baseline.yml --check"])
def test_only_a_playbook_of_the_bundle_is_played(
    engine: AnsibleEngine, bundle: Bundle, playbook: str
) -> None:
    with pytest.raises(BundleError, match="no such playbook"):
        engine.run(bundle.folder, playbook, bundle.run())


def test_the_version_is_that_of_ansible_core(engine: AnsibleEngine) -> None:
    line = "2.19." if sys.version_info < (3, 12) else "2.21."
    assert engine.version().startswith(line)


def sleepers(bundle: Bundle) -> list[int]:
    """Every process of the bundle's host that sleeps as SLOW says."""
    root = f"HOST_ROOT={bundle.host['host_root']}".encode()
    pids = [pid for pid in all_pids() if command_line(pid).endswith(b"sleep\x007078\0")]
    return [pid for pid in pids if root in environment(pid).split(b"\0")]


def players(bundle: Bundle) -> list[int]:
    """Every process of the bundle's play."""
    return [pid for pid in all_pids() if str(bundle.folder).encode() in environment(pid)]


def environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def holds(pid: int, path: Path) -> bool:
    try:
        return any(each.readlink() == path for each in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
