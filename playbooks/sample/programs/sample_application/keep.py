"""Save or restore the data of this host, which takes seconds instead of a new seeding."""

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import install
import services
from place import below

DATABASE_SERVICE = "postgresql"


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {verb: keep or restore, admin, uploads, kept: folder of the copies}."""
    begun = time.monotonic()
    data, uploads, kept = below(order["admin"]).parent / "data", below(order["uploads"]), below(order["kept"])
    for service in (install.SERVICE, DATABASE_SERVICE):
        services.stop(service)
    if order["verb"] == "keep":
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(mode=0o700, parents=True)
    for name, place in (("data", data), ("uploads", uploads)):
        copy(place, kept / name) if order["verb"] == "keep" else copy(kept / name, place)
    for service in (DATABASE_SERVICE, install.SERVICE):
        services.start(service)
    return {"changed": True, "seconds": round(time.monotonic() - begun, 2)}


def copy(origin: Path, place: Path) -> None:
    """Replace `place` with a copy of `origin`, sharing blocks if the file system can."""
    for old in place.parent.glob(f"{place.name}*"):  # Includes folders that a migration has set aside.
        shutil.rmtree(old)
    subprocess.run(["/bin/cp", "-a", "--reflink=auto", str(origin), str(place)], check=True, timeout=600)
