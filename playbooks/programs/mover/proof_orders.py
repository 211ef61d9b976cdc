"""Orders for the equality proof of the last switch, with its snapshot and the fence moment of each folder."""

from typing import Any

import transfer as transfers
from host_files import ROOT, read_json
from refusal import Refused
from transfer import SIDES, Transfer


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side: the side that took over, transfer}. `orders` are the orders of the prover by side."""
    transfer = transfers.read(order)
    result = read_json(transfer.state_folder / "switch.json") or {}
    if result.get("outcome") != "switched":
        raise Refused("no_switch", side=transfer.side)
    return {"switch": result["switch"], "orders": {side: order_for(transfer, side, result) for side in SIDES}}


def order_for(transfer: Transfer, side: str, result: dict[str, Any]) -> dict[str, Any]:
    """Return the prover's order for a side; times are in ns on that side's clock."""
    took_over = side == transfer.side
    database = {"name": transfer.db.name, "admin": transfer.db.admin} if transfer.database else None
    times = result["folders_opened_at" if took_over else "folders_fenced_at"]
    recorded = read_json(transfer.state_folder / "switch-deletions.json") or {}
    is_recorded = took_over and recorded.get("switch") == result["switch"]
    deletions = recorded["deletions"] if is_recorded else {}
    return {
        "database": database,
        "snapshot": result.get("snapshot") if took_over else None,
        "folders": [
            {
                "path": folder.path,
                "fenced_path": str(transfer.fenced_path(folder).relative_to(ROOT)),
                "since": time,
                "deletions": deletions.get(folder.path, []),
            }
            for folder, time in zip(transfer.folders, times, strict=True)
        ],
    }
