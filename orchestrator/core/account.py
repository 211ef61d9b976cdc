"""The one unprivileged account that the product runs as when it was started by root.

Standard library only and free of imports from this project: `tools/as_account.py` loads it before any
environment exists. No mode of a directory that this module did not create is ever changed.
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
        """The account's own folder under the shared root; the one in passwd may not exist."""
        return SHARED_ROOT / self.name


def is_root() -> bool:
    """True when this process may change its account."""
    return os.geteuid() == 0


def choose_account(environment: Mapping[str, str] = os.environ) -> Account:
    """The account to run as: `govcloud` where it exists, else the one that called sudo, else `nobody`.

    Args:
        environment: SUDO_UID is read from it.

    Raises:
        AccountError: there is none of them. PostgreSQL demands a named account, so a bare number is no help.
    """
    entries = (_named(PREFERRED), _numbered(environment.get("SUDO_UID", "")), _named(FALLBACK))
    for entry in entries:
        if entry is not None and entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise AccountError(f"found neither an account {PREFERRED!r} nor {FALLBACK!r} to run as instead of root")


def drop_privileges(account: Account) -> None:
    """Make this process the account's, for good: groups, ids, capabilities, and no set-uid file helps back.

    Raises:
        AccountError: the process is still able to become root afterwards.
    """
    _drop_bounding_set()
    os.setgroups([])
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    _drop_capabilities()
    if os.getresuid() != (account.uid,) * 3 or os.getresgid() != (account.gid,) * 3 or _can_return():
        raise AccountError(f"could not give up root for the account {account.name!r}")


def account_environment(account: Account, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for programs of the account: its own HOME, no trace of root's folders."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("XDG_", "SUDO_"))}
    return kept | {"HOME": str(account.home / "home"), "USER": account.name, "LOGNAME": account.name}


def prepare_folders(account: Account) -> None:
    """Create the shared root (0755, root's) and the account's folders below it (0700, the account's).

    Raises:
        AccountError: something else already stands in one of these places.
    """
    for folder in (SHARED_ROOT, account.home):
        make_folder(folder, 0o755, 0, 0)
    for name in ("home", "state"):
        make_folder(account.home / name, 0o700, account.uid, account.gid)


def make_folder(folder: Path, mode: int, uid: int, gid: int) -> None:
    """Create `folder` with this mode and owner, or accept the one that its owner already has.

    Raises:
        AccountError: something else stands in its place.
    """
    try:
        folder.mkdir()
    except FileExistsError:
        # A folder that was here before keeps its mode; only its owner decides whether it can be used.
        found = folder.lstat()
        if folder.is_symlink() or not folder.is_dir() or found.st_uid != uid:
            raise AccountError(
                f"{folder} is not a folder owned by uid {uid}; move it away or give it back"
            ) from None
        return
    folder.chmod(mode)
    os.chown(folder, uid, gid)


def become_unprivileged(environment: Mapping[str, str] = os.environ) -> NoReturn:
    """Start this very command again as the unprivileged account; never returns.

    A fresh start, not a change in place: after a change of ids the kernel keeps /proc/self for root, and
    what was read as root would still be in memory.

    Raises:
        AccountError: no account, or the account cannot reach this Python or this package.
    """
    account = choose_account(environment)
    prepare_folders(account)
    wanted = account_environment(account, environment)
    wanted.setdefault("GOVCLOUD_HOME", str(account.home / "state"))
    drop_privileges(account)
    _require_reachable(account, (Path(sys.executable), Path(__file__)))
    if not os.access(".", os.R_OK | os.X_OK):
        os.chdir("/")
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)  # noqa: S606 - this very command again


def _named(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _numbered(uid: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(int(uid))
    except (KeyError, ValueError):
        return None


def _require_reachable(account: Account, paths: tuple[Path, ...]) -> None:
    for path in paths:
        if not os.access(path, os.R_OK):
            raise AccountError(
                f"the account {account.name!r}, which runs the product instead of root, cannot read {path}; "
                f"install it below {SHARED_ROOT} or another folder that everybody may enter"
            )


def _drop_bounding_set() -> None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for capability in range(_HIGHEST_CAPABILITY + 1):
        # A kernel with fewer capabilities answers EINVAL, a container that dropped CAP_SETPCAP answers EPERM:
        # no_new_privs below closes the same door.
        prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def _drop_capabilities() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    if libc.capset(header, nothing) != 0 or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise AccountError(f"could not give up capabilities: {os.strerror(ctypes.get_errno())}")


def _can_return() -> bool:
    try:
        os.setresuid(0, 0, 0)
    except PermissionError:
        return False
    return True
