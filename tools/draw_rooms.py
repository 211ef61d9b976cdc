"""Draw docs/images/architecture.svg: one row a layer of pyproject.toml's import rules, one box a package.

Run `python3 tools/draw_rooms.py` after a package or a layer was added, renamed or removed; a test compares
the drawing with the tree. Modules in a higher row may import those in lower rows, never the other way round.
"""

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = Path("docs") / "images" / "architecture.svg"
WIDTH, MARGIN, GAP = 960, 12, 8
BOXES_A_LINE = 6
NAME_HEIGHT, FOLDERS_HEIGHT = 30, 18
STYLE = (
    "text{font-family:ui-monospace,Consolas,monospace;text-anchor:middle;fill:#1b2733}"
    ".name{font-size:14px}.folders{font-size:11px;fill:#51606e}"
    ".layer{fill:#f2f5f8}.box{fill:#fff;stroke:#4a6f94}"
)


def main() -> int:
    """Write the picture of this checkout."""
    (ROOT / PICTURE).write_text(drawing(ROOT), encoding="utf-8")
    print(f"{PICTURE} is drawn.")
    return 0


def drawing(root: Path) -> str:
    """Return the SVG of the layers below `root`, highest layer first."""
    parts: list[str] = []
    top = MARGIN
    for names in layers(root):
        folders = {name: subfolders(root, name) for name in names}
        lines = [names[start : start + BOXES_A_LINE] for start in range(0, len(names), BOXES_A_LINE)]
        height = NAME_HEIGHT + (FOLDERS_HEIGHT if any(folders.values()) else 0)
        parts.append(_rectangle("layer", 0, top - GAP / 2, WIDTH, len(lines) * (height + GAP)))
        for line in lines:
            parts += _boxes(line, folders, top, height)
            top += height + GAP
        top += GAP
    view = f'viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {view} role="img" aria-label="Layers of the service">'
    background = f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", background, *parts, "</svg>", ""])


def layers(root: Path) -> list[list[str]]:
    """Return the modules of each layer that exist, in the order of the contract `layers`."""
    rules = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = (rule for rule in rules["contracts"] if rule["id"] == "layers")
    present = modules(root)
    rows = [[name for name in re.findall(r"\w+", row) if name in present] for row in contract["layers"]]
    return [row for row in rows if row]


def modules(root: Path) -> set[str]:
    """Return the names of the packages and modules of the service."""
    entries = (root / "orchestrator").iterdir()
    return {entry.stem for entry in entries if entry.suffix == ".py" or (entry / "__init__.py").is_file()}


def subfolders(root: Path, name: str) -> list[str]:
    """Return the names of the packages inside a package, sorted."""
    return sorted(path.parent.name for path in (root / "orchestrator" / name).glob("*/__init__.py"))


def _boxes(names: Sequence[str], folders: dict[str, list[str]], top: float, height: float) -> list[str]:
    """Return one line of boxes; a box is as wide as its texts ask for."""
    weights = [max(len(name) * 1.3, len(" · ".join(folders[name])), 9) for name in names]
    space = WIDTH - 2 * MARGIN - GAP * (len(names) - 1)
    left: float = MARGIN
    parts: list[str] = []
    for name, weight in zip(names, weights, strict=True):
        width = space * weight / sum(weights)
        middle = left + width / 2
        parts.append(_rectangle("box", left, top, width, height))
        parts.append(_text("name", middle, top + 20, name))
        if folders[name]:
            parts.append(_text("folders", middle, top + 38, " · ".join(folders[name])))
        left += width + GAP
    return parts


def _rectangle(kind: str, left: float, top: float, width: float, height: float) -> str:
    attributes = f'x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return f'<rect class="{kind}" {attributes} rx="4"/>'


def _text(kind: str, middle: float, baseline: float, text: str) -> str:
    return f'<text class="{kind}" x="{middle:.0f}" y="{baseline:.0f}">{text}</text>'


if __name__ == "__main__":
    sys.exit(main())
