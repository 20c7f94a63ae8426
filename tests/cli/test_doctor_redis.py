"""What the doctor finds at REDIS_URL: a real Redis in each of its conditions, and nobody's data changed."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from macchiato_cli.doctor import redis_check
from macchiato_cli.doctor.redis_check import address, resp, server
from support import free_port
from tests.cli.ports import in_front_of, listening
from tests.cli.redis_servers import Redis, started_redis
from tests.services import require

CHECKOUT = Path(__file__).parents[2]
DIRECTORY = CHECKOUT / "templates/project/app/engine/cluster/directory.lua"
ALONE = "no server of tests runs now; two would hear each other"


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One that speaks TLS, with a certificate that nobody knows."""
    openssl = require("openssl", "apt install openssl")
    folder = tmp_path_factory.mktemp("tls")
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        [openssl, *made, "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    port = free_port()
    options = ["--tls-port", str(port), "--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem"]
    with started_redis(folder, *options, "--tls-auth-clients", "no", "--requirepass", "s3:cret"):
        yield Redis(port, folder, scheme="rediss")


# How to get there.


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3%3Acret@127.0.0.1:PORT",
        "redis://default:s3%3Acret@127.0.0.1:PORT/1",
        "redis://127.0.0.1:PORT?password=s3%3Acret&db=2",
        "valkey://:s3%3Acret@127.0.0.1:PORT/0",
        "unix://FOLDER/a%20b.sock?password=s3%3Acret&db=3",
        "unix://default:s3%3Acret@FOLDER/a%20b.sock",
    ],
)
def test_a_redis_that_answers_is_ok(redis: Redis, url: str) -> None:
    url = url.replace("PORT", str(redis.port)).replace("FOLDER", str(redis.folder))
    scheme = url.partition(":")[0]
    shown = f"unix://{redis.folder}/a b.sock" if scheme == "unix" else f"{scheme}://127.0.0.1:{redis.port}"

    assert redis_check.check(url) == ("ok", f"{shown} answers", ())
    found = f"{shown} is Redis {redis.version}; {ALONE}"
    assert redis_check.check(url, "tests") == ("ok", found, ())


@pytest.mark.parametrize("credentials", ["", ":wrong-pass@", "nobody:s3%3Acret@"])
def test_a_redis_that_refuses_is_broken_without_the_password(redis: Redis, credentials: str) -> None:
    state, found, tries = redis_check.check(f"redis://{credentials}127.0.0.1:{redis.port}")

    assert (state, tries) == ("broken", [f"REDIS_URL=redis://USER:PASSWORD@127.0.0.1:{redis.port}/0"])
    reason = "WRONGPASS " if credentials else "NOAUTH "
    assert found.startswith(f"{redis.shown} refuses: {reason}")
    assert "wrong-pass" not in found
    assert "s3" not in found


def test_a_refusal_that_quotes_the_password_is_cut_short() -> None:
    answer = b"-ERR unknown command 'AUTH', with args beginning with: 's3cret' \r\n"
    with listening(answer=answer) as port:
        found = redis_check.check(f"redis://:s3cret@127.0.0.1:{port}")

    assert found == ("broken", f"redis://127.0.0.1:{port} refuses: ERR unknown command 'AUTH'", [])


def test_a_database_that_is_not_there_is_broken(redis: Redis) -> None:
    assert redis_check.check(f"{redis.url}/99") == (
        "broken",
        f"{redis.shown} refuses: ERR DB index is out of range",
        [],
    )


def test_a_redis_with_tls_is_ok_where_its_certificate_is_known(encrypted: Redis) -> None:
    known = f"{encrypted.url}?ssl_ca_certs={encrypted.folder}/cert.pem"
    for url in (known, f"{encrypted.url}?ssl_cert_reqs=none", known.replace("rediss:", "valkeys:")):
        scheme = url.partition(":")[0]
        assert redis_check.check(url) == ("ok", f"{scheme}://127.0.0.1:{encrypted.port} answers", ())

    state, found, tries = redis_check.check(encrypted.url)
    assert (state, tries) == (
        "broken",
        [f"REDIS_URL='rediss://USER:PASSWORD@127.0.0.1:{encrypted.port}/0?ssl_ca_certs=DIR/ca.pem'"],
    )
    assert re.fullmatch(f"{encrypted.shown} has a certificate that is not trusted: self-signed .*", found)
    assert redis_check.check(f"{encrypted.url}?ssl_ca_certs=/no/such/ca.pem")[:2] == (
        "broken",
        "REDIS_URL names a certificate that cannot be read: No such file or directory",
    )


def test_a_redis_that_wants_tls_is_asked_for_with_it(encrypted: Redis) -> None:
    plain = f"redis://127.0.0.1:{encrypted.port}"

    assert redis_check.check(plain) == (
        "broken",
        f"{plain} closes the connection: it may want TLS",
        [f"REDIS_URL=rediss://127.0.0.1:{encrypted.port}/0"],
    )


