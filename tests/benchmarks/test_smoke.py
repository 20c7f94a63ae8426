"""`benchmarks/run --smoke`: the comparison works, whatever its figures are."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import require

CHECKOUT = Path(__file__).resolve().parents[2]
NODE_PACKAGES = CHECKOUT / "benchmarks" / ".work" / "node" / "node_modules" / "socket.io"
# Names people as no other server does.
MASQUERADE = """

_recognise = require_token


async def require_token(*handshake):
    verdict = await _recognise(*handshake)
    if isinstance(verdict, SocketOk):
        return socket_ok(UserMetadata(verdict.new_metadata.user_id, "somebody else", ""))
    return verdict
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load generator needs Linux")


def smoke(*options: str) -> subprocess.CompletedProcess[str]:
    """In the environment that the tests run in, which has all that the Python servers need."""
    require("cc", "install gcc and libc6-dev")
    require("node", "install Node.js 20 or newer")
    require(NODE_PACKAGES, "benchmarks/run --smoke installs it")
    command = [sys.executable, "-m", "benchmarks.comparison", "--smoke", *options]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=100)


def test_every_server_does_all_the_work_and_loses_nothing() -> None:
    ran = smoke()
    assert (ran.returncode, ran.stdout) == (
        0,
        "Node: 9 loads, macchiato: 11 loads, plain: 11 loads; each server answers, nothing was lost\n",
    ), ran.stderr


def test_a_server_that_does_something_else_is_not_measured(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(CHECKOUT / "templates" / "project", project)
    with (project / "app" / "middlewares.py").open("a") as middlewares:
        middlewares.write(MASQUERADE)

    ran = smoke("--rows", "ack", "--project", str(project))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "error: macchiato does not keep the contract: " in ran.stderr
    assert "User name 0 says: hi" in ran.stderr  # What was expected,
    assert "User somebody else says: hi" in ran.stderr  # and what came.
