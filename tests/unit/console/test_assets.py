import json
import re
from pathlib import Path

import pytest
from govcloud_assets import STATIC_DIR

STYLES = sorted(path.relative_to(STATIC_DIR).as_posix() for path in STATIC_DIR.rglob("*.css"))
TOO_NEW = re.compile(
    r"color-mix\(|oklch\(|oklab\(|light-dark\(|@layer|@container|:has\(|@property|\binset-area\b"
)
LOCK = Path(__file__).parents[3] / "assets" / "package-lock.json"


@pytest.mark.parametrize("name", STYLES)
def test_a_style_sheet_uses_only_what_chromium_92_knows(name: str) -> None:
    found = TOO_NEW.findall((STATIC_DIR / name).read_text(encoding="utf-8"))
    assert found == []


@pytest.mark.parametrize(
    "name", [*STYLES, "app.js", "charts.js", "vendor/echarts.min.js", "vendor/htmx.min.js"]
)
def test_no_shipped_file_loads_anything_from_another_host(name: str) -> None:
    text = (STATIC_DIR / name).read_text(encoding="utf-8")
    assert re.findall(r"""(?:url\(|@import\s+|src\s*=\s*|fetch\()["']?(?:https?:)?//""", text) == []


@pytest.mark.parametrize("name", ["app.js", "charts.js"])
def test_our_own_script_never_turns_text_into_code_or_markup(name: str) -> None:
    script = (STATIC_DIR / name).read_text(encoding="utf-8")
    assert (
        re.findall(r"\beval\b|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write", script)
        == []
    )


def test_third_party_files_ship_with_their_licences() -> None:
    vendor = STATIC_DIR / "vendor"
    shipped = {path.name.split(".")[0] for path in vendor.iterdir() if path.is_file()}
    assert shipped <= {path.stem for path in (vendor / "licences").iterdir()}


def test_the_npm_lock_names_contents_by_hash_and_no_address() -> None:
    packages = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    locked = {name: entry for name, entry in packages.items() if name}
    assert all("resolved" not in entry for entry in locked.values())
    assert all(entry["integrity"].startswith("sha512-") for entry in locked.values())
