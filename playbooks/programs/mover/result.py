"""What the prover needs to know of the last cut: its snapshot, since when each folder moved, what is gone."""

from typing import Any

import move as moves
from move import SIDES, Move
from place import ROOT, read_json
from refusal import Refused


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side: the one that took over, move}. `orders` are those of the prover, by side."""
    move = moves.read(order)
    done = read_json(move.folder / "cut.json") or {}
    if done.get("outcome") != "cut":
        raise Refused("no_cut", side=move.side)
    return {"cut": done["cut"], "orders": {side: order_for(move, side, done) for side in SIDES}}


def order_for(move: Move, side: str, done: dict[str, Any]) -> dict[str, Any]:
    took_over = side == move.side
    database = {"name": move.db.name, "admin": move.db.admin} if move.database else None
    moments = done["folders_at" if took_over else "folders_shut"]
    noted = read_json(move.folder / "cut-gone.json") or {}
    gone = noted["gone"] if took_over and noted.get("cut") == done["cut"] else {}
    return {
        "database": database,
        "snapshot": done.get("snapshot") if took_over else None,
        "folders": [
            {
                "path": folder.path,
                "otherwise": str(move.closed(folder).relative_to(ROOT)),
                "since": since,
                "gone": gone.get(folder.path, []),
            }
            for folder, since in zip(move.folders, moments, strict=True)
        ],
    }
