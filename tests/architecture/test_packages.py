"""The two wheels of this repository belong together, and have one version."""

import zipfile
from email.parser import Parser
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

from orchestrator import __version__
from tests.architecture.conftest import Checkout


def test_the_services_wheel_has_every_sql_file_and_requires_the_assets_of_its_own_version(
    checkout: Checkout, tmp_path: Path
) -> None:
    (path,) = WheelBuilder(str(checkout.root)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(path) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        stated = Parser().parsestr(wheel.read(name).decode())
        packed = {name for name in wheel.namelist() if name.endswith(".sql")}
    sql_files = {
        name for name in checkout.names if name.startswith("orchestrator/") and name.endswith(".sql")
    }
    assert packed >= sql_files > set()
    assert stated["Version"] == __version__
    assert f"govcloud-assets=={__version__}" in (stated.get_all("Requires-Dist") or [])


def test_both_packages_have_the_version_that_the_service_names(checkout: Checkout) -> None:
    for folder in (checkout.root, checkout.root / "assets"):
        assert ProjectMetadata(str(folder), PluginManager()).version == __version__


def test_no_list_names_a_package_of_this_repository(checkout: Checkout) -> None:
    lists = [file for file in checkout.texts(".txt") if file.name.startswith("requirements/")]
    assert not [file.name for file in lists if "govcloud" in file.text]
