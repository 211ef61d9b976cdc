"""Run the name service on this host. New names are added; existing names keep their addresses."""

from typing import Any

import services
from names import read, replace
from place import below, program

SERVICE = "names"


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {address, port, folder, names: {name: address}}."""
    folder = below(order["folder"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    existing = read(folder / "names.json")
    replace(folder / "names.json", {**order["names"], **existing})
    argv = [
        program("names.py"),
        "--folder",
        str(folder),
        "--address",
        order["address"],
        "--port",
        str(order["port"]),
    ]
    services.run_service(SERVICE, argv)
    return {"changed": True, "names": read(folder / "names.json")}
