"""The console in a real browser: accounts, forms, the keyboard, a phone, a server that restarts."""

import base64
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.console import CLIENT_INTEGRITY, CLIENT_URL, CLIENT_VERSION
from support import SETTINGS, RunningServer, free_port, start_server, stop_server, wait_for_health
from tests.console.conftest import Open
from tests.console.hall import write_project

SCREENSHOT = Path(__file__).resolve().parents[2] / "docs" / "console.png"
WIDTH, HEIGHT = 1280, 960


def test_the_hash_is_of_what_npm_has(client: Path) -> None:
    version = json.loads((client / "package.json").read_text())["version"]
    digest = hashlib.sha384((client / "dist/socket.io.min.js").read_bytes()).digest()
    assert (version, f"sha384-{base64.b64encode(digest).decode()}") == (CLIENT_VERSION, CLIENT_INTEGRITY)


def test_the_client_of_the_cdn_runs_when_it_is_what_it_was_and_only_then(
    tmp_path: Path, project: Path, client: Path, browser: Browser
) -> None:
    script = (client / "dist/socket.io.min.js").read_text()
    server = start_server(tmp_path, project=project)
    try:
        for body, seen in ((script, "Ada"), (f"{script};", "The Socket.IO client did not load")):
            page = browser.new_page()
            page.route(
                CLIENT_URL,
                lambda route, _, body=body: route.fulfill(
                    body=body, headers={"Access-Control-Allow-Origin": "*"}, content_type="text/javascript"
                ),
            )
            page.goto(f"{server.url}/console")
            expect(page.locator("h2, .notice").first).to_contain_text(seen)
            page.close()
    finally:
        stop_server(server)


def test_who_cannot_connect_or_register_is_told_why(server: RunningServer, open_console: Open) -> None:
    console = open_console(server)
    ada = console.user("Ada")
    expect(ada.column.get_by_text("This namespace wants a token")).to_be_visible()
    ada.connect()
    expect(ada.state).to_have_text("refused")
    expect(ada.entries.last).to_contain_text("refused: token_required: Log in first: a token is required")

    password = ada.column.get_by_label("Password")
    good = password.input_value()
    password.fill("short")
    ada.column.get_by_role("button", name="Register").click()
    expect(ada.column.get_by_role("alert")).to_have_text(re.compile("^password: .*at least 8"))
    # The browser counts the answer, 422, as an error of the page.
    assert [text.partition(":")[0] for text in console.complaints] == ["Failed to load resource"]
    console.complaints.clear()

    password.fill(good)
    ada.register()
    ada.column.get_by_role("button", name="Log out").click()
    ada.column.get_by_label("Log in").check()
    ada.column.get_by_role("button", name="Log in").click()
    expect(ada.column.get_by_role("button", name="Log out")).to_be_visible()
    ada.connect()
    expect(ada.state).to_have_text("connected")


def test_a_form_has_what_the_contract_says(server: RunningServer, open_console: Open) -> None:
    ada = open_console(server).user("Ada")
    ada.connect("/visitors")  # As a visitor, without an account.
    expect(ada.state).to_have_text("connected")
    form = ada.event("everything")
    emit = form.get_by_role("button", name="Emit")
    form.get_by_label("text", exact=True).fill("a\nb")
    form.get_by_label("count", exact=True).fill("3")
    form.get_by_label("is_urgent", exact=True).select_option("true")
    form.get_by_label("color", exact=True).select_option("green")
    task = form.get_by_label("task", exact=True)
    assert json.loads(task.input_value()) == {"title": "", "tags": []}
    task.fill('{"title": "t", ')
    emit.click()
    expect(task).to_have_accessible_description(re.compile("^This is not JSON: "))
    expect(ada.entries).to_have_count(1)  # Nothing was sent.

    task.fill('{"title": "t", "tags": ["x"]}')
    form.get_by_label("null for note").check()
    emit.click()
    answer = ["Ada", "a\nb", 3, True, "green", {"title": "t", "tags": ["x"]}, None, 0.5, "none"]
    expect(ada.last_ack.locator(".value")).to_be_visible()
    assert json.loads(ada.last_ack.locator(".value").inner_text()) == answer
    assert len(ada.entries.last.locator("> .value").all()) == 6  # Those with a default were left out.

    # The last argument is given, and so are those before it, as they are by default.
    form.get_by_label("label", exact=True).fill("mine")
    expect(form.get_by_label("send ratio")).to_be_checked()
    emit.click()
    expect(ada.entries).to_have_count(3)
    expect(ada.last_ack.locator(".value")).to_be_visible()
    assert json.loads(ada.last_ack.locator(".value").inner_text()) == [*answer[:-1], "mine"]


