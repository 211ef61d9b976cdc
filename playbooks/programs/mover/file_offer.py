"""The two services of a move's folders on one host: one offers them, one brings them here."""

import services
from move import Move
from place import program, write_json

SERVE, PULL = "serve", "pull"


def serve(move: Move, token: str) -> None:
    """Offer this side's folders to whoever has the token."""
    if not move.folders:
        return
    config = move.folder / "serve.json"
    folders = [[str(move.live(folder)), str(move.closed(folder))] for folder in move.folders]
    write_json(config, {"address": move.address, "port": move.files_port, "token": token, "folders": folders})
    services.run_service(move.service(SERVE), [program("file_server.py"), "--config", str(config)])


def pull(move: Move) -> None:
    """Keep this side's folders, which are closed to the application, like the other side's."""
    if not move.folders:
        return
    config = move.folder / "pull.json"
    where = {
        "address": move.other_address,
        "port": move.files_port,
        "token": move.secrets()[f"{move.way_in}_files"],
    }
    folders = [str(move.closed(folder)) for folder in move.folders]
    write_json(config, {**where, "folders": folders, "status": str(move.folder / "pull-status.json")})
    services.run_service(move.service(PULL), [program("file_pull.py"), "--config", str(config)])


def stop_pull(move: Move) -> None:
    services.stop(move.service(PULL))


def shut(move: Move) -> None:
    """Take this side's folders from the application."""
    for folder in move.folders:
        if move.live(folder).exists():
            move.live(folder).rename(move.closed(folder))


def give_back(move: Move) -> None:
    """Give this side's folders to the application."""
    for folder in move.folders:
        if move.closed(folder).exists() and not move.live(folder).exists():
            move.closed(folder).rename(move.live(folder))
