"""Entry point on the host: unpack the programs from standard input, run one, print its answer.

The folder of the programs is named after their content, so a running service keeps its version.
"""

import importlib
import json
import os
import shutil
import sys
from pathlib import Path


def unpacked(name: str, files: dict[str, str]) -> Path:
    home = Path(os.environ.get("HOST_ROOT") or Path.home()) / ".govcloud"
    folder, draft = home / name, home / f".{name}.{os.getpid()}"
    if not folder.is_dir():
        draft.mkdir(mode=0o700, parents=True)
        for file, text in files.items():
            (draft / file).write_text(text, "utf-8")
        try:
            draft.rename(folder)
        except OSError:
            shutil.rmtree(draft)
    return folder


def main() -> None:
    os.umask(0o077)
    request = json.load(sys.stdin)
    sys.path.insert(0, str(unpacked(request["folder"], request["files"])))
    refusal = importlib.import_module("refusal")
    try:
        answer = importlib.import_module(request["program"]).main(request["order"], request["secrets"])
    except refusal.Refused as refused:
        answer = {"refused": refused.as_dict()}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


main()
