"""The log: whom each record is about, in the format that was asked for, without anybody's secrets."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.core import Token
from app.logs import JsonLines, OneLine, WithContext
from support import Member, Refused, register
from tests.core.behind import until
from tests.core.observed import Observed, observed
from tests.core.wire import raw_polling, raw_socket

TOKEN_SECRET = "hush-token-secret, which is long enough to be one"
METRICS_TOKEN = "hush-metrics-token, which is long enough to be one"


async def refused(url: str, auth: Any) -> str:
    """The code with which /people refuses somebody."""
    member = Member("/people")
    with pytest.raises(Refused) as refusal:
        await member.connect(url, auth)
    await member.disconnect()
    return refusal.value.code


async def talk_about_secrets(url: str) -> list[str]:
    """Whatever can go wrong, with something secret in it; returns the tokens that were shown."""
    tokens = Token(TOKEN_SECRET, lifetime_s=6000)
    expired = Token(TOKEN_SECRET, lifetime_s=-1).issue("hush-expired")
    of_nobody = tokens.issue("nobody")
    valid = await register(url, "Ada")
    assert await refused(url, {}) == "token_required"
    assert await refused(url, {"token": "hush-malformed"}) == "invalid_token"
    assert await refused(url, {"token": expired}) == "invalid_token"
    assert await refused(url, {"token": of_nobody}) == "user_not_found"
    assert await refused(url, {"token": ["hush-list"]}) == "invalid_handshake"
    assert await refused(url, "hush-auth") == "invalid_handshake"
    assert await refused(f"{url}?commId=hush-query&metadata=hush-metadata", None) == "invalid_handshake"

    ada = Member("/people")
    await ada.connect(url, {"token": valid, "metadata": {"password": "hush-metadata"}})
    assert await ada.call("say", "hush-payload") == {"ok": True, "data": "hush-payload"}
    assert await ada.call("say", b"hush-bytes") == {"ok": True, "data": "hush-bytes"}
    assert (await ada.call("say", {"password": "hush-object"}))["error"]["code"] == "invalid_payload"
    assert (await ada.call("fail", "hush-failing"))["error"]["code"] == "internal_error"
    assert (await ada.call("pay", {"number": "hush-card"}))["error"]["code"] == "internal_error"
    await ada.emit("pay", {"number": "hush-card, input_type=int]"})
    await ada.emit("deny", "hush-message")
    await ada.emit("say", 42, "hush-extra")
    await ada.emit("noSuchEvent", "hush-unknown")
    await ada.call("say", "bye")
    await ada.disconnect()

    async with raw_socket(url, f"&commId={valid}") as client:
        await client.join("/people")
        await client.send('42/people,[{"password":"hush-name"}]', '42/people,["say","hush-truncated')
        await client.send("4hush-packet", '4{"hush":"json"}', "hush-engine", b"hush-binary", "48/people,hush")
    async with raw_polling(url, "&commId=hush-polling") as polling:
        await polling.post("4hush-packet", "hush-engine")

    account = {"name": "Ada", "email": "ada@example.com", "password": "hush-password"}
    async with aiohttp.ClientSession() as http:

        async def post(path: str, status: int, **request: Any) -> None:
            async with http.post(f"{url}{path}", **request) as answer:
                assert answer.status == status, await answer.text()

        await post("/api/users", 201, json=account)
        await post("/api/users", 409, json=account)
        await post("/api/users", 422, json=account | {"password": "hush"})
        await post("/api/login", 401, json={"email": "ada@example.com", "password": "hush-wrong"})
        await post("/api/login?password=hush-query", 422, data='{"password": "hush-broken')
        await post("/api/token", 401, headers={"Authorization": "Bearer hush-bearer"})
        for token, status in (("hush-wrong", 401), (METRICS_TOKEN, 200)):
            headers = {"Authorization": f"Bearer {token}"}
            async with http.get(f"{url}/metrics?token=hush-query", headers=headers) as answer:
                assert answer.status == status
                assert "hush" not in await answer.text()
    return [expired, of_nobody, valid]


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_no_token_payload_or_password_is_logged_even_at_debug(tmp_path: Path, log_format: str) -> None:
    settings = {"TOKEN_SECRET": TOKEN_SECRET, "METRICS_TOKEN": METRICS_TOKEN, "LOG_FORMAT": log_format}
    with observed(tmp_path, **settings) as server:
        tokens = await talk_about_secrets(server.url)

    log = server.log_path.read_text()
    said = [line for line in log.splitlines() if "hush" in line.lower() or "$argon2" in line]
    assert said == []
    assert [token for token in tokens if token in log] == []
    # It was not silent.
    for expected in (
        "invalid_token",
        "'deny' failed: denied",
        "the listener of 'pay' failed",
        "input_type=str",
    ):
        assert expected in log


def records(server: Observed) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log_path.read_text().splitlines()]


async def test_each_record_is_a_json_object_on_a_line_of_its_own(tmp_path: Path) -> None:
    with observed(tmp_path, LOG_FORMAT="json") as server:
        ada = Member("/people")
        await ada.connect(server.url, {"token": await register(server.url, "Ada")})
        sid = ada._socket.get_sid("/people")
        await ada.call("say", "hi")
        await ada.call("fail", "now")
        await ada.emit("no\nsuch\x1b[31m\u2028event")
        await ada.call("dawdle", within_s=5)
        await ada.disconnect()
        await until(lambda: "left" in server.log_path.read_text())

    found = records(server)
    by_message = {record["message"].partition(":")[0]: record for record in found}
    key = next(record["client"] for record in found if "client" in record)
    about = {"namespace": "/people", "sid": sid, "client": key}
    spoke = by_message["somebody\nspoke \x1b[31m loudly"]
    timestamp = spoke.pop("timestamp")
    assert timestamp.endswith("+00:00")
    assert spoke == about | {
        "level": "INFO",
        "logger": "tests.core.observed",
        "message": "somebody\nspoke \x1b[31m loudly",
        "event": "say",
    }
    failed = next(record for record in found if "exception" in record)
    assert failed["exception"].endswith("RuntimeError: first line\nsecond line")
    assert (failed["level"], failed["event"], failed["client"]) == ("ERROR", "fail", key)
    nobody = next(record for record in found if "nobody waits" in record["message"])
    assert "'no\\nsuch\\x1b[31m\\u2028event' failed: unknown_event" in nobody["message"]
    assert nobody["event"] == "other"
    dawdling = by_message["dawdling"]
    assert (dawdling["event"], dawdling["tasks"]) == ("mine", 3)
    left = next(record for record in found if "left" in record["message"])
    assert about.items() <= left.items()
    assert "event" not in left
    # What uvicorn says is about nobody.
    assert [record for record in found if record["logger"].startswith("uvicorn") and "sid" in record] == []


async def test_what_one_client_does_to_another_is_about_the_other(tmp_path: Path) -> None:
    with observed(tmp_path, LOG_FORMAT="json") as server:
        ada, grace = Member("/people"), Member("/people")
        for member, name in ((ada, "Ada"), (grace, "Grace")):
            await member.connect(server.url, {"token": await register(server.url, name)})
        sid = grace._socket.get_sid("/people")
        await ada.call("kick")
        await grace.left
        await until(lambda: "left" in server.log_path.read_text())
        found = records(server)
        await ada.disconnect()

    (left,) = (record for record in found if "left: server disconnect" in record["message"])
    assert (left["sid"], f"/people: {left['client']} left: server disconnect") == (sid, left["message"])
    assert "event" not in left


async def test_the_text_says_whom_a_record_is_about(tmp_path: Path) -> None:
    with observed(tmp_path) as server:
        ada = Member("/people")
        await ada.connect(server.url, {"token": await register(server.url, "Ada")})
        sid = ada._socket.get_sid("/people")
        await ada.call("say", "hi")
        await ada.disconnect()
        assert await refused(server.url, {}) == "token_required"

    log = server.log_path.read_text().splitlines()
    (connected,) = (line for line in log if line.endswith("]") and " connected [" in line)
    key = connected.rpartition("client=")[2].removesuffix("]")
    about = f"[namespace=/people sid={sid} client={key}"
    assert connected.endswith(f"INFO    app.access: /people: {key} connected {about}]")
    (spoke,) = (line for line in log if "somebody" in line)
    expected = rf"INFO    tests.core.observed: somebody\nspoke \x1b[31m loudly {about} event=say]"
    assert spoke.endswith(expected)
    (refusal,) = (line for line in log if "token_required" in line)
    assert "client=" not in refusal


def a_record(message: str, **extra: Any) -> logging.LogRecord:
    record = logging.LogRecord("app", logging.INFO, __file__, 1, message, (), None)
    record.__dict__.update(extra)
    WithContext().filter(record)
    return record


def test_each_record_of_a_worker_says_which_it_is() -> None:
    record = a_record("hello", namespace="/people")
    own = a_record("done", worker="mine")
    for each in (record, own):
        WithContext(worker=2).filter(each)
    found = [json.loads(JsonLines().format(each)) for each in (record, own)]
    assert [each["worker"] for each in found] == [2, "mine"]
    assert OneLine("%(message)s").format(record) == "hello [worker=2 namespace=/people]"
    assert "worker" not in json.loads(JsonLines().format(a_record("alone")))


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\x00\x1b[31m", "\u2028\u2029\x85", "\ud800", '"}\n{"level": "x"}']
)
def test_no_text_makes_two_records_of_one(text: str) -> None:
    try:
        raise RuntimeError(text)
    except RuntimeError:
        record = a_record(text, client=text, event=text, exc_info=sys.exc_info())

    line = JsonLines().format(record)
    assert len(line.splitlines()) == 1
    found = json.loads(line)
    assert (found["message"], found["client"], found["event"]) == (text, text, text)
    assert found["exception"].endswith(f"RuntimeError: {text}")
    message, *traceback = OneLine("%(message)s").format(record).split("\n")
    assert message.isprintable()
    assert [line for line in traceback if not line.startswith("  ") or not line.isprintable()] == []
