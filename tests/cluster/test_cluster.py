"""Two servers that are one."""

from app.core import OnlineCount
from support import serving
from tests.cluster.redis_server import RedisServer
from tests.core.people import joined, people_wrapper
from tests.undeclared import question, undeclared


async def test_what_is_said_on_one_node_is_heard_on_the_other(redis: RedisServer) -> None:
    here, there = people_wrapper(), people_wrapper()
    cluster = redis.cluster()
    async with (
        serving(here, cluster=cluster) as url,
        serving(there, cluster=cluster) as other_url,
        joined(url, "Ada") as tab,
        joined(other_url, "Ada") as phone,
        joined(url, "Bob") as bob,
        joined(other_url, "Eve") as eve,
    ):
        await here.broadcast(undeclared("news"), {"n": 1}, b"\x00")
        for member in (tab, phone, bob, eve):
            assert await member.hears("news") == [{"n": 1}, b"\x00"]
        await there.broadcast_except_client("Ada", undeclared("news"), 2)
        for member in (bob, eve):
            assert await member.hears("news") == 2
        assert await here.send_to_client("Ada", undeclared("news"), 3) == 2
        assert await here.send_to_client("Eve", undeclared("news"), 4) == 1
        assert await here.send_to_client("Nobody", undeclared("news"), 4) == 0
        for member in (tab, phone):
            assert await member.hears("news") == 3
        assert await eve.hears("news") == 4
        assert {key: who.connections for key, who in (await here.online()).items()} == {
            "Ada": 2,
            "Bob": 1,
            "Eve": 1,
        }
        assert await there.count_online() == OnlineCount(3, 4)
        phone.answer("where", "out")
        tab.answer("where", "home", b"\x01")
        answers = await there.call_client("Ada", question("where"))
        assert sorted(answers, key=str) == [["home", b"\x01"], "out"]
        assert await here.disconnect_client("Ada", code="rude", message="Go") == 2
        assert await phone.hears("closing") == {"code": "rude", "message": "Go"}
        assert [member.unheard for member in (phone, bob, eve)] == [[], [], []]
