"""Bundles of playbook runs: the files that the plays use, one generated inventory, one file of variables."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

SAMPLE: Final = "sample"
"""The folder of the sample legacy system below the playbooks; no play outside of it uses its files."""

_LEFT_BY_PYTHON: Final = "__pycache__"
_FOR_ALL_PLAYS: Final = ("group_vars", "plugins")
_FOR_ALL_PROGRAMS: Final = ("action_plugins", "programs/host", "programs/bootstrap.py")
_ROLE_LISTS: Final = frozenset({"roles", "dependencies"})
_ROLE_TASKS: Final = frozenset({"include_role", "import_role"})


class UnknownPlayFile(Exception):
    """A play names a playbook, role or program that does not exist."""


def play_files(plays: Iterable[str], *folders: Path) -> dict[str, bytes]:
    """Return the files that these playbooks use, by their names in the bundle.

    Roles are followed through roles, role dependencies and `include_role`; a program brings its whole folder,
    because its modules import each other. Files of a later folder are laid over those of the earlier ones.
    Raises UnknownPlayFile.
    """
    project = _Project(folders)
    names: set[str] = set()
    for path in (*_FOR_ALL_PLAYS, *plays):
        names |= project.names_with_references(path)
    return {f"project/{name}": project.paths[name].read_bytes() for name in sorted(names)}


def playbook_bundle(
    files: Mapping[str, bytes], hosts: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]
) -> dict[str, bytes]:
    """Return the bundle's files by name, sorted.

    `hosts` have name, address and connection, all from Terraform outputs, and a label. Variables are data:
    the engine marks every value as unsafe, so none is ever evaluated as a template.
    """
    generated = {"inventory/hosts.json": _json(_inventory(hosts)), "vars.json": _json(variables)}
    return dict(sorted({**files, **generated}.items()))


class _Project:
    """Every file below some folders of playbooks, by its relative name."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.paths = {
            path.relative_to(folder).as_posix(): path
            for folder in folders
            for path in folder.rglob("*")
            if path.is_file() and _LEFT_BY_PYTHON not in path.parts
        }

    def names_with_references(self, path: str) -> set[str]:
        """Return the names of a file, or of all files below a folder, and of everything they refer to."""
        names, pending = set[str](), [path]
        while pending:
            added = self._names_at(pending.pop()) - names
            names |= added
            for name in sorted(added):
                pending.extend(self._references(name))
        return names

    def _names_at(self, path: str) -> set[str]:
        names = {name for name in self.paths if name == path or name.startswith(f"{path}/")}
        if not names:
            raise UnknownPlayFile(f"{path}: no such playbook, role or program")
        return names

    def _references(self, name: str) -> Iterator[str]:
        if PurePosixPath(name).suffix == ".yml":
            yield from _references_of(yaml.safe_load(self.paths[name].read_bytes()))


def _references_of(document: Any) -> Iterator[str]:
    """Yield the paths that a parsed playbook, task file or role description names, at any depth."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _references_of_key(str(key).removeprefix("ansible.builtin."), value)
            yield from _references_of(value)
    elif isinstance(document, list):
        for entry in document:
            yield from _references_of(entry)


def _references_of_key(key: str, value: Any) -> Iterator[str]:
    if key in _ROLE_LISTS and isinstance(value, list):
        yield from (f"roles/{role if isinstance(role, str) else role['role']}" for role in value)
    elif key in _ROLE_TASKS:
        yield f"roles/{value['name']}"
    elif key == "run_program":
        yield f"programs/{value['program'].partition('/')[0]}"
        yield from _FOR_ALL_PROGRAMS


def _inventory(hosts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for host in hosts:
        connection = dict(host["connection"])
        group = str(connection.pop("plugin", "ssh"))
        variables = {"ansible_host": host["address"], "host_label": host["label"]}
        if "host_root" in connection:
            variables["ansible_sandbox_root"] = connection["host_root"]
        groups.setdefault(group, {"hosts": {}})["hosts"][host["name"]] = variables
    return groups


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()
