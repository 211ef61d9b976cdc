"""Input of the prover from the last switch: its snapshot, the fence moment of each folder, removed files."""

from typing import Any

import transfer as transfers
from place import ROOT, read_json
from refusal import Refused
from transfer import SIDES, Transfer


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side: the side that took over, transfer}. `orders` are the prover's orders, by side."""
    transfer = transfers.read(order)
    done = read_json(transfer.folder / "switch.json") or {}
    if done.get("outcome") != "switched":
        raise Refused("no_switch", side=transfer.side)
    return {"switch": done["switch"], "orders": {side: order_for(transfer, side, done) for side in SIDES}}


def order_for(transfer: Transfer, side: str, done: dict[str, Any]) -> dict[str, Any]:
    took_over = side == transfer.side
    database = {"name": transfer.db.name, "admin": transfer.db.admin} if transfer.database else None
    moments = done["folders_at" if took_over else "folders_shut"]
    removals = read_json(transfer.folder / "switch-gone.json") or {}
    gone = removals["gone"] if took_over and removals.get("switch") == done["switch"] else {}
    return {
        "database": database,
        "snapshot": done.get("snapshot") if took_over else None,
        "folders": [
            {
                "path": folder.path,
                "otherwise": str(transfer.closed(folder).relative_to(ROOT)),
                "since": since,
                "gone": gone.get(folder.path, []),
            }
            for folder, since in zip(transfer.folders, moments, strict=True)
        ],
    }
