"""The file services of a transfer on one host, and fencing of its folders.

The file server sends this side's folders to the peer; the pull service keeps this side's fenced folders equal
to the peer's.
"""

import services
from host_files import program_path, write_json
from transfer import Transfer

SERVER, PULL = "serve", "pull"


def start_server(transfer: Transfer, token: str) -> None:
    """Start the file server, which accepts the holder of the token."""
    if not transfer.folders:
        return
    config = transfer.state_folder / "serve.json"
    write_json(
        config,
        {
            "address": transfer.address,
            "port": transfer.files_port,
            "token": token,
            "folders": [
                [str(transfer.live_path(folder)), str(transfer.fenced_path(folder))]
                for folder in transfer.folders
            ],
        },
    )
    services.run_service(
        transfer.service_name(SERVER), [program_path("file_server.py"), "--config", str(config)]
    )


def start_pull(transfer: Transfer) -> None:
    """Start the pull service. This side's folders must be fenced."""
    if not transfer.folders:
        return
    config = transfer.state_folder / "pull.json"
    write_json(
        config,
        {
            "address": transfer.peer_address,
            "port": transfer.files_port,
            "token": transfer.secrets()[f"{transfer.incoming_direction}_files"],
            "folders": [str(transfer.fenced_path(folder)) for folder in transfer.folders],
            "status": str(transfer.state_folder / "pull-status.json"),
        },
    )
    services.run_service(
        transfer.service_name(PULL), [program_path("file_client.py"), "--config", str(config)]
    )


def stop_pull(transfer: Transfer) -> None:
    services.stop(transfer.service_name(PULL))


def fence_folders(transfer: Transfer) -> None:
    """Rename this side's folders, so that the application finds none at their paths."""
    for folder in transfer.folders:
        if transfer.live_path(folder).exists():
            transfer.live_path(folder).rename(transfer.fenced_path(folder))


def open_folders(transfer: Transfer) -> None:
    """Rename this side's fenced folders back to the paths of the application."""
    for folder in transfer.folders:
        if transfer.fenced_path(folder).exists() and not transfer.live_path(folder).exists():
            transfer.fenced_path(folder).rename(transfer.live_path(folder))
