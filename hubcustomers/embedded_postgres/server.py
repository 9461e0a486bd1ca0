"""The embedded server as one process sees it: join, start, leave, stop."""

import atexit
import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from weakref import WeakSet

from hubcustomers.embedded_postgres import locks, places
from hubcustomers.embedded_postgres.cluster import Cluster
from hubcustomers.embedded_postgres.errors import EmbeddedPostgresError
from hubcustomers.embedded_postgres.probe import Lifeline, State, connect
from hubcustomers.embedded_postgres.programs import find_programs

STATE_DIR = Path("/var/lib/hubcustomers")
_WATCHER = "hubcustomers.embedded_postgres.watcher"
_PYTHON_PATH = Path(__file__).resolve().parents[2]

_instances: "WeakSet[EmbeddedPostgres]" = WeakSet()


class EmbeddedPostgres:
    """The server on one data folder; nothing is started or made before ``ensure``.

    Args:
        data_dir: The data folder; its parent also holds lock files.
        durable: False gives up the safety of data for speed, for tests.
        state_dir: Where root keeps what its server cannot reach in the checkout.
    """

    user = "hub"
    port = 5432
    database = "hub"

    def __init__(
        self, data_dir: Path, *, durable: bool = True, state_dir: Path = STATE_DIR
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.durable = durable
        self.state_dir = state_dir
        self._refuge = places.Refuge(self._beside("home"), state_dir)
        self._mutex = threading.Lock()
        self._users_lock: int | None = None
        self._childs_lock: int | None = None
        self._lifeline: Lifeline | None = None
        _instances.add(self)

    def _beside(self, suffix: str) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.{suffix}")

    # --- where ---------------------------------------------------------------------

    @property
    def socket_dir(self) -> Path:
        """Return the folder of the server's socket, which is the "host" to connect to."""
        return places.socket_folder(
            self.data_dir, places.server_user(self.data_dir), inside=self._at_home()
        )

    def _at_home(self) -> bool:
        """Tell whether the data are in the data folder, and not in the state folder."""
        user = places.server_user(self.data_dir)
        if user.uid == os.geteuid():
            return True
        return self._refuge.known() is None and places.can_enter(self.data_dir, user)

    def _cluster(self) -> Cluster:
        return self._cluster_in(self.data_dir if self._at_home() else self._refuge.choose())

    def _known_cluster(self) -> Cluster | None:
        """Return the cluster, None where nobody has chosen a place for it yet."""
        folder = self.data_dir if self._at_home() else self._refuge.known()
        return None if folder is None else self._cluster_in(folder)

    def _cluster_in(self, folder: Path) -> Cluster:
        programs = find_programs(places.server_user(self.data_dir), self.state_dir)
        return Cluster(folder, self.socket_dir, programs, self.durable)

    # --- join and start ------------------------------------------------------------

    @property
    def is_joined(self) -> bool:
        """Tell whether this process counts as a user already; a connection tells the rest."""
        return self._users_lock is not None

    def ensure(self) -> None:
        """Make sure that the server answers, and count this process as its user.

        Raises:
            EmbeddedPostgresError: It cannot be started; the message says why.
        """
        with self._mutex:
            # Called for each connection taken from a pool: the usual case is a few microseconds.
            if self._is_counted() and self._lifeline is not None and self._lifeline.holds():
                return
            try:
                if not (self._is_counted() and self._is_ready()):
                    self._join()
            except OSError as error:
                raise EmbeddedPostgresError(
                    f"The embedded PostgreSQL cannot run on {self.data_dir}: {error}."
                ) from error

    def _is_ready(self) -> bool:
        self._drop_lifeline()
        state, self._lifeline = connect(self.socket_dir / places.SOCKET_NAME)
        return state is State.READY

    def _drop_lifeline(self) -> None:
        if self._lifeline is not None:
            self._lifeline.close()
        self._lifeline = None

    def _is_counted(self) -> bool:
        # A folder that was removed and made anew has a new lock file.
        return self._users_lock is not None and locks.is_same_file(
            self._users_lock, self._beside("users.lock")
        )

    def _join(self) -> None:
        places.make_folders(self.data_dir.parent)
        with locks.exclusive(self._beside("start.lock")):
            self._refuse_foreign_data()
            cluster = self._cluster()
            # Counted before the start, so that nobody stops what we are about to use.
            self._count()
            if cluster.socket_dir != cluster.folder:
                places.guard_socket_folder(cluster.socket_dir, cluster.programs.user)
            self._watch()
            self._start(cluster)
            self._is_ready()

    def _refuse_foreign_data(self) -> None:
        if not self.data_dir.exists() or self._refuge.known() is not None:
            return
        user = places.server_user(self.data_dir)
        if os.geteuid() not in {0, self.data_dir.stat().st_uid} or not self._at_home():
            raise EmbeddedPostgresError(
                f"{self.data_dir} cannot be used by the embedded PostgreSQL, which runs as user "
                f"{user.uid}: start the hub as the owner of that folder, or remove it."
            )

    def _count(self) -> None:
        if not self._is_counted():
            self._close_users_lock()
            self._users_lock = locks.take_shared(self._beside("users.lock"))

    def _close_users_lock(self) -> None:
        if self._users_lock is not None:
            os.close(self._users_lock)
        self._users_lock = None

    def _start(self, cluster: Cluster) -> None:
        if not cluster.is_ready():
            places.make_folders(cluster.folder.parent)
            cluster.create()
            cluster.start()

    def _watch(self) -> None:
        """Start the watcher, who stops the server when its last user was killed."""
        descriptor = locks.open_lock(self._beside("watcher.lock"))
        nobody_watches = locks.try_exclusive(descriptor)
        os.close(descriptor)
        if nobody_watches:
            # The shell leaves at once, so that the watcher is nobody's child to wait for.
            detach = 'exec "$@" </dev/null >/dev/null 2>&1 &'
            watcher = [sys.executable, "-m", _WATCHER, str(self.data_dir), str(self.state_dir)]
            subprocess.run(  # noqa: S603
                ["/bin/sh", "-c", detach, "sh", *watcher],
                check=True,
                cwd="/",
                env={**os.environ, "PYTHONPATH": str(_PYTHON_PATH)},
                start_new_session=True,
            )

    # --- leave and stop ------------------------------------------------------------

    def release(self) -> None:
        """Leave the server to its other users; the last one out stops it."""
        with self._mutex:
            self._drop_lifeline()
            # The folder may be gone, or its server: leaving never fails.
            with contextlib.suppress(OSError, EmbeddedPostgresError):
                self._stop_when_last()
            self._close_users_lock()

    def _stop_when_last(self) -> None:
        if self._users_lock is not None and self._is_counted():
            with locks.exclusive(self._beside("start.lock")):
                cluster = self._known_cluster()
                if cluster is not None and locks.try_exclusive(self._users_lock):
                    cluster.stop()

    def watch(self) -> None:
        """Wait until nobody uses the server, stop it if it still runs, and return."""
        start, users, watching = (
            locks.open_lock(self._beside(f"{name}.lock")) for name in ("start", "users", "watcher")
        )
        if not locks.try_exclusive(watching):
            return
        while True:
            locks.wait_until_unused(users)
            with locks.held(start):
                # Looked up first: of a folder that is made anew meanwhile it is not ours.
                cluster = self._known_cluster()
                if not locks.is_same_file(users, self._beside("users.lock")):
                    return  # the data folder was removed, and its server with it
                if locks.try_exclusive(users):
                    if cluster is not None:
                        cluster.stop()
                    # Before the start lock goes: who starts the server next needs a new watcher.
                    os.close(watching)
                    return

    # --- fork ----------------------------------------------------------------------

    def before_fork(self) -> None:
        """Take a lock for the child while the parent still holds its own."""
        self._mutex.acquire()
        if self._users_lock is not None:
            with contextlib.suppress(OSError):
                self._childs_lock = locks.take_shared(self._beside("users.lock"))

    def after_fork(self, *, in_child: bool) -> None:
        """Keep the lock that is ours and close the other one's."""
        mine, others = self._users_lock, self._childs_lock
        if in_child:
            mine, others = others, mine
            self._drop_lifeline()
        if others is not None:
            os.close(others)
        self._users_lock, self._childs_lock = mine, None
        self._mutex.release()


_forking: list[EmbeddedPostgres] = []


def _before_fork() -> None:
    _forking[:] = _instances
    for server in _forking:
        server.before_fork()


def _after_fork(*, in_child: bool) -> None:
    for server in _forking:
        server.after_fork(in_child=in_child)
    _forking.clear()


@atexit.register
def _release_all() -> None:
    for server in list(_instances):
        server.release()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=lambda: _after_fork(in_child=False),
    after_in_child=lambda: _after_fork(in_child=True),
)
