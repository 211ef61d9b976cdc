"""Control of services, on sandbox hosts with `svc` and on other hosts with systemd."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from host_files import ROOT, write_private

SECONDS_TO_ACT = 60
WITH_SVC = "HOST_ROOT" in os.environ
PYTHON = (sys.executable, "-X", "utf8")
"""File names are exchanged as UTF-8, independent of the host's locale."""


def run_service(name: str, argv: Sequence[str], *, stop: str = "SIGTERM", abort: str = "SIGKILL") -> None:
    """Define the service with this command line and start it, also after crashes and at every boot."""
    if WITH_SVC:
        definition = {"argv": [*PYTHON, *argv] if argv[0].endswith(".py") else list(argv)}
        write_private(_definition(name), json.dumps({**definition, "stop": stop, "abort": abort}))
        _call(["svc", "restart", name])
        return
    unit = f"[Service]\nExecStart={' '.join([*PYTHON, *argv])}\nKillSignal={stop}\nRestart=always\n"
    write_private(
        ROOT / f"etc/systemd/system/{name}.service", f"{unit}[Install]\nWantedBy=multi-user.target\n"
    )
    _call(["systemctl", "daemon-reload"])
    _call(["systemctl", "enable", "--now", name])


def stop(name: str) -> None:
    """Stop the service and wait for its end. Does nothing if it does not exist."""
    if name in statuses():
        _call(["svc", "stop", name] if WITH_SVC else ["systemctl", "stop", name])


def remove(name: str) -> None:
    """Stop the service and remove its definition."""
    stop(name)
    if WITH_SVC:
        _definition(name).unlink(missing_ok=True)
        (ROOT / f"var/log/{name}.log").unlink(missing_ok=True)
        return
    _call(["systemctl", "disable", name])
    (ROOT / f"etc/systemd/system/{name}.service").unlink(missing_ok=True)
    _call(["systemctl", "daemon-reload"])


def statuses() -> Mapping[str, str]:
    """Return the state of every service by name; `running` while it runs."""
    if WITH_SVC:
        lines = _call(["svc", "status"]).splitlines()
        return {line.split(":")[0]: line.split()[1] for line in lines if ":" in line}
    listing = _call(["systemctl", "list-units", "--type=service", "--all", "--plain", "--no-legend"])
    rows = [line.split() for line in listing.splitlines()]
    return {row[0].removesuffix(".service"): "running" if row[3] == "running" else row[3] for row in rows}


def _definition(name: str) -> Path:
    return ROOT / f"etc/sv/{name}.json"


def _call(argv: list[str]) -> str:
    completed = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS_TO_ACT, check=False)
    if completed.returncode:
        raise OSError(f"{' '.join(argv)}: {(completed.stderr or completed.stdout).strip()[-500:]}")
    return completed.stdout
