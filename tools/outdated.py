"""List the locked packages for which the registry has a newer version (`make outdated`).

Like `make lock` it uses uv and npm with the machine's settings. Every package is resolved alone, so that a
version held back by another package or by pyproject.toml is listed too.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^ ;\\\n]+)(?: ; ([^\\\n]+?))?(?: \\)?$", re.MULTILINE)
RESOLVE = [
    "uv",
    "pip",
    "compile",
    "--quiet",
    "--universal",
    "--python-version",
    "3.11",
    "--no-deps",
    "--no-annotate",
]


def main() -> int:
    """Print one line per package with a newer version. Returns 0."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "requirements").glob("*.txt"))
    rows = [*newer(versions(text), versions(resolved(text))), *newer_npm(ROOT / "assets")]
    for name, locked, newest in rows:
        print(f"{name:<28} {locked:<20} {newest}")
    print(
        f"{len(rows)} packages have a newer version." if rows else "Every package is at its newest version."
    )
    return 0


def versions(text: str) -> dict[str, set[str]]:
    """Return the versions of each package of a list; a package may have several, by Python version."""
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for name, version, _ in PIN.findall(text):
        by_name[name].add(version)
    return dict(by_name)


def resolved(text: str) -> str:
    """Return the list that uv resolves for the packages of `text` without version constraints."""
    requirements = {f"{name} ; {marker}" if marker else name for name, _, marker in PIN.findall(text)}
    completed = subprocess.run(
        [*RESOLVE, "-"], input="\n".join(requirements), check=True, stdout=subprocess.PIPE, text=True
    )
    return completed.stdout


def newer(locked: dict[str, set[str]], newest: dict[str, set[str]]) -> list[tuple[str, str, str]]:
    """Return name, locked and newest versions of each package that differs, by name."""
    return [
        (name, ", ".join(sorted(locked_versions)), ", ".join(sorted(newest[name])))
        for name, locked_versions in sorted(locked.items())
        if not newest[name] <= locked_versions
    ]


def newer_npm(folder: Path) -> list[tuple[str, str, str]]:
    """Return name, locked and newest version of each npm package of the console that has a newer one."""
    pinned = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    # npm exits with 1 if anything is outdated or not installed.
    completed = subprocess.run(
        ["npm", "outdated", "--json"], cwd=folder, check=False, stdout=subprocess.PIPE, text=True
    )
    answer = json.loads(completed.stdout)
    if "error" in answer:
        sys.exit(f"npm: {answer['error'].get('summary', answer['error'])}")
    return [
        (name, version, answer[name]["latest"])
        for name, version in pinned.items()
        if name in answer and answer[name]["latest"] != version
    ]


if __name__ == "__main__":
    sys.exit(main())