def test_what_is_no_redis_is_broken_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resp, "PATIENCE_S", 0.5)
    before = time.monotonic()
    with ExitStack() as stack:
        silent, http, huge = (
            stack.enter_context(listening(answer=answer))
            for answer in (None, b"HTTP/1.1 400 Bad Request\r\n", b"*999999999\r\n$99999999\r\n")
        )
        silence = redis_check.check(f"redis://127.0.0.1:{silent}")
        others = [redis_check.check(f"redis://127.0.0.1:{port}") for port in (http, huge)]
        encrypted = redis_check.check(f"rediss://127.0.0.1:{http}")

    assert time.monotonic() - before < 4
    assert silence[:2] == ("broken", f"redis://127.0.0.1:{silent} cannot be reached: timed out")
    assert [other[:2] for other in others] == [
        ("broken", f"what answers at redis://127.0.0.1:{port} is not Redis") for port in (http, huge)
    ]
    assert encrypted[:2] == (
        "broken",
        f"rediss://127.0.0.1:{http} does not speak TLS as it should: WRONG_VERSION_NUMBER",
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "redis://localhost:port",
        "localhost:6379",
        "redis://[::1",
        "unix://redis.sock",
        "redis://localhost?db=first",
    ],
)
def test_a_url_that_is_none_of_redis_is_broken(url: str) -> None:
    state, found, tries = redis_check.check(url)

    assert (state, tries) == ("broken", ["REDIS_URL=redis://localhost:6379/0"])
    assert url not in found


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "rediss://u:p@localhost:1/2",
        "valkey://localhost",
        "valkeys://localhost",
        "unix:///tmp/redis.sock?password=a@b",
        "redis://localhost?password=a@b",
        "redis://u:34/q@localhost",
        "redis://u:34?q@localhost",
        "redis://u:34#q@localhost",
        "redis-cluster://localhost",
        "redis://localhost:65536",
    ],
)
def test_what_the_settings_refuse_is_refused(url: str) -> None:
    from app.settings import Settings

    def refused_by_settings() -> bool:
        try:
            Settings(redis_url=url, token_secret="abcdefgh" * 8)  # type: ignore[arg-type]
        except ValueError:
            return True
        return False

    try:
        address.read_url(url)
    except address.BadURL:
        assert refused_by_settings()
    else:
        assert not refused_by_settings()


# What it is.


def test_versions_that_cannot_run_the_scripts_are_broken(redis: Redis) -> None:
    with in_front_of(redis.port, instead=(rb"redis_version:\d", b"redis_version:4")) as port:
        url = redis.url.replace(str(redis.port), str(port))
        old = "4" + redis.version[1:]

        assert redis_check.check(url, "tests") == (
            "broken",
            f"redis://127.0.0.1:{port} is Redis {old}, where the scripts of nodes fail:"
            " 5.0 is the oldest where they work",
            (),
        )


def test_valkey_is_told_by_its_own_version(redis: Redis) -> None:
    info = (rb"redis_git_sha1:\w{8}", b"valkey_version:8.1.4\r\nx")
    with in_front_of(redis.port, instead=info) as port:
        url = redis.url.replace(str(redis.port), str(port))

        found = f"redis://127.0.0.1:{port} is Valkey 8.1.4; {ALONE}"
        assert redis_check.check(url, "tests") == ("ok", found, ())


def test_a_replica_is_broken_and_its_primary_named(redis: Redis) -> None:
    redis.ask("REPLICAOF", "127.0.0.1", "1")
    try:
        assert redis_check.check(redis.url, "tests") == (
            "broken",
            f"{redis.shown} is a replica, where nodes cannot write: name its primary, 127.0.0.1:1",
            ("REDIS_URL=redis://USER:PASSWORD@127.0.0.1:1/0",),
        )
        state, found, _ = redis_check.check(redis.as_node("-info"), "tests")
        assert (state, found) == (
            "broken",
            f"{redis.shown} refuses what nodes do: READONLY You can't write against a read only replica.",
        )
    finally:
        redis.ask("REPLICAOF", "NO", "ONE")


def test_a_part_of_a_redis_cluster_and_a_sentinel_are_broken(tmp_path: Path) -> None:
    config = tmp_path / "sentinel.conf"
    config.write_text("")
    with (
        started_redis(tmp_path, "--cluster-enabled", "yes") as part,
        started_redis(tmp_path, str(config), "--sentinel") as sentinel,
    ):
        found = [redis_check.check(one.shown, "tests") for one in (part, sentinel)]

    assert found == [
        (
            "broken",
            f"{part.shown} is part of a Redis Cluster, and what nodes share has to be on one server",
            (),
        ),
        (
            "broken",
            f"{sentinel.shown} is a Sentinel, which knows where Redis is: name that",
            ("REDIS_URL=redis://HOST:6379/0",),
        ),
    ]


