"""A bundle carries the files that its plays use, and no others."""

import ast
import importlib.util
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest
import yaml

from orchestrator.adapters.movers.bundles import PLAYBOOKS, transfer_bundle
from orchestrator.adapters.playbook_bundles import UnknownPlayFile, play_files
from orchestrator.demo.sample_system import sample_bundle
from orchestrator.migrations.kinds import Purpose
from orchestrator.migrations.transfer import DatabasePart, MigrationHost, Transfer

ROOT = Path(__file__).resolve().parents[3] / "playbooks"
SAMPLE = ROOT / "sample"
HOST = MigrationHost("legacy-1", "127.16.0.1", {"plugin": "sandbox", "host_root": "/a"})
TARGET = MigrationHost("web", "127.17.0.1", {"plugin": "sandbox", "host_root": "/b"})
TRANSFER = Transfer("k1", HOST, TARGET, DatabasePart("app", ("app",)))

GENERATED = {"inventory/hosts.json", "vars.json"}
FOR_ALL_PLAYS = {"group_vars/all.yml", "group_vars/sandbox.yml", "plugins/connection/sandbox.py"}
FOR_ALL_PROGRAMS = {"action_plugins/run_program.py", "programs/bootstrap.py"}
MIGRATION_PROGRAMS = {"host", "mover", "name_service"}
SAMPLE_PROGRAMS = {
    "serve_names.yml": {"host", "name_service"},
    "install_sample_system.yml": {"host", "postgresql", "sample_application"},
}


def files_below(*folders: Path) -> set[str]:
    """Every file below the folders by its relative name, as Git has them."""
    return {
        path.relative_to(folder).as_posix()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def files_of(root: Path, roles: set[str], programs: set[str]) -> set[str]:
    parts = [f"roles/{role}/" for role in roles] + [f"programs/{folder}/" for folder in programs]
    return {name for name in files_below(root) if name.startswith(tuple(parts))}


def roles_of(playbook: Path) -> set[str]:
    (play,) = yaml.safe_load(playbook.read_bytes())
    return set(play["roles"])


def project(bundle: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        name.removeprefix("project/"): text for name, text in bundle.items() if name.startswith("project/")
    }


def missing_imports(files: Mapping[str, bytes]) -> set[str]:
    """Modules that a program imports and that neither its folder, `host` nor the environment has."""
    programs = {name: text for name, text in files.items() if name.startswith("programs/")}
    missing: set[str] = set()
    for name, text in programs.items():
        for node in ast.walk(ast.parse(text)):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                imported = [str(node.module)]
            for module in {name.partition(".")[0] for name in imported}:
                places = {f"{PurePosixPath(name).parent}/{module}.py", f"programs/host/{module}.py"}
                if not (places & programs.keys() or importlib.util.find_spec(module)):
                    missing.add(f"{name}: {module}")
    return missing


@pytest.mark.parametrize("purpose", PLAYBOOKS)
def test_the_bundle_of_a_migration_holds_the_files_of_its_plays_and_no_others(purpose: Purpose) -> None:
    bundle = transfer_bundle(ROOT, TRANSFER, purpose)
    roles = {role for playbook in PLAYBOOKS[purpose] for role in roles_of(ROOT / playbook)}
    programs = MIGRATION_PROGRAMS | (
        {"prover"} if any(role.startswith("prove_") for role in roles) else set()
    )
    expected = {*PLAYBOOKS[purpose], *files_of(ROOT, roles, programs), *FOR_ALL_PLAYS, *FOR_ALL_PROGRAMS}
    assert set(bundle) == {f"project/{name}" for name in expected} | GENERATED
    assert all((ROOT / name).read_bytes() == text for name, text in project(bundle).items())


@pytest.mark.parametrize("purpose", PLAYBOOKS)
def test_no_file_of_the_sample_system_is_approved_with_a_migration(purpose: Purpose) -> None:
    assert set(project(transfer_bundle(ROOT, TRANSFER, purpose))) & files_below(SAMPLE) == set()


def test_the_bundle_of_a_baseline_check_holds_one_role_and_no_programs() -> None:
    expected = {"baseline.yml", *files_of(ROOT, {"report_baseline"}, set()), *FOR_ALL_PLAYS}
    assert set(project(play_files(["baseline.yml"], ROOT))) == expected


@pytest.mark.parametrize("playbook", SAMPLE_PROGRAMS)
def test_the_bundle_of_the_sample_system_adds_its_own_files(playbook: str) -> None:
    files = project(sample_bundle(ROOT, HOST, playbook, {}))
    roles, programs = roles_of(SAMPLE / playbook), SAMPLE_PROGRAMS[playbook]
    own = files_of(ROOT, roles, programs) | files_of(SAMPLE, roles, programs)
    assert set(files) == {playbook, *own, *FOR_ALL_PLAYS, *FOR_ALL_PROGRAMS}


@pytest.mark.parametrize("purpose", PLAYBOOKS)
def test_every_module_that_a_program_of_a_migration_imports_is_in_the_bundle(purpose: Purpose) -> None:
    assert missing_imports(project(transfer_bundle(ROOT, TRANSFER, purpose))) == set()


@pytest.mark.parametrize("playbook", SAMPLE_PROGRAMS)
def test_every_module_that_a_sample_program_imports_is_in_the_bundle(playbook: str) -> None:
    assert missing_imports(project(sample_bundle(ROOT, HOST, playbook, {}))) == set()


def test_a_missing_module_would_be_found() -> None:
    files = project(transfer_bundle(ROOT, TRANSFER, Purpose.CHECK))
    del files["programs/host/refusal.py"]
    assert "programs/mover/check.py: refusal" in missing_imports(files)


@pytest.mark.parametrize(
    ("play", "unknown"),
    [
        ("- {hosts: all, roles: [no_such_role]}", "roles/no_such_role"),
        ("- {hosts: all, tasks: [{include_role: {name: other}}]}", "roles/other"),
        ("- {hosts: all, tasks: [{run_program: {program: nothing/here}}]}", "programs/nothing"),
    ],
)
def test_a_play_that_names_an_unknown_file_makes_no_bundle(tmp_path: Path, play: str, unknown: str) -> None:
    (tmp_path / "play.yml").write_text(play)
    with pytest.raises(UnknownPlayFile, match=unknown):
        play_files(["play.yml"], ROOT, tmp_path)


def test_a_role_brings_the_roles_that_it_depends_on_and_includes(tmp_path: Path) -> None:
    texts = {
        "play.yml": "- {hosts: all, roles: [{role: first, when: false}]}",
        "roles/first/meta/main.yml": "dependencies: [{role: second}]",
        "roles/second/tasks/main.yml": "- block: [{ansible.builtin.import_role: {name: manage_service}}]",
        "roles/third/tasks/main.yml": "[]",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    files = project(play_files(["play.yml"], ROOT, tmp_path))
    own = texts.keys() - {"roles/third/tasks/main.yml"}
    assert set(files) == {*own, *files_of(ROOT, {"manage_service"}, set()), *FOR_ALL_PLAYS}
