"""The project template is imported in place: `app` is its package, its tests talk with `support`, `typed`."""

import os
import signal
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

PROJECT = CHECKOUT / "templates" / "project"
sys.path[:0] = [str(PROJECT), str(PROJECT / "clients"), str(PROJECT / "tests")]

# Under nohup, or in the background of a script, these are ignored; what tests start would ignore them too.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL)

# A file stays with one worker, which makes what its tests share. These take minutes: begun last, they would
# keep everybody waiting for the one that has them.
LONGEST = ("tests/generated/", "tests/cli/test_every_step.py", "tests/packaging/")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--through-asgi",
        action="store_true",
        help="have servers leave WebSockets to ASGI, as they do when a library is not as expected",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--through-asgi"):
        import support
        from app.engine import libraries

        libraries.are_as_expected = lambda: False  # type: ignore[assignment]
        # For the servers that tests start.
        support.SETTINGS["DIRECT_WEBSOCKETS"] = os.environ["DIRECT_WEBSOCKETS"] = "false"


# What has nothing to do with how a WebSocket's messages come and go, or goes through ASGI anyway.
WITHOUT_WEBSOCKETS = (
    *("tests/core/test_lookups.py", "tests/core/test_migrations.py", "tests/core/test_passwords.py"),
    *("tests/core/test_reload.py", "tests/core/test_sendable_fuzz.py", "tests/core/test_tokens_fuzz.py"),
    *("tests/core/test_allowed_origins.py", "tests/core/test_readiness.py", "tests/core/test_logs.py"),
    *("tests/core/test_slow_clients.py", "tests/core/test_stalled.py", "tests/core/test_trusted_proxies.py"),
    *("tests/core/test_acceptor.py",),
    *("tests/protocol/test_frames.py", "tests/protocol/test_packets.py", "tests/core/test_library.py"),
    "tests/deployment/test_compose.py",
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if config.getoption("--through-asgi") and str(collection_path).endswith(WITHOUT_WEBSOCKETS):
        return True
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: some tests wait for disks and for time limits."""
    return (os.cpu_count() or 1) + 1
