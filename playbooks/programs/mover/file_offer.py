"""The two services for the folders of a transfer on one host: one serves them, the other pulls them."""

import services
from place import program, write_json
from transfer import Transfer

SERVE, PULL = "serve", "pull"


def serve(transfer: Transfer, token: str) -> None:
    """Serve the folders of this side to holders of the token."""
    if not transfer.folders:
        return
    config = transfer.folder / "serve.json"
    folders = [[str(transfer.live(folder)), str(transfer.closed(folder))] for folder in transfer.folders]
    write_json(
        config, {"address": transfer.address, "port": transfer.files_port, "token": token, "folders": folders}
    )
    services.run_service(transfer.service(SERVE), [program("file_server.py"), "--config", str(config)])


def pull(transfer: Transfer) -> None:
    """Replicate the folders of the other side into those of this side, which is fenced."""
    if not transfer.folders:
        return
    config = transfer.folder / "pull.json"
    where = {
        "address": transfer.other_address,
        "port": transfer.files_port,
        "token": transfer.secrets()[f"{transfer.receives}_files"],
    }
    folders = [str(transfer.closed(folder)) for folder in transfer.folders]
    write_json(config, {**where, "folders": folders, "status": str(transfer.folder / "pull-status.json")})
    services.run_service(transfer.service(PULL), [program("file_pull.py"), "--config", str(config)])


def stop_pull(transfer: Transfer) -> None:
    services.stop(transfer.service(PULL))


def shut(transfer: Transfer) -> None:
    """Fence the folders of this side: rename them, so that the application does not find them."""
    for folder in transfer.folders:
        if transfer.live(folder).exists():
            transfer.live(folder).rename(transfer.closed(folder))


def give_to_application(transfer: Transfer) -> None:
    """Rename the folders of this side back, so that the application finds them."""
    for folder in transfer.folders:
        if transfer.closed(folder).exists() and not transfer.live(folder).exists():
            transfer.closed(folder).rename(transfer.live(folder))
