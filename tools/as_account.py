"""Run a make target of this checkout as the unprivileged account; used by the Makefile when root calls make.

The product never runs as root, and the account cannot enter root's folders. The checkout's files (tracked,
and untracked ones that are not ignored) are therefore copied to a folder below /var/lib/govcloud, one per
checkout, and make runs there.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

CHECKOUT = Path(__file__).resolve().parent.parent
SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# Variables that refer to root's folders or to the running make.
NOT_INHERITED = ("CONDA_", "MAKE", "MFLAGS", "PYENV_", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
WRITING = {"client": (".py", "openapi.json"), "fmt": (".py",)}
"""The targets that change files of the checkout, with the ends of the names of these files."""


def main() -> int:
    """Copy the checkout and run make there. Returns the exit code of make."""
    target = sys.argv[1]
    account = rules.choose_account()
    rules.prepare_folders(account)
    folder = checkout_folder(account)
    files = checkout_files()
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Two calls for the same checkout copy one after the other.
        copy_checkout(account, files, folder)
    environment = with_python(account, inner_environment(account, folder), folder)
    if target not in WRITING:
        # This process becomes make itself, so that it receives the signals.
        rules.drop_privileges(account)
        become_make(target, folder, environment)
    code = run_as(account, lambda: become_make(target, folder, environment))
    take_back(account, [name for name in files if name.endswith(WRITING[target])], folder)
    return code


def load_rules() -> ModuleType:
    """Load the product's account rules by path, because no virtual environment exists yet."""
    path = CHECKOUT / "orchestrator" / "core" / "account.py"
    spec = importlib.util.spec_from_file_location("account", path)
    if spec is None or spec.loader is None:
        sys.exit(f"{path} is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def run_as(account: Any, action: Callable[[], object]) -> int:
    """Run `action` in a child process of the account. Returns 0 on success, else the child's exit code."""
    child = os.fork()
    if child == 0:
        try:
            rules.drop_privileges(account)
            action()
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - the child must not return from here
            print(f"as {account.name}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    while True:
        try:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        except KeyboardInterrupt:
            continue  # The child received Ctrl-C too; its exit code is the result.


def checkout_folder(account: Any) -> Path:
    """Return the account's folder for this checkout, created on first use and named for its path."""
    digest = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8]
    name = re.sub(r"[^a-z0-9]+", "-", CHECKOUT.name.lower()).strip("-")[:16] or "checkout"
    rules.make_folder(account.home / "checkouts", 0o755, 0, 0)
    folder: Path = account.home / "checkouts" / f"{name}-{digest}"
    rules.make_folder(folder, 0o700, account.uid, account.gid)
    return folder


def checkout_files() -> list[str]:
    """Return the names of the existing files that git tracks or would track, sorted."""
    # The checkout may belong to the user who called sudo; git refuses that without `safe.directory`.
    git = ["git", "-c", "safe.directory=*", "-C", str(CHECKOUT)]
    command = [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    names = {os.fsdecode(name) for name in listing.stdout.split(b"\0") if name}
    return sorted(name for name in names if os.path.lexists(CHECKOUT / name))


def copy_checkout(account: Any, files: list[str], folder: Path) -> None:
    """Update the account's copy. Root only reads; the account writes, and only to its own folder."""
    names = b"\0".join(os.fsencode(name) for name in files)
    read_end, write_end = os.pipe()
    # The names are in an anonymous file, because tar could deadlock with two pipes.
    with os.fdopen(os.memfd_create("names"), "w+b") as listing:
        listing.write(names)
        listing.flush()
        listing.seek(0)
        pack = ["tar", "-C", str(CHECKOUT), "--no-recursion", "--null", "-T", "-", "-cf", "-"]
        packing = subprocess.Popen(pack, stdin=listing, stdout=write_end)
    os.close(write_end)
    code = run_as(account, lambda: unpack(read_end, files, folder))
    os.close(read_end)
    if packing.wait() != 0 or code != 0:
        sys.exit(f"could not copy {CHECKOUT} to {folder}")


def unpack(archive: int, files: list[str], folder: Path) -> None:
    """In the account's process: unpack the archive, and remove files that only an earlier copy had."""
    tree, names = folder / "tree", folder / "files"
    tree.mkdir(exist_ok=True)
    (folder / "state").mkdir(mode=0o700, exist_ok=True)
    earlier = set(names.read_text().splitlines()) if names.exists() else set()
    for name in earlier.difference(files):
        (tree / name).unlink(missing_ok=True)
    subprocess.run(["tar", "-C", str(tree), "--no-same-owner", "-xpf", "-"], check=True, stdin=archive)
    names.write_text("\n".join(files))


def inner_environment(account: Any, folder: Path) -> dict[str, str]:
    """Return the caller's environment for the inner make, with the account's folders."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    environment: dict[str, str] = rules.account_environment(account, inherited)
    environment.setdefault("GOVCLOUD_HOME", str(folder / "state"))
    return environment


def with_python(account: Any, environment: dict[str, str], folder: Path) -> dict[str, str]:
    """Return the environment with a PATH on which the account finds a usable Python."""
    entries = [*environment.get("PATH", "").split(":"), *SYSTEM_PATH]
    usable = environment | {"PATH": ":".join(dict.fromkeys(entry for entry in entries if entry))}
    finder = folder / "tree" / "tools" / "find_python.sh"
    trial = run_as(
        account, lambda: subprocess.run([finder], check=True, env=usable, stdout=subprocess.DEVNULL)
    )
    if trial == 0:
        return usable
    prefix = copy_python()
    return usable | {
        "PATH": f"{prefix / 'bin'}:{usable['PATH']}",
        "PYTHON": f"python{sys.version_info.major}.{sys.version_info.minor}",
        # Without this the interpreter would look for its library in root's folders or load the system's.
        "LD_LIBRARY_PATH": str(prefix / "lib"),
    }


def copy_python() -> Path:
    """Copy the running Python to a folder that the account can enter, and return the folder."""
    source = Path(sys.base_prefix)
    if source in {Path("/usr"), Path("/usr/local")}:
        sys.exit(f"{sys.executable} does not start under the account that is used instead of root")
    digest = hashlib.sha256(os.fsencode(source)).hexdigest()[:8]
    version = ".".join(map(str, sys.version_info[:3]))
    rules.make_folder(rules.SHARED_ROOT / "python", 0o755, 0, 0)
    prefix: Path = rules.SHARED_ROOT / "python" / f"{version}-{digest}"
    if not prefix.exists():
        partial = prefix.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        skipped = shutil.ignore_patterns("site-packages", "__pycache__", "test", "share")
        shutil.copytree(source, partial, symlinks=True, ignore=skipped)
        partial.rename(prefix)
    return prefix


def take_back(account: Any, names: list[str], folder: Path) -> None:
    """Copy files changed by the account to the checkout. The account reads its files, root writes its own."""
    with os.fdopen(os.memfd_create("changes"), "w+b") as changes:

        def collect() -> None:
            texts = {name: (folder / "tree" / name).read_text(encoding="utf-8") for name in names}
            changes.write(json.dumps(texts).encode())
            changes.flush()

        if run_as(account, collect) != 0:
            sys.exit("could not read the changed files")
        changes.seek(0)
        texts = json.load(changes)
    for name in names:
        path = CHECKOUT / name
        if path.read_text(encoding="utf-8") != texts[name]:
            path.write_text(texts[name], encoding="utf-8")


def become_make(target: str, folder: Path, environment: dict[str, str]) -> NoReturn:
    """Replace this process with the inner make."""
    os.chdir(folder / "tree")
    os.umask(0o077)
    os.execvpe("make", ["make", "--no-print-directory", target], environment)  # noqa: S606 - intended


rules = load_rules()

if __name__ == "__main__":
    sys.exit(main())
