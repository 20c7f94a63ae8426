"""The console in a real browser: two users in one page, Ada and Grace, who are connected to /hall."""

import json
import re

import pytest
from playwright.sync_api import expect

from support import RunningServer
from tests.console.conftest import Open
from tests.console.page import Console

NOW = r"\d\d:\d\d:\d\d"


@pytest.fixture(scope="module")
def console(server: RunningServer, open_console: Open) -> Console:
    opened = open_console(server)
    expect(opened.online).to_have_text(["Nobody is connected"])
    for name in ("Ada", "Grace"):
        opened.user(name).joins()
    return opened


def test_two_users_talk_and_see_how_long_it_takes(console: Console) -> None:
    ada, grace = console.user("Ada"), console.user("Grace")
    ada.say("hello")

    expect(ada.entries).to_have_text(
        [
            re.compile(f"^.status connected, by websocket{NOW}$"),
            re.compile(f'^.sent say[\\d.]+ ms{NOW}"hello". ok5$'),
        ]
    )
    expect(grace.entries.last).to_have_text(
        re.compile(f'^.heard said\\+[\\d.]+ ms{NOW}{{"message":"Ada says: hello"}}$')
    )
    expect(grace.entries.last.locator(".latency")).to_have_attribute("title", "after Ada's say")
    expect(console.online).to_have_text(["/hall Ada, Grace"])


def test_what_a_listener_refuses_is_shown(console: Console) -> None:
    ada = console.user("Ada")
    ada.event("refuse").get_by_role("button", name="Emit").click()
    expect(ada.last_ack).to_have_text(re.compile("^. slow_down Not so fast$"))


def test_a_wrong_argument_is_shown_where_it_is(console: Console) -> None:
    ada = console.user("Ada")
    ada.say("")
    problem = "String should have at least 1 character"
    expect(ada.last_ack).to_have_text(
        re.compile(f"^. invalid_payload say got wrong argumentstext: {problem}$")
    )
    field = ada.event("say").get_by_label("text")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(problem)
    field.fill("better")
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_the_text_of_others_is_never_html(console: Console) -> None:
    attack = "<img src=x onerror=\"document.title='owned'\">"
    console.user("Ada").say(attack)

    heard = console.user("Grace").entries.last.locator(".value")
    expect(heard).to_contain_text("onerror")
    assert json.loads(heard.inner_text()) == {"message": f"Ada says: {attack}"}
    assert console.page.locator("img").count() == 0
    assert console.page.title() == "Console of hall"


def test_a_script_in_the_page_does_not_run(console: Console) -> None:
    """What the policy is for, should text become HTML by mistake."""
    refused = """() => {
        try { document.createElement("div").innerHTML = "<b>text</b>"; return "made HTML"; }
        catch (error) { return error.name; }
    }"""
    assert console.page.evaluate(refused) == "TypeError"
    assert console.complaints.pop().startswith("This document requires 'TrustedHTML' assignment.")


def test_a_question_of_the_server_is_answered(console: Console) -> None:
    grace = console.user("Grace")
    grace.event("ask").get_by_role("button", name="Emit").click()
    grace.entries.last.get_by_label("answer").select_option("true")
    grace.entries.last.get_by_role("button", name="Answer").click()

    expect(grace.entries.last).to_have_text(re.compile(f"^.asked areYouReady{NOW}. answered$"))
    expect(grace.last_ack).to_have_text(re.compile(r"^. ok\[true\]$"))


def test_a_renewed_token_is_used_and_never_shown(console: Console) -> None:
    ada = console.user("Ada")
    ada.column.get_by_role("button", name="Renew token").click()

    expect(ada.last_ack).to_have_text(re.compile(r'^. ok\{"expires_at":\d+\}$'))
    sent = ada.column.locator(".sent").last
    expect(sent.locator("> .value")).to_have_text('"\u2039token\u203a"')
    tokens = "() => JSON.parse(sessionStorage.console).map((user) => user.account.token)"
    for token in console.page.evaluate(tokens):
        assert token not in console.page.content()
    assert console.page.evaluate("() => [localStorage.length, document.cookie]") == [0, ""]


def test_who_reloads_the_page_is_connected_again(console: Console) -> None:
    """The last test here: it forgets what was said."""
    console.user("Grace").column.get_by_role("button", name="Disconnect").click()
    expect(console.online).to_have_text(["/hall Ada"])
    console.page.reload()
    expect(console.user("Ada").state).to_have_text("connected")
    expect(console.user("Grace").state).to_have_text("offline")
    expect(console.user("Grace").column.get_by_role("button", name="Log out")).to_be_visible()
