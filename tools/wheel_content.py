"""Build hook: adds the content folders and the requirement of the assets wheel to the wheel.

An editable install reads the content from the work tree, and `make` builds the assets first.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONTENT = ("terraform", "playbooks", "quotas", "policies", "migration_plans")
LEFT_BY_TOOLS = {".terraform", "__pycache__"}


class WheelContent(BuildHookInterface[Any]):
    """Maps `<folder>/...` of the repository to `orchestrator/_content/<folder>/...` of the wheel.

    The assets wheel is required here and not in pyproject.toml, because no registry has it and the locked
    lists are resolved from pyproject.toml. This also keeps the version in one place.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add every content file and the requirement to a standard wheel.

        Args:
            version: hatchling's name of the wheel version, "standard" or "editable".
            build_data: hatchling's mutable build settings; `force_include` maps sources to wheel paths,
                `dependencies` are added to those of pyproject.toml.
        """
        if version == "editable":
            return
        build_data["dependencies"].append(f"govcloud-assets=={self.metadata.version}")
        for path in content_files(Path(self.root)):
            build_data["force_include"][str(path)] = f"orchestrator/_content/{path.relative_to(self.root)}"


def content_files(root: Path) -> list[Path]:
    """Return the files below the content folders of `root`, sorted, without caches of tools."""
    paths = (path for folder in CONTENT for path in (root / folder).rglob("*") if path.is_file())
    return sorted(path for path in paths if not LEFT_BY_TOOLS.intersection(path.parts))
