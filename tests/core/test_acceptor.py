"""The process that accepts connections for workers: here with workers that are not servers, but misbehave."""

import asyncio
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from app.engine import Limits, acceptor, workers
from app.engine.acceptor import Acceptor
from app.engine.arrival import MAX_LINE_BYTES, line_of, worker_for
from app.engine.limits import DEFAULT_LIMITS
from app.engine.session_ids import LETTERS, worker_of
from app.engine.uvicorn_server import uvicorn_config
from app.engine.workers import HOPELESS, NoWorkerStarts, Workers
from tests.core.behind import until

# A worker is `python -c WORKER NUMBER DESCRIPTOR`.
IS_READY = """
import os, signal, socket, struct, sys, time
channel = socket.socket(fileno=int(sys.argv[2]))
channel.send(struct.pack("!QI", 0, 0))
"""


@pytest.mark.parametrize(
    ("begun", "line"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"GET / HTTP/1.1\r"),
        (b"\r\n\r\nGET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r"),
        (b"GET / HTTP/1.1\n", b"GET / HTTP/1.1"),
        (b"", None),
        (b"\r\n", None),
        (b"GET / HTTP/1.1\r", None),
        (b"GET /" + b"a" * MAX_LINE_BYTES, b"GET /" + b"a" * MAX_LINE_BYTES),
    ],
)
def test_a_line_is_read_when_all_of_it_is_there(begun: bytes, line: bytes | None) -> None:
    assert line_of(begun) == line


@pytest.mark.parametrize(
    ("line", "worker"),
    [
        (b"GET /socket.io/?EIO=4&transport=polling&sid=bXYZ HTTP/1.1", 2),
        (b"POST /socket.io/?sid=-XYZ&transport=polling HTTP/1.1", 63),
        (b"GET /socket.io/?transport=polling HTTP/1.1", None),
        (b"GET /socket.io/?sid= HTTP/1.1", None),
        (b"GET /socket.io/?noside=bXYZ HTTP/1.1", None),
        (b"GET /sid=b HTTP/1.1", None),
        (b"GET /metrics?worker=12 HTTP/1.1", 12),
        (b"GET /metrics?worker=0 HTTP/1.1", None),
        (b"GET /metrics?worker=123 HTTP/1.1", None),
        (b"GET /?sid=\xe9 HTTP/1.1", None),
        (b"\x16\x03\x01\x02", None),
    ],
)
def test_an_id_or_a_number_in_the_query_says_which_worker_is_meant(line: bytes, worker: int | None) -> None:
    assert worker_for(line) == worker


def test_each_of_64_workers_has_a_letter() -> None:
    assert [worker_of(letter) for letter in LETTERS] == list(range(1, 65))


class Door:
    """An acceptor, and what it hands over; while `has_room` is not set, nobody takes anything."""

    def __init__(self, limits: Limits) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.address = listening.getsockname()
        self.has_room = True
        self.given: list[int | None] = []
        self.connections: list[socket.socket] = []
        config = uvicorn_config("app.main:create_app", limits=limits)
        self.acceptor = Acceptor(listening, config, self._hand_over)
        self.acceptor.open()

    def connect(self, said: bytes = b"") -> socket.socket:
        client = socket.create_connection(self.address)
        client.setblocking(False)
        client.sendall(said)
        self.connections.append(client)
        return client

    def _hand_over(self, connection: socket.socket, worker: int | None) -> bool:
        if self.has_room:
            self.connections.append(connection)
            self.given.append(worker)
        return self.has_room


@asynccontextmanager
async def door(limits: Limits = DEFAULT_LIMITS) -> AsyncIterator[Door]:
    opened = Door(limits)
    try:
        yield opened
    finally:
        opened.acceptor.close()
        for connection in opened.connections:
            connection.close()


async def received(client: socket.socket) -> bytes:
    async with asyncio.timeout(5):
        return await asyncio.get_running_loop().sock_recv(client, 100)


async def test_who_says_nothing_is_cut_off_and_who_is_slow_is_left_to_a_worker() -> None:
    async with door(Limits(head_timeout_s=0.3)) as opened:
        silent = opened.connect()
        opened.connect(b"GET /socket.io/?sid=b")
        assert await received(silent) == b""
        await until(lambda: opened.given == [None])


async def test_what_comes_within_the_time_limit_reaches_its_worker() -> None:
    async with door(Limits(head_timeout_s=3)) as opened:
        late = opened.connect()
        slow = opened.connect(b"GET /socket.io/?sid=b")
        await asyncio.sleep(0.1)
        assert opened.given == []
        late.sendall(b"GET /socket.io/?sid=d HTTP/1.1\r\n")
        await until(lambda: opened.given == [4])
        slow.sendall(b" HTTP/1.1\r\n")
        await until(lambda: opened.given == [4, 2])