def test_a_redis_that_forgets_who_is_online_is_a_note(redis: Redis) -> None:
    redis.settle("maxmemory-policy", "allkeys-lru")
    unlimited = redis_check.check(redis.url, "tests")
    redis.settle("maxmemory", "100mb")
    limited = redis_check.check(redis.url, "tests")
    redis.settle("maxmemory-policy", "volatile-lru")
    volatile = redis_check.check(redis.url, "tests")
    redis.settle("maxmemory", "0", "maxmemory-policy", "noeviction")

    assert (unlimited[0], volatile[0]) == ("ok", "ok")
    state, found, tries = limited
    assert (state, found.partition(f"{ALONE}; ")[2]) == (
        "note",
        "its maxmemory-policy is allkeys-lru: with its memory full, it forgets who is online",
    )
    command = f"redis-cli -h 127.0.0.1 -p {redis.port} --askpass CONFIG SET maxmemory-policy noeviction"
    assert tries == [command]


# What it lets nodes do.


@pytest.mark.parametrize(
    ("rule", "refusal"),
    [
        ("-script", "NOPERM.* 'script|load' command"),
        ("-evalsha", "NOPERM.* 'evalsha' command"),
        ("-zadd", "NOPERM.*|.*(ZADD)"),
        ("-publish", "NOPERM.*(PUBLISH)"),
        ("-subscribe", "NOPERM.* 'subscribe' command"),
        ("-del", "NOPERM"),
    ],
)
def test_a_user_who_may_not_do_what_nodes_do_is_broken(redis: Redis, rule: str, refusal: str) -> None:
    state, found, tries = redis_check.check(redis.as_node(rule), "tests")

    assert (state, tries) == ("broken", ())
    assert found.startswith(f"{redis.shown} refuses what nodes do: ")
    assert rule[1:] in found.lower()


def test_a_user_who_may_not_touch_what_nodes_touch_is_broken(redis: Redis) -> None:
    keys = redis_check.check(redis.as_node("resetkeys", "~other:*"), "tests")
    channels = redis_check.check(redis.as_node("resetchannels", "&other", "&other:*"), "tests")
    of_all = redis_check.check(redis.as_node("resetchannels", "&tests", "&tests:node:*"), "tests")

    for state, found, _ in (keys, channels, of_all):
        assert state == "broken"
        assert re.match(f"{redis.shown} refuses what nodes do: .*(key|channel)", found)


def test_a_user_who_may_do_what_nodes_do_and_no_more_is_ok(redis: Redis) -> None:
    blind = redis_check.check(redis.as_node("-@dangerous"), "tests")
    deaf = redis_check.check(redis.as_node("-pubsub"), "tests")

    assert blind == ("ok", f"{redis.shown} is a Redis that does not tell its version; {ALONE}", ())
    found = f"{redis.shown} is Redis {redis.version}; {ALONE}; Redis does not say who listens"
    assert deaf == ("note", found, ())


def test_a_redis_that_is_full_is_broken(redis: Redis) -> None:
    redis.settle("maxmemory", "1")
    found = redis_check.check(redis.url, "tests")
    redis.settle("maxmemory", "0")

    assert found[0] == "broken"
    assert found[1].startswith(f"{redis.shown} refuses what nodes do: OOM command not allowed")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            "ERR Error running script (call to f_5ed): @user_script:23: @user_script: 23: Write not allowed",
            "ERR Write not allowed",
        ),
        (
            "READONLY You can't write against a read only replica. script: 5ed, on @user_script:14.",
            "READONLY You can't write against a read only replica.",
        ),
    ],
)
def test_the_reason_why_a_script_fails_is_told_as_redis_5_and_7_have_it(error: str, reason: str) -> None:
    assert server.without_place(error) == reason


def test_the_rehearsal_has_all_that_the_scripts_of_nodes_do() -> None:
    real = set(re.findall(r"redis\.call\('([A-Z]+)'", DIRECTORY.read_text()))
    rehearsed = set(re.findall(r"(?:\{|call\()'([A-Z]+)'", server.REHEARSAL))

    assert len(real) > 15
    assert real == rehearsed


def test_a_redis_that_passes_nothing_on_is_broken(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resp, "PATIENCE_S", 0.5)
    with in_front_of(redis.port, instead=(rb"\r\nmessage\r\n", b"\r\nnothing\r\n")) as port:
        found = redis_check.check(redis.url.replace(str(redis.port), str(port)), "tests")

    words = "does not pass on what is said on one connection to another"
    assert found == ("broken", f"redis://127.0.0.1:{port} {words}", ())


def test_an_address_with_several_servers_behind_it_is_broken(redis: Redis, tmp_path: Path) -> None:
    with (
        started_redis(tmp_path, "--requirepass", "s3:cret") as other,
        in_front_of(redis.port, other.port) as port,
    ):
        found = redis_check.check(redis.url.replace(str(redis.port), str(port)), "tests")

    assert found == (
        "broken",
        f"redis://127.0.0.1:{port} is more than one server:"
        " what is said on one connection is not heard on another",
        (),
    )
