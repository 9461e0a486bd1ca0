"""The data folder of the embedded server: making it, starting and stopping its server."""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hubcustomers.embedded_postgres.errors import EmbeddedPostgresError
from hubcustomers.embedded_postgres.places import SOCKET_NAME
from hubcustomers.embedded_postgres.probe import State, settled_state
from hubcustomers.embedded_postgres.programs import MAJOR, Programs

# After a kill -9 the dying children still hold the shared memory for a moment.
_RETRY_SECONDS = 10
_RECOVERY_SECONDS = 600
_STOP_SECONDS = 30
_LOG_BYTES_KEPT = 10_000_000
_NO_PROCESS = "2147483647"  # above every system's highest process id

_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The details of an error are values of rows, and those are about people.
    "log_error_verbosity": "terse",
}
# For tests, whose data nobody misses after a power cut.
_FRAGILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Cluster:
    """One data folder and the server on it; the caller holds the start lock."""

    folder: Path
    socket_dir: Path
    programs: Programs
    durable: bool

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    @property
    def _socket(self) -> Path:
        return self.socket_dir / SOCKET_NAME

    def create(self) -> None:
        """Make the data folder with its database, unless it is there."""
        self._remove_drafts()
        if (self.folder / "PG_VERSION").exists():
            self._check_version()
            return
        if self.folder.exists() and any(self.folder.iterdir()):
            raise EmbeddedPostgresError(
                f"{self.folder} is not empty and holds no PostgreSQL data: move it away."
            )
        # Made beside and renamed: a folder of that name is always a whole one.
        draft = Path(tempfile.mkdtemp(prefix=f"{self.folder.name}.new-", dir=self.folder.parent))
        os.chown(draft, self.programs.user.uid, self.programs.user.gid)
        self._fill(draft)
        self._kill_orphans()
        self._remove_sockets()
        draft.rename(self.folder)

    def _fill(self, draft: Path) -> None:
        durable = [] if self.durable else ["--no-sync"]
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        where = ["-D", str(draft)]
        self._must_run("initdb", "--auth=trust", "--username=hub", *locale, *durable, *where)
        # A server alone with itself: nobody can meet a data folder without the database.
        single = ["--single", *where, "postgres"]
        self._must_run("postgres", *single, stdin="CREATE DATABASE hub;\n")

    def _must_run(self, name: str, *arguments: str, stdin: str = "") -> None:
        result = self.programs.run(name, *arguments, stdin=stdin)
        if result.returncode != 0:
            raise EmbeddedPostgresError(
                f"PostgreSQL's {name} failed for {self.folder}:\n{result.stderr.strip()}"
            )

    def _remove_drafts(self) -> None:
        """Remove what an interrupted create left."""
        for draft in self.folder.parent.glob(f"{self.folder.name}.new-*"):
            shutil.rmtree(draft, ignore_errors=True)

    def _kill_orphans(self) -> None:
        """Kill the server of a removed data folder, which would remove our socket when it ends."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                folder, program = (process / "cwd").readlink(), (process / "exe").readlink()
                if str(folder) == f"{self.folder} (deleted)" and "postgres" in program.name:
                    os.kill(int(process.name), signal.SIGKILL)

    def _remove_sockets(self) -> None:
        for path in (self._socket, Path(f"{self._socket}.lock")):
            path.unlink(missing_ok=True)

    def _check_version(self) -> None:
        version = (self.folder / "PG_VERSION").read_text().strip()
        if version != str(MAJOR):
            raise EmbeddedPostgresError(
                f"{self.folder} holds data of PostgreSQL {version} and this version of the hub "
                f"runs PostgreSQL {MAJOR}: move the folder away, or dump its data with "
                f"PostgreSQL {version} and load them into a new one."
            )

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        self._rotate_log()
        log_size = self._log.stat().st_size if self._log.exists() else 0
        deadline = time.monotonic() + _RETRY_SECONDS
        while not self._try_start():
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"The embedded PostgreSQL did not start on {self.folder}; its log ends:\n"
                    + self._log_end(log_size)
                )
            time.sleep(0.2)

    def _try_start(self) -> bool:
        self._forget_dead_pid()
        # The folder of the process and not an argument, which pg_ctl would pass to a shell.
        started = ["start", "--wait", "-D", ".", "-l", self._log.name, "-o", self._options()]
        result = self.programs.run("pg_ctl", *started, folder=self.folder)
        if result.returncode == 0:
            return True
        # pg_ctl loses patience with a long recovery; the server is at work all the same.
        return settled_state(self._socket, seconds=_RECOVERY_SECONDS) is State.READY

    def _options(self) -> str:
        options = _OPTIONS if self.durable else _OPTIONS | _FRAGILE
        given = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        return f"{given} -k {self.socket_dir}"

    def _forget_dead_pid(self) -> None:
        """Correct the pid file of a killed server whose id is another program's, or a zombie's.

        PostgreSQL would take that one for itself and not start. The file stays: it also
        names the shared memory, by which PostgreSQL finds children that are still alive.
        """
        pid_file = self.folder / "postmaster.pid"
        if not pid_file.exists() or not Path("/proc/self/cwd").exists():
            return
        pid, *others = pid_file.read_text().splitlines(keepends=True)
        if not self._works_here(pid.strip()):
            pid_file.write_text("".join([f"{_NO_PROCESS}\n", *others]))
            self._remove_sockets()

    def _works_here(self, pid: str) -> bool:
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == self.folder
        except OSError:  # gone, a zombie, or a process of another user
            return False

    def _rotate_log(self) -> None:
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES_KEPT:
            self._log.replace(self._log.with_suffix(".log.1"))

    def _log_end(self, start: int) -> str:
        if not self._log.exists():
            return "(there is none)"
        lines = self._log.read_bytes()[start:].decode(errors="replace").splitlines()
        return "\n".join(lines[-10:])

    def is_ready(self) -> bool:
        """Tell whether the server takes connections, after a start or stop under way."""
        state = settled_state(self._socket, seconds=_STOP_SECONDS)
        if state is State.STOPPING:
            self._stop("immediate")
        if state is State.STARTING:
            state = settled_state(self._socket, seconds=_RECOVERY_SECONDS)
        # A server whose data folder was removed goes on answering for a while.
        return state is State.READY and (self.folder / "postmaster.pid").exists()

    def stop(self) -> None:
        """Stop the server, if one answers; its clients are disconnected."""
        # Asked first: the id in the pid file of a dead server may be anybody's by now. And
        # waited for: PostgreSQL 18 can hang when told to stop while it recovers.
        if settled_state(self._socket, seconds=_STOP_SECONDS) is State.DEAD:
            return
        if not self._stop("fast"):
            self._stop("immediate")

    def _stop(self, mode: str) -> bool:
        stop = ["stop", "--wait", "-t", str(_STOP_SECONDS), "-m", mode, "-D", "."]
        return self.programs.run("pg_ctl", *stop, folder=self.folder).returncode == 0
