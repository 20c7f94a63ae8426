"""Whether a Redis is one that nodes can share: its version, its role, what it lets them do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .address import Address
from .resp import Connection, Refused

# Before, scripts could not write after they had read the clock, as app/engine/cluster/directory.lua does.
OLDEST = (5, 0)
_PLACE = re.compile(r"Error running script \(call to \w+\): (@\w+: ?\d+: )*")

# Every command of directory.lua, to a key that nobody has, and of which nothing is left. What can be refused
# for want of memory comes first: once a script has written, nothing is.
REHEARSAL = """
local key, channel = ARGV[1], ARGV[2]
local commands = {
  {'SET', key, '1', 'NX', 'EX', '300'}, {'GET', key}, {'EXISTS', key}, {'TIME'},
  {'INCRBY', key, '1'}, {'DECRBY', key, '1'},
  {'HSET', key, 'a', '1', 'b', '2'}, {'HGETALL', key}, {'HEXISTS', key, 'a'},
  {'HDEL', key, 'a'},
  {'SADD', key, 'a'}, {'SISMEMBER', key, 'a'}, {'SCARD', key}, {'SRANDMEMBER', key, '1'},
  {'SSCAN', key, '0', 'COUNT', '500'}, {'SREM', key, 'a'},
  {'ZADD', key, '1', 'a'}, {'ZSCORE', key, 'a'}, {'ZCARD', key}, {'ZRANGEBYSCORE', key, '-inf', '1'},
  {'ZREM', key, 'a'}, {'PUBLISH', channel, 'x'},
}
for _, command in ipairs(commands) do
  local answer = redis.pcall(unpack(command))
  redis.call('DEL', key)
  if type(answer) == 'table' and answer.err then
    return redis.error_reply(answer.err .. ' (' .. command[1] .. ')')
  end
end
return 'done'
"""


class Unfit(Exception):
    """Nodes cannot share this Redis: why, and what to type."""

    def __init__(self, why: str, *tries: str) -> None:
        super().__init__(why)
        self.why, self.tries = why, tries


def read_info(connection: Connection) -> dict[str, str]:
    """What Redis says of itself; nothing, where it is not for this user."""
    try:
        lines = str(connection.ask("INFO")).splitlines()
    except Refused:
        return {}
    return {name: value for name, _, value in (line.partition(":") for line in lines)}


def name_of(info: Mapping[str, str]) -> str:
    """What it is, and its version."""
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return (
        f"Redis {info['redis_version']}"
        if "redis_version" in info
        else "a Redis that does not tell its version"
    )


def judge(info: Mapping[str, str], address: Address) -> None:
    """
    Raises:
        Unfit: By what it says of itself.
    """
    mode = info.get("redis_mode")
    if mode == "sentinel":
        raise Unfit(
            "is a Sentinel, which knows where Redis is: name that", address.setting(place="HOST:6379")
        )
    if mode == "cluster":
        raise Unfit("is part of a Redis Cluster, and what nodes share has to be on one server")
    if info.get("role") == "slave":
        primary = f"{info.get('master_host')}:{info.get('master_port')}"
        why = f"is a replica, where nodes cannot write: name its primary, {primary}"
        raise Unfit(why, address.setting(place=primary))
    # Valkey says here which Redis it is like.
    version = info.get("redis_version", "")
    if version and _numbers(version) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise Unfit(
            f"is Redis {version}, where the scripts of nodes fail: {oldest} is the oldest where they work"
        )


def rehearse(connection: Connection, key: str, channel: str) -> None:
    """Have a script do what those of nodes do, to a key that nobody has.

    Args:
        channel: One that nobody listens to.

    Raises:
        Unfit: It may not.
    """
    try:
        # Who may not remove the key does not make it.
        connection.ask("DEL", key)
        digest = connection.ask("SCRIPT", "LOAD", REHEARSAL)
        connection.ask("EVALSHA", str(digest), "0", key, channel)
    except Refused as refusal:
        raise Unfit(f"refuses what nodes do: {without_place(str(refusal))}") from refusal


def memory_notes(info: Mapping[str, str], address: Address) -> tuple[list[str], Sequence[str]]:
    """What there is to know of what it forgets, and what to type."""
    policy = info.get("maxmemory_policy", "")
    # With volatile-*, what it forgets is no more than who has told of a client's going.
    if not policy.startswith("allkeys") or info.get("maxmemory", "0") == "0":
        return [], ()
    note = f"its maxmemory-policy is {policy}: with its memory full, it forgets who is online"
    return [note], [address.command("CONFIG", "SET", "maxmemory-policy", "noeviction")]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def without_place(error: str) -> str:
    """An error of a script without its name and line, which Redis 7 has at the end, others in front."""
    return _PLACE.sub("", error).partition(" script: ")[0]
