"""Which account the product takes instead of root, and that it cannot come back."""

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.core import account
from orchestrator.core.account import Account, AccountError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up root")


def known(*names: str) -> Callable[[str], pwd.struct_passwd]:
    entries = {
        name: pwd.struct_passwd((name, "x", 2000 + place, 3000 + place, "", "/", "/bin/false"))
        for place, name in enumerate(names)
    }
    return entries.__getitem__


def by_number(uid: int) -> pwd.struct_passwd:
    return {
        1000: pwd.struct_passwd(("alice", "x", 1000, 1000, "", "/home/alice", "/bin/sh")),
        0: pwd.struct_passwd(("root", "x", 0, 0, "", "/root", "/bin/sh")),
    }[uid]


def test_an_account_called_govcloud_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwnam", known("govcloud", "nobody"))
    monkeypatch.setattr(pwd, "getpwuid", by_number)
    assert account.choose_account({"SUDO_UID": "1000"}).name == "govcloud"


def test_the_caller_of_sudo_comes_before_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwnam", known("nobody"))
    monkeypatch.setattr(pwd, "getpwuid", by_number)
    assert account.choose_account({"SUDO_UID": "1000"}) == Account("alice", 1000, 1000)


@pytest.mark.parametrize("uid", ["", "0", "4711", "no number"])
def test_nobody_is_taken_where_sudo_names_no_ordinary_account(
    uid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pwd, "getpwnam", known("nobody"))
    monkeypatch.setattr(pwd, "getpwuid", by_number)
    assert account.choose_account({"SUDO_UID": uid}).name == "nobody"


def test_no_account_at_all_is_an_error_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwnam", known())
    with pytest.raises(AccountError, match="'govcloud' nor 'nobody'"):
        account.choose_account({})


def test_the_account_gets_a_home_of_its_own_and_none_of_the_folders_of_root() -> None:
    environment = {"HOME": "/root", "XDG_CACHE_HOME": "/root/.cache", "SUDO_USER": "alice", "LANG": "C.UTF-8"}
    made = account.account_environment(Account("nobody", 65534, 65534), environment)
    assert made == {
        "HOME": "/var/lib/govcloud/nobody/home",
        "USER": "nobody",
        "LOGNAME": "nobody",
        "LANG": "C.UTF-8",
    }


def test_a_folder_that_was_there_before_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    account.make_folder(tmp_path, 0o755, os.geteuid(), os.getegid())
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AccountError, match="change its owner"):
        account.make_folder(tmp_path / "state", 0o700, os.geteuid(), os.getegid())


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match="not a folder owned by uid"):
        account.make_folder(tmp_path, 0o700, os.geteuid() + 1, os.getegid())


@needs_root
def test_a_process_that_gave_up_root_keeps_no_group_no_capability_and_cannot_become_root_again() -> None:
    program = (
        "from orchestrator.core import account\n"
        "account.drop_privileges(account.choose_account())\n"
        "print(open('/proc/thread-self/status').read())\n"
    )
    # The kernel leaves /proc/self readable: these lines are public.
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    status = dict(line.split(":\t", 1) for line in shown.stdout.splitlines() if ":\t" in line)
    uids = set(status["Uid"].split())
    assert "0" not in uids
    assert len(uids) == 1
    assert status["Groups"].split() == []
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


@needs_root
def test_the_same_command_goes_on_as_the_account_in_its_own_folder() -> None:
    program = (
        "import os\n"
        "from orchestrator.core import account\n"
        "if account.is_root():\n"
        "    account.become_unprivileged()\n"
        "print(os.geteuid(), os.environ['HOME'], os.access('/proc/self/environ', os.R_OK))\n"
    )
    # Not from this folder, which may be one that only root can enter.
    shown = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd="/"
    )
    chosen = account.choose_account()
    assert shown.stdout.split() == [str(chosen.uid), str(chosen.home / "home"), "True"]
