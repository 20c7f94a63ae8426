"""The console in a real browser: two users talk, and see what goes wrong."""

import base64
import hashlib
import json
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.console import CLIENT_INTEGRITY, CLIENT_VERSION
from support import RunningServer, start_server, stop_server
from tests.console.conftest import Open

SCREENSHOT = Path(__file__).resolve().parents[2] / "docs" / "console.png"
SCREENSHOT_SIZE = {"width": 1280, "height": 860}
PHONE = {"viewport": {"width": 375, "height": 667}, "is_mobile": True, "has_touch": True}


def test_the_hash_is_of_what_npm_has(client: Path) -> None:
    version = json.loads((client / "package.json").read_text())["version"]
    digest = hashlib.sha384((client / "dist/socket.io.min.js").read_bytes()).digest()
    assert (version, f"sha384-{base64.b64encode(digest).decode()}") == (CLIENT_VERSION, CLIENT_INTEGRITY)


def test_two_users_talk_and_see_how_long_it_takes(server: RunningServer, open_console: Open) -> None:
    console = open_console(server)
    ada, grace = console.user("Ada"), console.user("Grace")
    expect(console.online).to_have_text(["Nobody is connected"])
    ada.joins()
    grace.joins()
    expect(console.online).to_have_text(["/hall Ada, Grace"])

    ada.say("hello")

    expect(ada.entries).to_have_text(
        [
            re.compile(r"^.status connected, by websocket\d\d:\d\d:\d\d$"),
            re.compile(r'^.sent say[\d.]+ ms\d\d:\d\d:\d\d"hello". ok5$'),
        ]
    )
    expect(grace.entries.last).to_have_text(
        re.compile(r'^.heard said\+[\d.]+ ms\d\d:\d\d:\d\d\{"message":"Ada says: hello"\}$')
    )
    expect(grace.entries.last.locator(".latency")).to_have_attribute("title", "after Ada's say")
    grace.column.get_by_role("button", name="Disconnect").click()
    expect(console.online).to_have_text(["/hall Ada"])


def test_a_refused_connection_says_why(server: RunningServer, open_console: Open) -> None:
    ada = open_console(server).user("Ada")
    expect(ada.column.get_by_text("This namespace wants a token")).to_be_visible()
    ada.connect()

    expect(ada.state).to_have_text("refused")
    expect(ada.entries.last).to_contain_text("refused: token_required: Log in first: a token is required")
    ada.joins()


def test_what_a_listener_refuses_is_shown_and_where_it_is_wrong(
    server: RunningServer, open_console: Open
) -> None:
    ada = open_console(server).user("Ada")
    ada.joins()
    ada.event("refuse").get_by_role("button", name="Emit").click()
    expect(ada.entries.last.locator(".ack")).to_have_text(re.compile("^. slow_down Not so fast$"))

    ada.say("")
    expect(ada.entries.last.locator(".ack")).to_have_text(
        re.compile(
            "^. invalid_payload say got wrong arguments ?text: String should have at least 1 character$"
        )
    )
    field = ada.event("say").get_by_label("text")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("String should have at least 1 character")
    field.fill("better")
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_an_account_that_cannot_be_is_explained_and_an_old_one_logs_in(
    server: RunningServer, open_console: Open
) -> None:
    console = open_console(server)
    ada = console.user("Ada").column
    password = ada.get_by_label("Password")
    good = password.input_value()
    password.fill("short")
    ada.get_by_role("button", name="Register").click()
    expect(ada.get_by_role("alert")).to_have_text(re.compile("^password: .*at least 8"))

    password.fill(good)
    console.user("Ada").register()
    ada.get_by_role("button", name="Log out").click()
    ada.get_by_label("Log in").check()
    ada.get_by_role("button", name="Log in").click()
    expect(ada.get_by_role("button", name="Log out")).to_be_visible()
    # The browser says that 422 was an error of the page's.
    assert len(console.complaints) == 1
    console.complaints.clear()


def test_the_text_of_others_is_never_html(server: RunningServer, open_console: Open) -> None:
    console = open_console(server)
    ada, grace = console.user("Ada"), console.user("Grace")
    ada.joins()
    grace.joins()
    attack = "<img src=x onerror=\"document.title='owned'\">"

    ada.say(attack)

    expect(grace.entries.last.locator(".value")).to_have_text(
        json.dumps({"message": f"Ada says: {attack}"}, separators=(",", ":"))
        if len(attack) < 30
        else json.dumps({"message": f"Ada says: {attack}"}, indent=2)
    )
    assert console.page.locator("img").count() == 0
    assert console.page.title() == "Console of hall"


def test_a_form_has_what_the_contract_says(server: RunningServer, open_console: Open) -> None:
    console = open_console(server)
    ada = console.user("Ada")
    ada.connect("/visitors")  # As a visitor, without an account.
    expect(ada.state).to_have_text("connected")
    form = ada.event("everything")
    form.get_by_label("text").fill("a\nb")
    form.get_by_label("count").fill("3")
    form.get_by_label("is_urgent").select_option("true")
    form.get_by_label("color").select_option("green")
    form.get_by_label("task").fill('{"title": "t", ')
    emit = form.get_by_role("button", name="Emit")
    emit.click()
    expect(form.get_by_label("task")).to_have_accessible_description(re.compile("^This is not JSON: "))
    expect(ada.entries).to_have_count(1)  # Nothing was sent.

    form.get_by_label("task").fill('{"title": "t", "tags": ["x"]}')
    form.get_by_label("null").check()
    emit.click()
    answer = ["Ada", "a\nb", 3, True, "green", {"title": "t", "tags": ["x"]}, None, 0.5, "none"]
    ack = ada.entries.last.locator(".ack .value")
    expect(ack).to_be_visible()
    assert json.loads(ack.inner_text()) == answer

    # The last argument is given: so are those before it, as they are by default.
    form.get_by_label("label").fill("mine")
    expect(form.get_by_label("send")).to_be_checked() if False else None
    emit.click()
    expect(ada.entries).to_have_count(3)
    expect(ada.entries.last.locator(".ack .value")).to_be_visible()
    assert json.loads(ada.entries.last.locator(".ack .value").inner_text()) == [*answer[:-1], "mine"]
