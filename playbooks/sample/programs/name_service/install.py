"""Run the name service on this host. New names are added; existing names keep their addresses."""

from typing import Any

import services
from host_files import host_path, program_path
from names import read, replace

SERVICE = "names"


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {address, port, folder, names: {name: address}}."""
    folder = host_path(order["folder"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    existing = read(folder / "names.json")
    replace(folder / "names.json", {**order["names"], **existing})
    argv = [
        program_path("names.py"),
        "--folder",
        str(folder),
        "--address",
        order["address"],
        "--port",
        str(order["port"]),
    ]
    services.run_service(SERVICE, argv)
    return {"changed": True, "names": read(folder / "names.json")}
