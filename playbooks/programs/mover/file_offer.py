"""The two services of a transfer's folders on one host: one offers them, the other fetches them."""

import services
from place import program, write_json
from transfer import Transfer

SERVE, PULL = "serve", "pull"


def serve(transfer: Transfer, token: str) -> None:
    """Offer this side's folders to holders of the token."""
    if not transfer.folders:
        return
    config = transfer.folder / "serve.json"
    folders = [[str(transfer.live(folder)), str(transfer.closed(folder))] for folder in transfer.folders]
    write_json(
        config, {"address": transfer.address, "port": transfer.files_port, "token": token, "folders": folders}
    )
    services.run_service(transfer.service(SERVE), [program("file_server.py"), "--config", str(config)])


def pull(transfer: Transfer) -> None:
    """Keep this side's folders, which are closed to the application, like the other side's."""
    if not transfer.folders:
        return
    config = transfer.folder / "pull.json"
    where = {
        "address": transfer.other_address,
        "port": transfer.files_port,
        "token": transfer.secrets()[f"{transfer.way_in}_files"],
    }
    folders = [str(transfer.closed(folder)) for folder in transfer.folders]
    write_json(config, {**where, "folders": folders, "status": str(transfer.folder / "pull-status.json")})
    services.run_service(transfer.service(PULL), [program("file_pull.py"), "--config", str(config)])


def stop_pull(transfer: Transfer) -> None:
    services.stop(transfer.service(PULL))


def shut(transfer: Transfer) -> None:
    """Take this side's folders from the application."""
    for folder in transfer.folders:
        if transfer.live(folder).exists():
            transfer.live(folder).rename(transfer.closed(folder))


def give_back(transfer: Transfer) -> None:
    """Give this side's folders to the application."""
    for folder in transfer.folders:
        if transfer.closed(folder).exists() and not transfer.live(folder).exists():
            transfer.closed(folder).rename(transfer.live(folder))
