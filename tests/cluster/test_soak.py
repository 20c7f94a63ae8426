"""A cluster under load, whose nodes are restarted one by one: `python -m tests.cluster.soak`, made short."""

import math
from collections import Counter
from pathlib import Path

import pytest

from tests.cluster.redis_server import RedisServer
from tests.cluster.soak.ledger import Heard, Kind, Message, Verdict, judge, miscounted, mistold
from tests.cluster.soak.soaking import Plan, soak

PLAN = Plan(clients=60, nodes=3, seconds=1, messages_per_s=200, pause_s=0.8)


@pytest.mark.timeout(120)
async def test_nothing_is_lost_or_comes_twice_or_to_others_while_nodes_restart(
    redis: RedisServer, tmp_path: Path
) -> None:
    report = await soak(PLAN, redis, tmp_path)
    assert report.faults == {}
    assert report.restarts == PLAN.nodes
    assert set(report.verdict.sent) == {"all", "all but", "room", "client"}
    # Users come and go, and talk, in more than half of the time that restarts take.
    assert report.verdict.checked > 5_000
    assert report.told["came"] == report.told["went"] > 60 / 3


# What the soak would say of a cluster that does not work.


def message(kind: Kind, to: str = "", *, acked_at: float = 10.1) -> Message:
    return Message(1, kind, "Ada", to, sent_at=10, acked_at=acked_at)


def connection(
    user: str, room: str = "blue", *, came: float = 1, ended: float = math.inf, heard: float | None = 10.2
) -> Heard:
    return Heard(user, room, came, came, ended, {} if heard is None else {1: heard})


def verdict(message: Message, *connections: Heard) -> Verdict:
    return judge({1: message}, connections)


@pytest.mark.parametrize("said", [message("all"), message("room", "blue"), message("client", "Bob")])
def test_who_was_there_all_the_time_and_heard_nothing_has_lost_a_message(said: Message) -> None:
    found = verdict(said, connection("Bob"), connection("Bob", heard=None))
    assert (found.checked, found.also_heard) == (2, 0)
    assert found.lost == [f"{said} by Bob"]
    assert (found.duplicated, found.wrong, found.sent) == ([], [], Counter({said.kind: 1}))


def test_who_was_coming_or_leaving_may_hear_or_not() -> None:
    others = [
        each
        for heard in (None, 10.2)
        for each in (connection("Bob", came=10.05, heard=heard), connection("Bob", ended=11, heard=heard))
    ]
    found = verdict(message("all"), *others)
    assert (found.checked, found.also_heard, found.lost) == (0, 2, [])
    unanswered = verdict(message("all", acked_at=math.inf), connection("Bob", heard=None), connection("Bob"))
    assert (unanswered.checked, unanswered.also_heard, unanswered.lost) == (0, 1, [])


@pytest.mark.parametrize(
    "said", [message("all but", "Bob"), message("room", "red"), message("client", "Eve")]
)
def test_who_hears_what_is_for_others_is_found(said: Message) -> None:
    assert verdict(said, connection("Bob", heard=None)).wrong == []
    assert verdict(said, connection("Bob")).wrong == [f"Bob in blue heard {said}"]


def test_what_comes_twice_or_is_not_as_it_was_sent_is_found() -> None:
    said, twice, odd = message("all"), connection("Bob"), connection("Eve")
    twice.twice, odd.odd = [1], [["said", {}]]
    found = verdict(said, twice, odd)
    assert found.duplicated == [f"{said} by Bob"]
    assert found.wrong == ["Eve heard ['said', {}]"]


def test_a_count_of_receivers_that_cannot_be_is_found() -> None:
    said = message("client", "Bob")
    theirs = [connection("Bob"), connection("Bob", came=10.05), connection("Bob", ended=5), connection("Eve")]
    counts = {}
    for reached in range(4):
        said.reached = reached
        counts[reached] = len(miscounted([said], theirs))
    assert counts == {0: 1, 1: 0, 2: 0, 3: 1}


@pytest.mark.parametrize(
    ("notes", "online", "wrong"),
    [
        (["came Ada 1", "went Ada 5", "came Ada 9"], ["Ada"], 0),
        (["came Ada 1", "came Ada 5", "went Ada 4.9"], ["Ada"], 0),
        (["came Ada 5.1", "went Ada 5"], [], 0),  # Another node was quicker to print it.
        (["came Ada 1", "came Ada 5"], ["Ada"], 1),
        (["came Ada 1", "came Ada 5", "went Ada 9", "went Ada 15"], [], 1),
        (["went Ada 1", "came Ada 5"], [], 1),
        (["came Ada 1"], [], 1),
        ([], ["Ada"], 1),
    ],
)
def test_comings_and_goings_that_are_not_told_in_turn_are_found(
    notes: list[str], online: list[str], wrong: int
) -> None:
    assert len(mistold(notes, online)) == wrong
