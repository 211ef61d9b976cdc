"""From a request to the files that Terraform reads; pure, and byte-identical for identical input.

The root module is static HCL. Everything that a person typed goes into ``terraform.tfvars.json`` as
a JSON value, which Terraform never evaluates. Only keys that match a plain pattern become addresses.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

VARIABLES_FILE = "terraform.tfvars.json"
LOCK_FILE = ".terraform.lock.hcl"
_KEY = re.compile(r"^[a-z][a-z0-9-]{0,39}$")
_WORKSPACE = re.compile(r"^[a-z][a-z0-9-]{0,39}$")

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Host:
    """One host as the root module's variables want it; `label` is free text."""

    key: str
    label: str
    purpose: str
    pool: str
    arch: str
    image: str
    vcpu: int
    memory_gb: int
    ports: tuple[int, ...]
    disk_gb: int
    disk_tier: str


@dataclass(frozen=True)
class Tags:
    """Who a resource belongs to; every object in the cloud carries them."""

    request: str
    department: str
    system: str


def workspace_key(organisation: str, number: str) -> str:
    """Return the key of the workspace of a request: ``slj-2019-0001`` for ``GC-2019-0001`` of SLJ."""
    key = f"{organisation.lower()}-{number.removeprefix('GC-')}"
    return _plain(_WORKSPACE, key)


def variables(workspace: str, zone: str, tags: Tags, hosts: Iterable[Host]) -> dict[str, Any]:
    """Return the variables of the root module; the folder of every cloud declares the same ones."""
    instances: dict[str, Any] = {}
    volumes: dict[str, Any] = {}
    for host in hosts:
        key = _plain(_KEY, host.key)
        instances[key] = _instance(host)
        if host.disk_gb:
            volumes[_plain(_KEY, f"{key}-data")] = {
                "instance": key,
                "size_gb": host.disk_gb,
                "tier": host.disk_tier,
            }
    return {
        "workspace": _plain(_WORKSPACE, workspace),
        "tags": {"request": tags.request, "department": tags.department, "system": tags.system},
        "network": {"zone": zone, "name": workspace},
        "instances": instances,
        "volumes": volumes,
    }


def _instance(host: Host) -> dict[str, Any]:
    return {
        "label": host.label,
        "purpose": host.purpose,
        "pool": host.pool,
        "arch": host.arch,
        "image": host.image,
        "vcpu": host.vcpu,
        "memory_gb": host.memory_gb,
        "ports": sorted(set(host.ports)),
    }


def _plain(pattern: re.Pattern[str], key: str) -> str:
    if not pattern.fullmatch(key):
        raise ValueError(f"{key!r} is not a plain key")
    return key


def bundle(static: Files, values: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of a run: the static module and the variables."""
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, indent=1) + "\n"
    return dict(sorted({**static, VARIABLES_FILE: text.encode()}.items()))


def bundle_digest(files: Files) -> str:
    """SHA-256 over the sorted names and contents."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{len(name.encode())}:{name}:{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def pack(files: Files) -> bytes:
    """Return the files as one archive without dates and owners, so that it is byte-identical too."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o600
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def unpack(archive: bytes) -> dict[str, bytes]:
    """Return the files of an archive, the inverse of `pack`."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for entry in opened:
            content = opened.extractfile(entry)
            files[entry.name] = content.read() if content else b""
    return files


def sha256(content: bytes) -> str:
    """SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
