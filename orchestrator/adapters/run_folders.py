"""Folders in which engines run: one per plan, mode 0700, filled from sealed bytes, checked before use."""

import hashlib
import json
import shutil
import time
from pathlib import Path
from uuid import UUID

from orchestrator.runs.rendering import Files
from orchestrator.runs.saved_plan import CloudContract

PLAN_FILE = "plan.bin"
_ENGINE_SUFFIXES = (".tf", ".tf.json", ".tfvars", ".tfvars.json", ".hcl", ".tofu")


class RunFolders:
    """The run folders of one machine; every machine fills its own from the database."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, plan_id: UUID, purpose: str = "plan") -> Path:
        """Return the path of a plan's folder, whether or not it exists."""
        return self.root / f"{purpose}-{plan_id}"

    def fill(self, plan_id: UUID, files: Files, purpose: str = "plan") -> Path:
        """Create a new folder that contains exactly `files`."""
        folder = self.path(plan_id, purpose)
        shutil.rmtree(folder, ignore_errors=True)
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(mode=0o700)
        for name, content in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.touch(mode=0o600)
            target.write_bytes(content)
        return folder

    def read_back(self, folder: Path, names: frozenset[str]) -> dict[str, bytes]:
        """Return the files that the engine would read: the named ones and all with a suffix it loads."""
        present = {
            path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_file() and ".terraform" not in path.relative_to(folder).parts
        }
        relevant = {
            name: path for name, path in present.items() if name in names or name.endswith(_ENGINE_SUFFIXES)
        }
        return {name: path.read_bytes() for name, path in relevant.items()}

    def discard(self, plan_id: UUID, purpose: str = "plan") -> None:
        """Remove the folder of a finished run."""
        shutil.rmtree(self.path(plan_id, purpose), ignore_errors=True)

    def sweep(self, older_than_seconds: float) -> int:
        """Remove folders unchanged for so long; their plans have expired or ended on another machine."""
        limit = time.time() - older_than_seconds
        old = [path for path in self.root.glob("*-*") if path.is_dir() and path.stat().st_mtime < limit]
        for path in old:
            shutil.rmtree(path, ignore_errors=True)
        return len(old)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, or an empty text if it does not exist."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


class CloudModules:
    """The static root modules under ``terraform/clouds``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def files(self, cloud: str) -> dict[str, bytes]:
        """Return the module's files that Terraform reads."""
        folder = self._folder(cloud)
        names = [path for path in sorted(folder.iterdir()) if path.name.endswith((".tf", ".hcl"))]
        return {path.name: path.read_bytes() for path in names}

    def contract(self, cloud: str) -> CloudContract:
        """Read ``contract.json``: the resource types, and the attributes that affect place and cost."""
        document = json.loads((self._folder(cloud) / "contract.json").read_text())
        return CloudContract(document["kinds"], document["decisive"], document.get("sizes_in", {}))

    def _folder(self, cloud: str) -> Path:
        folder = self.root / cloud
        if not (folder / "contract.json").is_file():
            raise FileNotFoundError(f"{folder} is not a cloud folder: contract.json is missing")
        return folder
