"""The same run without the product: terraform init, plan -out, show -json, apply."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.adapters.terraform import find_terraform
from orchestrator.settings import Settings

_LOCAL_STATE = 'terraform {\n  backend "local" {}\n}\n'
_FILES = (".tf", ".tfvars.json")
COMMANDS = (
    ("init", "-input=false"),
    ("plan", "-input=false", "-out=plan.bin"),
    ("show", "-json", "plan.bin"),
    ("apply", "-input=false", "plan.bin"),
)


@dataclass(frozen=True)
class ByHand:
    """A copy of the files of one of the product's runs, to be run without the product."""

    terraform: str
    source: Path

    @classmethod
    def copied(cls, settings: Settings, run_folder: Path, folder: Path) -> "ByHand":
        """Copy the files of a run folder to a new folder; the state will be on disk."""
        folder.mkdir(parents=True)
        for file in run_folder.iterdir():
            if file.name.endswith(_FILES):
                shutil.copyfile(file, folder / file.name)
        (folder / "backend_override.tf").write_text(_LOCAL_STATE)
        return cls(str(find_terraform(settings)), folder)

    def run(self, folder: Path) -> float:
        """Run the four commands in a new folder. Returns their seconds, without those for copying."""
        shutil.copytree(self.source, folder)
        environment = _environment(folder)
        began = time.perf_counter()
        for command in COMMANDS:
            with (folder / f"{command[0]}.out").open("wb") as output:
                subprocess.run(
                    [self.terraform, *command], cwd=folder, env=environment, stdout=output, check=True
                )
        seconds = time.perf_counter() - began
        shutil.rmtree(folder)
        return seconds


def _environment(folder: Path) -> Mapping[str, str]:
    """Return the environment, with Terraform's settings for unattended runs, as in the product."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return inherited | {"HOME": str(folder), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
