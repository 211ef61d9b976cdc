"""The four commands that a person would type instead: init, plan -out, show -json, apply."""

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
    """The files of one of the product's own runs, kept to be run again without the product."""

    terraform: str
    source: Path

    @classmethod
    def copied(cls, settings: Settings, prepared: Path, keep: Path) -> "ByHand":
        """Keep the files that the product prepared in a run's folder, with the state on disk."""
        keep.mkdir(parents=True)
        for file in prepared.iterdir():
            if file.name.endswith(_FILES):
                shutil.copyfile(file, keep / file.name)
        (keep / "backend_override.tf").write_text(_LOCAL_STATE)
        return cls(str(find_terraform(settings)), keep)

    def run(self, folder: Path) -> float:
        """Run the four commands in a new folder; the seconds that they took, copying not counted."""
        shutil.copytree(self.source, folder)
        environment = _environment(folder)
        begun = time.perf_counter()
        for command in COMMANDS:
            with (folder / f"{command[0]}.out").open("wb") as output:
                subprocess.run(
                    [self.terraform, *command], cwd=folder, env=environment, stdout=output, check=True
                )
        seconds = time.perf_counter() - begun
        shutil.rmtree(folder)
        return seconds


def _environment(folder: Path) -> Mapping[str, str]:
    """Terraform's own settings for work without a person and without a network, as in the product."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"HOME": str(folder), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
