"""The ports that tests take for their servers."""

import socket
import subprocess
import sys
from pathlib import Path

from support import free_port

PROJECT = Path(__file__).resolve().parents[2] / "templates/project"
TAKE_ONE = """
import os, sys
sys.path[:0] = ['clients', 'tests']
from support import free_port
print(os.getpid(), free_port())
"""


def test_a_port_is_not_given_out_again_soon_nor_while_somebody_has_it() -> None:
    first = free_port() // 100 * 100
    taken, others = [], []
    for port in range(first, first + 100, 10):
        try:
            taken.append(socket.create_server(("127.0.0.1", port)))
        except OSError:  # A server of other tests.
            others.append(port)
    busy = [*others, *(server.getsockname()[1] for server in taken)]
    ports = [free_port() for _ in range(40)]
    for server in taken:
        server.close()
    assert len(set(ports)) == 40
    assert set(ports) & set(busy) == set()


def test_each_process_has_ports_of_its_own_and_none_that_the_system_gives_to_others() -> None:
    taken = subprocess.check_output([sys.executable, "-c", TAKE_ONE], cwd=PROJECT, text=True)
    process, port = map(int, taken.split())
    assert port // 100 == 100 + process % 200
    # Linux gives 32768 and above to whoever connects to somebody.
    assert port < 30_000
