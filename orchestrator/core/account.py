"""The unprivileged account that the product runs as when root starts it.

Uses the standard library only and imports nothing from this project, because `tools/as_account.py` loads it
before any environment exists. It never changes the mode of a directory that it did not create.
"""

import ctypes
import os
import pwd
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

SHARED_ROOT = Path("/var/lib/govcloud")
PREFERRED = "govcloud"
FALLBACK = "nobody"

_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_PR_CAPBSET_DROP = 24
_CAPABILITY_VERSION_3 = 0x20080522
_HIGHEST_CAPABILITY = 63


class AccountError(Exception):
    """The product cannot run as an unprivileged account on this machine."""


@dataclass(frozen=True)
class Account:
    """An unprivileged entry of the password database."""

    name: str
    uid: int
    gid: int

    @property
    def home(self) -> Path:
        """Return the account's folder under the shared root; the home folder in passwd may not exist."""
        return SHARED_ROOT / self.name


def is_root() -> bool:
    """Return whether this process runs as root and can change its account."""
    return os.geteuid() == 0


def choose_account(environment: Mapping[str, str] = os.environ) -> Account:
    """Return the account to run as: `govcloud` if it exists, else the caller of sudo, else `nobody`.

    Args:
        environment: Environment variables; SUDO_UID names the caller of sudo.

    Raises:
        AccountError: None of these accounts exists. A numeric id alone is not enough, because PostgreSQL
            requires a named account.
    """
    entries = (_by_name(PREFERRED), _by_uid(environment.get("SUDO_UID", "")), _by_name(FALLBACK))
    for entry in entries:
        if entry is not None and entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise AccountError(f"found neither an account {PREFERRED!r} nor {FALLBACK!r} to run as instead of root")


def drop_privileges(account: Account) -> None:
    """Change this process to the account irreversibly: groups, ids, capabilities and no_new_privs.

    Raises:
        AccountError: The process can still become root afterwards.
    """
    _drop_bounding_set()
    os.setgroups([])
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    _drop_capabilities()
    if os.getresuid() != (account.uid,) * 3 or os.getresgid() != (account.gid,) * 3 or _can_become_root():
        raise AccountError(f"could not drop root privileges for the account {account.name!r}")


def account_environment(account: Account, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for programs of the account: its own HOME, without XDG_* and SUDO_* of root."""
    inherited = {name: value for name, value in environment.items() if not name.startswith(("XDG_", "SUDO_"))}
    return inherited | {"HOME": str(account.home / "home"), "USER": account.name, "LOGNAME": account.name}


def prepare_folders(account: Account) -> None:
    """Create the shared root (owner root, mode 0755) and the account's folders below it (mode 0700).

    Raises:
        AccountError: One of these paths is occupied by something else.
    """
    for folder in (SHARED_ROOT, account.home):
        make_folder(folder, 0o755, 0, 0)
    for name in ("home", "state"):
        make_folder(account.home / name, 0o700, account.uid, account.gid)


def make_folder(folder: Path, mode: int, uid: int, gid: int) -> None:
    """Create `folder` with this mode and owner, or accept an existing folder of the same owner.

    Raises:
        AccountError: The path is a symbolic link, not a folder, or has another owner.
    """
    try:
        folder.mkdir()
    except FileExistsError:
        # An existing folder keeps its mode; only its owner decides whether it can be used.
        status = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or status.st_uid != uid:
            raise AccountError(
                f"{folder} is not a folder owned by uid {uid}; remove it or change its owner to uid {uid}"
            ) from None
        return
    folder.chmod(mode)
    os.chown(folder, uid, gid)


def become_unprivileged(environment: Mapping[str, str] = os.environ) -> NoReturn:
    """Execute this command again as the unprivileged account; never returns.

    The process is replaced, because after a change of ids alone /proc/self would still belong to root, and
    data that was read as root would remain in memory.

    Raises:
        AccountError: No account exists, or the account cannot read this Python or this package.
    """
    account = choose_account(environment)
    prepare_folders(account)
    new_environment = account_environment(account, environment)
    new_environment.setdefault("GOVCLOUD_HOME", str(account.home / "state"))
    drop_privileges(account)
    _require_reachable(account, (Path(sys.executable), Path(__file__)))
    if not os.access(".", os.R_OK | os.X_OK):
        os.chdir("/")
    command = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, command, new_environment)  # noqa: S606 - the same command again.


def _by_name(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _by_uid(uid: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(int(uid))
    except (KeyError, ValueError):
        return None


def _require_reachable(account: Account, paths: tuple[Path, ...]) -> None:
    for path in paths:
        if not os.access(path, os.R_OK):
            raise AccountError(
                f"the account {account.name!r}, which runs the product instead of root, cannot read {path}; "
                f"install it below {SHARED_ROOT} or another folder that every account can read"
            )


def _drop_bounding_set() -> None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for capability in range(_HIGHEST_CAPABILITY + 1):
        # A kernel with fewer capabilities answers EINVAL, a container without CAP_SETPCAP answers EPERM. Both
        # are safe to ignore: no_new_privs, which is set later, prevents regaining privileges as well.
        prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def _drop_capabilities() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    no_capabilities = (ctypes.c_uint32 * 6)()
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    if libc.capset(header, no_capabilities) != 0 or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise AccountError(f"could not drop capabilities: {os.strerror(ctypes.get_errno())}")


def _can_become_root() -> bool:
    try:
        os.setresuid(0, 0, 0)
    except PermissionError:
        return False
    return True
