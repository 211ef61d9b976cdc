"""Compares every locked package with published advisories, by pip-audit and npm; the Makefile calls it.

Ends with 1 where an advisory is found, and with 2 where a list could not be compared: an advisory source that
is out of reach must not look like a clean result.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LISTS = sorted((ROOT / "requirements").glob("*.txt"))
CLEAN, FOUND, NOT_COMPARED = 0, 1, 2


class Verdict(NamedTuple):
    """The outcome for one list; `code` is CLEAN, FOUND or NOT_COMPARED."""

    code: int
    lines: list[str]


def main() -> int:
    """Print the outcome of each list; the exit code is that of the worst."""
    codes = [report(f"requirements/{path.name}", audit_python(path)) for path in LISTS]
    codes.append(report("assets/package-lock.json", audit_npm(ROOT / "assets")))
    return FOUND if FOUND in codes else max(codes)


def report(name: str, verdict: Verdict) -> int:
    """Print one verdict and return its code."""
    print(f"{name}:", "\n  ".join(verdict.lines))
    return verdict.code


def audit_python(path: Path) -> Verdict:
    """Compare one list of Python packages with the advisories of PyPI."""
    command = ["pip-audit", "--disable-pip", "--require-hashes", "--format=json", "--progress-spinner=off"]
    done = subprocess.run([*command, "-r", str(path)], check=False, capture_output=True, text=True)
    try:
        return judge_python(json.loads(done.stdout))
    except ValueError:
        return Verdict(NOT_COMPARED, [f"NOT COMPARED. pip-audit said: {last_line(done.stderr)}"])


def judge_python(document: Mapping[str, Any]) -> Verdict:
    """Judge the document that pip-audit writes; a package that it skipped was not compared."""
    packages = document["dependencies"]
    lines = [
        f"{package['name']} {package['version']}: {advisory['id']}, fixed in "
        f"{', '.join(advisory['fix_versions']) or 'no version yet'}"
        for package in packages
        for advisory in package.get("vulns", ())
    ]
    code = FOUND if lines else CLEAN
    if skipped := sum("skip_reason" in package for package in packages):
        lines.append(
            f"NOT COMPARED: {skipped} of {len(packages)} packages; the advisory source has no answer."
        )
        code = code or NOT_COMPARED
    return Verdict(code, lines or [f"no advisory for {len(packages)} packages"])


def audit_npm(folder: Path) -> Verdict:
    """Compare the console's npm lock with the advisories of the npm registry."""
    with tempfile.TemporaryDirectory() as place:
        for name in ("package.json", "package-lock.json"):
            (Path(place) / name).write_bytes((folder / name).read_bytes())
        command = ["npm", "audit", "--json", "--package-lock-only"]
        done = subprocess.run(command, cwd=place, check=False, capture_output=True, text=True)
    try:
        return judge_npm(json.loads(done.stdout))
    except ValueError:
        return Verdict(NOT_COMPARED, [f"NOT COMPARED. npm said: {last_line(done.stderr)}"])


def judge_npm(document: Mapping[str, Any]) -> Verdict:
    """Judge the document that npm writes; one without `vulnerabilities` tells an error."""
    if "vulnerabilities" not in document:
        return Verdict(NOT_COMPARED, [f"NOT COMPARED. npm said: {document.get('message', document)}"])
    found = [f"{name}: {entry['severity']}" for name, entry in document["vulnerabilities"].items()]
    return Verdict(FOUND, found) if found else Verdict(CLEAN, ["no advisory"])


def last_line(text: str) -> str:
    """The last line that is not empty, which names the error."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "nothing")


if __name__ == "__main__":
    sys.exit(main())
