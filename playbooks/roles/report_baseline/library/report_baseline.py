"""Ansible module: report the state of a host. The only file that it writes is its own report."""

import json
import os
import platform
import shutil
import subprocess
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: report_baseline
short_description: Report name, address, services, listening sockets, Python, disk use and isolation of a host
options:
  name: {description: Name of the host., type: str, required: true}
  label: {description: Label of the host; free text., type: str, default: ""}
  address: {description: Address of the host., type: str, required: true}
  services_by: {description: Service supervisor., type: str, required: true, choices: [svc, systemd]}
"""

LISTENING = "0A"
MOST_FILES = 200_000
SECONDS_TO_ANSWER = 20


def listening_ports(address: str) -> list[int]:
    """Return the TCP ports with a listener at exactly this address."""
    # The kernel prints an address as hexadecimal digits, lowest byte first.
    kernel_address = IPv4Address(address).packed[::-1].hex().upper()
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    ends = [row[1].split(":") for row in rows if row[3] == LISTENING]
    return sorted({int(port, 16) for host, port in ends if host == kernel_address})


def running_services(services_by: str) -> list[str]:
    """Return the names of the running services, from the host's service supervisor."""
    if services_by == "svc":
        lines = answer_of(["svc", "status"])
        return sorted(line.split(":")[0] for line in lines if ": running" in line)
    options = ["--type=service", "--state=running", "--plain", "--no-legend", "--no-pager"]
    return sorted(line.split()[0] for line in answer_of(["systemctl", "list-units", *options]) if line)


def answer_of(argv: list[str]) -> list[str]:
    completed = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=True)
    return completed.stdout.splitlines()


def bytes_under(root: Path) -> int:
    """Return the disk use of the first 200,000 files below the folder, within its file system."""
    device, total, count = root.stat().st_dev, 0, 0
    for parent, folders, files in os.walk(root):
        folders[:] = [name for name in folders if on_device(Path(parent, name), device)]
        for name in files:
            count += 1
            if count > MOST_FILES:
                return total
            total += disk_bytes(Path(parent, name))
    return total


def on_device(path: Path, device: int) -> bool:
    try:
        return path.lstat().st_dev == device
    except OSError:
        return False


def disk_bytes(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except OSError:  # It was removed in the meantime.
        return 0


def is_isolated(services_by: str) -> bool:
    """Return True if this host cannot see the processes of other hosts."""
    if services_by != "svc":
        return True
    return os.environ["HOST_INIT"].encode() in Path("/proc/1/cmdline").read_bytes().split(b"\0")


def report_of(parameters: dict[str, Any], root: Path) -> dict[str, Any]:
    address, services_by = parameters["address"], parameters["services_by"]
    disk = shutil.disk_usage(root)
    return {
        "name": parameters["name"],
        "label": parameters["label"],
        "address": address,
        "services": running_services(services_by),
        "listening": listening_ports(address),
        "python": platform.python_version(),
        "disk": {"root": str(root), "used_bytes": bytes_under(root), "free_bytes": disk.free},
        "isolated": is_isolated(services_by),
    }


def main() -> None:
    options = {
        "name": {"type": "str", "required": True},
        "label": {"type": "str", "default": ""},
        "address": {"type": "str", "required": True},
        "services_by": {"type": "str", "required": True, "choices": ["svc", "systemd"]},
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    root = Path(os.environ.get("HOST_ROOT", "/"))
    try:
        report = report_of(module.params, root)
        text = json.dumps(report, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        if not module.check_mode:
            Path.home().joinpath(".govcloud-baseline.json").write_text(text, "utf-8")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        module.fail_json(msg=f"{type(error).__name__}: {error}")
    module.exit_json(changed=False, baseline=report)


if __name__ == "__main__":
    main()
