"""Check the locked packages for published advisories with pip-audit and npm (`make audit`).

Exit code 1: an advisory applies. Exit code 2: a list could not be compared, because an unreachable advisory
source must not look like a clean result.
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
    """Print the result of each list. Returns the worst exit code."""
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
    completed = subprocess.run([*command, "-r", str(path)], check=False, capture_output=True, text=True)
    try:
        return judge_python(json.loads(completed.stdout))
    except ValueError:
        return Verdict(NOT_COMPARED, [f"NOT COMPARED. pip-audit said: {last_line(completed.stderr)}"])


def judge_python(document: Mapping[str, Any]) -> Verdict:
    """Evaluate the output of pip-audit; a skipped package counts as not compared."""
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
            f"NOT COMPARED: {skipped} of {len(packages)} packages; the advisory source does not know them."
        )
        code = code or NOT_COMPARED
    return Verdict(code, lines or [f"no advisory for {len(packages)} packages"])


def audit_npm(folder: Path) -> Verdict:
    """Compare the console's npm lock with the advisories of the npm registry."""
    with tempfile.TemporaryDirectory() as folder_name:
        for name in ("package.json", "package-lock.json"):
            (Path(folder_name) / name).write_bytes((folder / name).read_bytes())
        command = ["npm", "audit", "--json", "--package-lock-only"]
        completed = subprocess.run(command, cwd=folder_name, check=False, capture_output=True, text=True)
    try:
        return judge_npm(json.loads(completed.stdout))
    except ValueError:
        return Verdict(NOT_COMPARED, [f"NOT COMPARED. npm said: {last_line(completed.stderr)}"])


def judge_npm(document: Mapping[str, Any]) -> Verdict:
    """Evaluate the output of npm; without `vulnerabilities` it reports an error."""
    if "vulnerabilities" not in document:
        return Verdict(NOT_COMPARED, [f"NOT COMPARED. npm said: {document.get('message', document)}"])
    advisories = [f"{name}: {entry['severity']}" for name, entry in document["vulnerabilities"].items()]
    return Verdict(FOUND, advisories) if advisories else Verdict(CLEAN, ["no advisory"])


def last_line(text: str) -> str:
    """Return the last non-empty line, which names the error."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "nothing")


if __name__ == "__main__":
    sys.exit(main())
