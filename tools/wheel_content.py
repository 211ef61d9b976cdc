"""Build hook: carries the content folders of the repository inside the wheel.

An editable install reads them from the work tree instead, so nothing is copied for it.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONTENT = ("terraform", "playbooks", "quotas", "policies", "migration_plans")
LEFT_BY_TOOLS = {".terraform", "__pycache__"}


class WheelContent(BuildHookInterface[Any]):
    """Maps `<folder>/...` of the repository to `orchestrator/_content/<folder>/...` of the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add every content file to a standard wheel.

        Args:
            version: hatchling's name of the wheel version, "standard" or "editable".
            build_data: hatchling's mutable build settings; `force_include` maps sources to places.
        """
        if version == "editable":
            return
        for path in content_files(Path(self.root)):
            build_data["force_include"][str(path)] = f"orchestrator/_content/{path.relative_to(self.root)}"


def content_files(root: Path) -> list[Path]:
    """Every file below the content folders of `root`, sorted, without what tools leave behind."""
    found = (path for folder in CONTENT for path in (root / folder).rglob("*") if path.is_file())
    return sorted(path for path in found if not LEFT_BY_TOOLS.intersection(path.parts))