def test_the_keyboard_is_enough(server: RunningServer, open_console: Open) -> None:
    console = open_console(server)
    ada = console.user("Ada")
    keyboard = console.page.keyboard
    focused = console.page.locator(":focus")
    outline = "() => getComputedStyle(document.activeElement).outlineStyle"
    seen = []
    for _ in range(4):
        keyboard.press("Tab")
        seen.append(
            focused.evaluate(
                "(it) => it.getAttribute('aria-label') ?? it.labels?.[0]?.innerText ?? it.innerText"
            )
        )
        assert console.page.evaluate(outline) == "solid"
    assert seen == ["Add a user", "Remove Ada", "Register", "Name"]
    keyboard.press("Enter")
    expect(focused).to_have_text("Connect")
    keyboard.press("Enter")
    expect(focused).to_have_accessible_name("text")
    keyboard.type("one")
    keyboard.press("Shift+Enter")
    keyboard.type("two")
    assert console.page.evaluate(outline) == "solid"
    keyboard.press("Enter")
    expect(ada.entries.last.locator("> .value")).to_have_text(json.dumps("one\ntwo"))
    expect(ada.last_ack).to_have_text(re.compile("^. ok7$"))

    keyboard.press("Escape")
    expect(focused).to_have_text(re.compile(r"^say\("))
    expect(ada.column.locator("details").first).not_to_have_attribute("open", "")
    keyboard.press("Enter")
    keyboard.press("Tab")
    expect(focused).to_have_accessible_name("text")


def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    server: RunningServer, open_console: Open
) -> None:
    console = open_console(server, viewport={"width": 375, "height": 667}, is_mobile=True, has_touch=True)
    assert not console.is_wider_than_the_window
    ada = console.user("Ada")
    ada.connect("/visitors")
    expect(ada.state).to_have_text("connected")
    form = ada.event("everything")
    form.get_by_label("text", exact=True).fill("M" * 500)
    form.get_by_role("button", name="Emit").click()
    expect(ada.last_ack).to_contain_text("invalid_payload")
    assert not console.is_wider_than_the_window
    assert console.page.evaluate("innerWidth") == 375


def test_a_restarted_server_is_found_again_with_what_is_new_in_it(
    tmp_path: Path, client: Path, open_console: Open
) -> None:
    project = write_project(tmp_path / "project")
    port = free_port()
    with serving(project, client, port) as server:
        console = open_console(server)
        ada = console.user("Ada")
        ada.connect("/visitors")
        expect(ada.state).to_have_text("connected")
    expect(ada.state).to_have_text("reconnecting")
    expect(ada.entries.last).to_contain_text("connection lost: transport close")
    expect(console.online).to_have_text(["Nobody is connected"])

    hall = project / "app" / "namespaces" / "hall.py"
    hall.write_text(hall.read_text().replace('.listener("everything"', '.listener("anything"'))
    with serving(project, client, port):
        expect(ada.state).to_have_text("connected")
        expect(ada.entries.last).to_contain_text("connected again, by websocket")
        ada.event("anything").get_by_role("button", name="Emit").click()
        expect(ada.last_ack).to_contain_text("invalid_payload anything got wrong arguments")
        console.page.close()
    # The browser says each time that it found nobody.
    assert [text for text in console.complaints if "ERR_CONNECTION_REFUSED" not in text] == []
    console.complaints.clear()


def test_the_picture_in_the_documents_is_there(request: pytest.FixtureRequest) -> None:
    """MACCHIATO_WRITE_SCREENSHOT=1 makes it."""
    if os.environ.get("MACCHIATO_WRITE_SCREENSHOT") == "1":
        take_screenshot(request.getfixturevalue("server"), request.getfixturevalue("open_console"))
    head = SCREENSHOT.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", head[16:]) == (WIDTH, HEIGHT)


def take_screenshot(server: RunningServer, open_console: Open) -> None:
    console = open_console(server, viewport={"width": WIDTH, "height": HEIGHT})
    ada, grace = console.user("Ada"), console.user("Grace")
    ada.joins()
    grace.joins()
    ada.say("hello")
    expect(grace.entries).to_have_count(2)
    grace.say("hello Ada, how are you?")
    expect(ada.entries).to_have_count(3)
    ada.say("")
    expect(ada.last_ack).to_contain_text("invalid_payload")
    console.page.mouse.move(0, 0)
    console.page.screenshot(path=SCREENSHOT)


@contextmanager
def serving(project: Path, client: Path, port: int) -> Iterator[RunningServer]:
    """A server that may have the port of one before it."""
    settings = SETTINGS | {
        "PORT": str(port),
        "DATABASE_URL": f"sqlite:///{project / 'test.sqlite3'}",
        "CONSOLE_CLIENT": str(client / "dist/socket.io.min.js"),
    }
    log_path = project / "server.log"
    url = f"http://127.0.0.1:{port}"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"], cwd=project, env=os.environ | settings, stdout=log, stderr=log
        )
    wait_for_health(url, process)
    try:
        yield RunningServer(url, settings["TOKEN_SECRET"], settings["DATABASE_URL"], log_path, process)
    finally:
        process.terminate()
        process.wait(timeout=10)
