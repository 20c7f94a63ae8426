"""A real Chromium, and a server whose console has the client of tests/node."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from support import RunningServer, start_server, stop_server
from tests.console.hall import write_project
from tests.console.page import Console
from tests.services import require

TESTS = Path(__file__).resolve().parents[1]
CLIENT = TESTS / "node" / "node_modules" / "socket.io-client"

Open = Callable[..., Console]


@pytest.fixture(scope="session")
def client() -> Path:
    """npm's socket.io-client."""
    return Path(require(CLIENT, f"npm install --no-package-lock --prefix {TESTS / 'node'}"))


# Not for the session: Playwright has an event loop running meanwhile, so no other test could start one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = require("chromium", "apt-get install chromium")
    with sync_playwright() as playwright:
        # Root cannot have the sandbox; and all that it sees here is our own page.
        # The others spare processes: there is nothing to draw fast, and no site to keep apart.
        arguments = ["--no-sandbox", "--disable-gpu", "--renderer-process-limit=1"]
        launched = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("console") / "project")


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, project: Path, client: Path, browser: Browser
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server")
    running = start_server(folder, project=project, CONSOLE_CLIENT=str(client / "dist/socket.io.min.js"))
    yield running
    stop_server(running)


@pytest.fixture(scope="module")
def open_console(browser: Browser) -> Iterator[Open]:
    """Opens the console of a server; whatever the browser complains of is an error in the end."""
    opened: list[Console] = []

    def open_console(server: RunningServer, **options: Any) -> Console:
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(10_000)
        console = Console(page, [])
        opened.append(console)
        page.on("pageerror", lambda error: console.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: console.complaints.append(message.text) if message.type == "error" else None,
        )
        page.goto(f"{server.url}/console")
        page.get_by_role("heading", name="Grace").wait_for()
        return console

    yield open_console
    complaints = [console.complaints for console in opened]
    for console in opened:
        console.page.context.close()
    assert complaints == [[] for _ in opened]