def reset(client: socket.socket) -> None:
    """Leave as a program that has crashed does, not as one that says goodbye."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("leave", [socket.socket.close, reset])
async def test_who_leaves_in_the_middle_of_a_line_leaves_no_file(
    leave: Callable[[socket.socket], None],
) -> None:
    def files() -> int:
        return len(os.listdir("/proc/self/fd"))

    async with door() as opened:
        before = files()
        clients = [opened.connect(b"GET /socket.io/?sid=b") for _ in range(30)]
        await until(lambda: files() == before + 60)
        for client in clients:
            leave(client)
        await until(lambda: files() == before)
        assert opened.given == []


async def test_of_those_who_wait_for_room_only_who_is_gone_is_forgotten() -> None:
    """To say no more after a whole request is to wait for the answer."""
    async with door() as opened:
        opened.has_room = False
        waiting, gone = (opened.connect(b"GET /socket.io/?sid=b HTTP/1.1\r\n") for _ in range(2))
        waiting.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.1)
        reset(gone)
        await asyncio.sleep(0.7)  # It is looked at now and again, ever more seldom.
        opened.has_room = True
        await until(lambda: opened.given == [2])
        await asyncio.sleep(0.7)
        assert opened.given == [2]


async def test_connections_wait_until_there_is_room_for_them() -> None:
    async with door() as opened:
        opened.has_room = False
        opened.connect(b"GET /socket.io/?sid=b HTTP/1.1\r\n")
        await asyncio.sleep(0.1)
        opened.has_room = True
        await until(lambda: opened.given == [2])


@contextmanager
def few_files(count: int = 0) -> Iterator[None]:
    """This process can open so many more."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, most[1]))
    try:
        with suppress(OSError):
            while True:
                files.append(os.dup(files[0]))
        for _ in range(count):
            os.close(files.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
        for file in files:
            os.close(file)


async def test_when_there_are_no_files_left_connections_wait_for_some(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acceptor, "NO_FILES_PAUSE_S", 0.2)
    async with door() as opened:
        client = socket.socket()
        opened.connections.append(client)
        with few_files():
            client.connect(opened.address)
            client.sendall(b"GET /socket.io/?sid=b HTTP/1.1\r\n")
            await asyncio.sleep(0.3)
        await until(lambda: opened.given == [2])
    warnings = [record.getMessage() for record in caplog.records]
    assert set(warnings) == {"No connection can be accepted: Too many open files"}
    assert len(warnings) < 4


async def test_an_address_can_have_only_so_many_connections_wait() -> None:
    """Those beyond are for a worker, which has a limit of its own, and says so."""
    async with door(Limits(connections_per_address=1)) as opened:
        for _ in range(40):
            opened.connect()
        await until(lambda: opened.given == [None] * 6)
        # Others leave.
        for client in opened.connections[:10]:
            client.close()
        await asyncio.sleep(0.1)
        for _ in range(10):
            opened.connect()
        await asyncio.sleep(0.1)
        assert len(opened.given) == 6


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setattr(workers, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(workers, "PATIENCE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def supervise(listening: socket.socket, worker: str, *, count: int = 2) -> None:
    """Have this many workers, until one sends its parent a signal; or until it takes too long."""
    command = [sys.executable, "-S", "-c", worker]
    supervised = Workers(uvicorn_config("app.main:create_app"), listening, count=count, command=command)
    too_long = threading.Timer(15, os.kill, (os.getpid(), signal.SIGTERM))
    too_long.start()
    try:
        supervised.run()
    finally:
        too_long.cancel()


def test_when_the_first_worker_does_not_start_no_other_is_tried(
    tmp_path: Path, listening: socket.socket
) -> None:
    tried = tmp_path / "tried"
    # Long enough for the other one to begin, if it did.
    worker = f"import sys, time\nopen({str(tried)!r}, 'a').write('x')\ntime.sleep(0.2)\nsys.exit(3)"
    with pytest.raises(NoWorkerStarts, match=r"^exit code 3$"):
        supervise(listening, worker)
    assert tried.read_text() == "x"


def killed_while_starting(tries: Path, number: signal.Signals) -> str:
    """One that gets this signal so often before it is ready, and stops its parent when it is."""
    return f"""
import os
with open({str(tries)!r}, "a") as tries:
    tries.write("x")
    if tries.tell() <= {2 * HOPELESS}:
        os.kill(os.getpid(), {number.value})
{IS_READY}
os.kill(os.getppid(), signal.SIGTERM)
"""


def test_who_is_killed_while_it_starts_is_started_again(tmp_path: Path, listening: socket.socket) -> None:
    """By an administrator, or a system without memory: to start is not hopeless."""
    supervise(listening, killed_while_starting(tmp_path / "tries", signal.SIGKILL), count=1)
    assert (tmp_path / "tries").read_text() == "x" * (2 * HOPELESS + 1)


def test_a_process_without_files_starts_its_workers_when_there_are_some(
    tmp_path: Path, listening: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients have the others: to start is not hopeless."""
    worker = f"""{IS_READY}
os.chdir({str(tmp_path)!r})
if not os.path.exists("began"):
    open("began", "w").close()
    while not os.path.exists("is short"):
        time.sleep(0.01)
    sys.exit(1)
os.kill(os.getppid(), signal.SIGTERM)
"""

    def be_short() -> None:
        wait_for((tmp_path / "began").exists)
        # Enough for the line to a worker, not for the worker.
        with few_files(2):
            (tmp_path / "is short").touch()
            wait_for(lambda: caplog.text.count("[Errno 24] Too many open files") > HOPELESS)

    short = threading.Thread(target=be_short)
    short.start()
    try:
        supervise(listening, worker, count=1)
    finally:
        short.join()


def test_who_crashes_while_it_starts_has_failed(tmp_path: Path, listening: socket.socket) -> None:
    with pytest.raises(NoWorkerStarts, match=r"^signal 11 \(Segmentation fault\)$"):
        supervise(listening, killed_while_starting(tmp_path / "tries", signal.SIGSEGV), count=1)
    assert (tmp_path / "tries").read_text() == "x"


def test_when_no_worker_starts_any_more_all_is_over(tmp_path: Path, listening: socket.socket) -> None:
    """Each is ready once, until both are there; afterwards it fails."""
    worker = f"""
import os, sys
os.chdir({str(tmp_path)!r})
with open(sys.argv[1], "a") as tries:
    tries.write("x")
    if tries.tell() > 1:
        sys.exit(7)
{IS_READY}
while not (os.path.exists("1") and os.path.exists("2")):
    time.sleep(0.01)
"""
    with pytest.raises(NoWorkerStarts, match=r"^exit code 7$"):
        supervise(listening, worker)
    tries = [len((tmp_path / number).read_text()) for number in "12"]
    # The other one may have tried once more.
    assert min(tries) == 1 + HOPELESS


def test_a_worker_that_is_stuck_is_killed(listening: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    stuck = f"""
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
{IS_READY}
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(60)
"""
    supervise(listening, stuck, count=1)
    assert "worker 1 is stuck, and did not end within 0.3 s: killed" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_workers_first(
    number: signal.Signals, tmp_path: Path, listening: socket.socket
) -> None:
    """With the terminal closed, too, there is somebody until the last client has its farewell."""
    worker = f"""{IS_READY}
def be_told(*_):
    open({str(tmp_path / "told")!r}, "w").close()
    sys.exit()
signal.signal(signal.SIGTERM, be_told)
os.kill(os.getppid(), {number.value})
time.sleep(60)
"""
    deadly: list[int] = []
    before = signal.signal(number, lambda *_: deadly.append(number))
    try:
        supervise(listening, worker, count=1)
    finally:
        signal.signal(number, before)
    assert (tmp_path / "told").exists()
    assert deadly == []


def test_a_worker_that_takes_nothing_is_left_alone(listening: socket.socket) -> None:
    """The other one has more and more connections; nevertheless they are for it."""
    worker = f"""{IS_READY}
if sys.argv[1] == "2":
    time.sleep(60)
taken = 0
while True:
    _, (descriptor,), _, _ = socket.recv_fds(channel, 1, 1)
    taken += 1
    channel.send(struct.pack("!QI", taken, taken))
    socket.socket(fileno=descriptor).detach()
    os.write(descriptor, b"hello")
"""
    clients: list[socket.socket] = []

    def is_answered() -> bool:
        client = socket.create_connection(listening.getsockname())
        clients.append(client)
        client.sendall(b"GET / HTTP/1.1\r\n")
        client.settimeout(0.7)
        with suppress(TimeoutError):
            return client.recv(100) == b"hello"
        return False

    def connect() -> None:
        while is_answered():
            pass  # The second one is not there yet; then it is found out, and then it is known.
        found.extend(is_answered() for _ in range(5))
        os.kill(os.getpid(), signal.SIGTERM)

    found: list[bool] = []
    connecting = threading.Thread(target=connect)
    connecting.start()
    supervise(listening, worker)
    connecting.join()
    for client in clients:
        client.close()
    assert found == [True] * 5


def test_what_a_worker_has_not_taken_when_it_dies_is_for_another(
    tmp_path: Path, listening: socket.socket
) -> None:
    """The first one takes nothing; the next one in its place answers."""
    seen = tmp_path / "seen"
    worker = f"""{IS_READY}
first = not os.path.exists({str(seen)!r})
open({str(seen)!r}, "a").close()
if first:
    channel.recv(1, socket.MSG_PEEK)
    sys.exit(1)
_, (descriptor,), _, _ = socket.recv_fds(channel, 1, 1)
client = socket.socket(fileno=descriptor)
client.send(b"answer to " + client.recv(100))
time.sleep(0.2)
os.kill(os.getppid(), signal.SIGTERM)
"""
    with socket.create_connection(listening.getsockname()) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        supervise(listening, worker, count=1)
        assert client.recv(100) == b"answer to GET / HTTP/1.1\r\n"
