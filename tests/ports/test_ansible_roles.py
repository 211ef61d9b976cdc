"""Roles that may run on a sandbox host use nothing that would act on the machine that carries it.

`ansible.builtin.service` on a sandbox host once started the machine's own init script. Only a task file named
`systemd.yml` is for real hosts alone, and it must refuse sandbox hosts before anything else.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
SAMPLE = PLAYBOOKS / "sample"
BANNED = {
    "apt",
    "become",
    "become_user",
    "group",
    "package",
    "reboot",
    "service",
    "systemd",
    "systemd_service",
    "user",
}
TASK_FILES = sorted(
    [
        *PLAYBOOKS.glob("*.yml"),
        *SAMPLE.glob("*.yml"),
        *PLAYBOOKS.rglob("roles/*/tasks/*.yml"),
        *PLAYBOOKS.rglob("roles/*/handlers/*.yml"),
    ]
)
FOR_REAL_HOSTS = "systemd.yml"


def words(value: Any) -> Iterator[str]:
    """Every key of the parsed file, the names of modules without their collection."""
    if isinstance(value, list):
        for each in value:
            yield from words(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield str(name).rsplit(".", 1)[-1]
            yield from words(each)


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: str(path.relative_to(PLAYBOOKS)))
def test_no_task_for_sandbox_hosts_can_act_on_the_machine(path: Path) -> None:
    tasks = yaml.safe_load(path.read_text())
    if path.name == FOR_REAL_HOSTS:
        assert "'sandbox'" in str(tasks[0]["ansible.builtin.assert"]["that"])
        return
    assert not BANNED.intersection(words(tasks))


def test_the_ban_would_find_a_banned_module() -> None:
    tasks = yaml.safe_load("- {block: [{name: x, ansible.builtin.service: {name: nginx}}], become: true}")
    assert BANNED.intersection(words(tasks)) == {"service", "become"}


@pytest.mark.parametrize(
    "path",
    sorted([*PLAYBOOKS.glob("*.yml"), *SAMPLE.glob("*.yml")]),
    ids=lambda path: str(path.relative_to(PLAYBOOKS)),
)
def test_a_playbook_is_five_lines_and_its_work_is_in_roles(path: Path) -> None:
    (play,) = yaml.safe_load(path.read_text())
    assert set(play) <= {"name", "hosts", "gather_facts", "roles", "vars"}
    assert play["gather_facts"] is False
    assert all((path.parent / "roles" / role).is_dir() for role in play["roles"])
