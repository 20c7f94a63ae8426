"""How much the server takes from its clients, and how long it waits for them.

`Limits` are settings; the constants before them are what nobody should have to change.
"""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo

# A python-socketio client drops the connection when a poll brings more.
MAX_PACKETS_PER_POLL: Final = 16
# A poll with that many bytes is answered, though there may be more.
ENOUGH_BYTES: Final = 65_536
UPGRADE_TIMEOUT_S: Final = 10
# TCP connections of an address, besides two for each of CONNECTIONS_PER_ADDRESS.
SPARE_CONNECTIONS: Final = 32
# Of a request, its URL included: nobody needs more, and uvicorn would keep whatever comes.
MAX_HEAD_BYTES: Final = 65_536
MAX_HEADERS: Final = 200
# Lists and objects of a message: a megabyte can have 300,000 of them, which take 20 MB and most of a second.
MAX_CONTAINERS: Final = 20_000
# Of a URL. No WebSocket library takes more; and all of it is read again for each CONNECT.
MAX_QUERY_BYTES: Final = 8_192
# Of a CONNECT, which brings a token and a few words: it is kept for as long as its client is there.
MAX_CONNECT_BYTES: Final = 16_384
# Requests that wait for an answer before them. No browser sends one; but 128 kB of them took 16 MB.
MAX_PIPELINED: Final = 8
# Of a WebSocket: what is read of it before its frames are counted.
READ_BYTES: Final = 4_096
# Frames with less than that carry next to nothing, but each takes as long to read as a large one.
SMALL_FRAME_BYTES: Final = 256
FRAMES_PER_S: Final = 2_000
FRAMES_AT_ONCE: Final = 2_500
# Of what a client has yet to take, in the system's buffers; the rest is in ours.
MAX_UNSENT_BYTES: Final = 65_536
# What a client has to take of an answer: enough for any phone that is connected at all.
SLOWEST_BYTES_PER_S: Final = 1_000
# How long a client has to say goodbye, when the server has: as long as uvicorn gives it.
CLOSE_TIMEOUT_S: Final = 10
# Once the server stops, instead of `body_timeout_s` and `write_timeout_s`.
LAST_TIMEOUT_S: Final = 1
# How long a poll is held while its session upgrades, before it is told to go; Node's server takes as long.
HOLD_S: Final = 0.1
# A minute's worth of failures, of so many origins, are remembered; then the oldest are forgotten.
MAX_ORIGINS: Final = 10_000
# Warnings about one origin.
LOGGED_PER_S: Final = 1
LOGGED_AT_ONCE: Final = 10

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0.01, allow_inf_nan=False)]


def _at_least_a_message(max_queue_bytes: int, info: ValidationInfo) -> int:
    if max_queue_bytes < info.data.get("max_message_bytes", 0):
        raise ValueError("it is less than MAX_MESSAGE_BYTES: a single message would be too much")
    return max_queue_bytes


class Limits(BaseModel):
    """Args:
    ping_interval_s: How often a client is asked whether it is still there.
    ping_timeout_s: How long it may take to answer that.
    connect_timeout_s: How long a connection may be in no namespace, at its beginning or later.
    head_timeout_s: How long the head of an HTTP request may take, from the connection or its first byte on.
    body_timeout_s: How long its body may take. A phone on slow 3G (400 kbit/s) sends 1 MB in 20 s; a polling
        client that takes much longer is gone anyway, since it cannot answer pings meanwhile.
    write_timeout_s: After how long a client is cut off that takes less than `SLOWEST_BYTES_PER_S`.
    max_message_bytes: Of a message with its attachments, or of a polling request.
    max_attachments: Of a message.
    max_nesting: How deep lists and objects may be in one another.
    max_queue_bytes: What may wait for one connection, to be sent to it; and as much, to be handled.
    max_queued_events: How many events of one connection may wait to be handled.
    events_per_second: Of one client in one namespace, in a cluster everywhere, in the long run; and of one
        connection, whose CONNECT packets and acks count, too.
    events_burst: The same, at once.
    connections_per_client: In one namespace, with the same key; in a cluster, everywhere.
    connections_per_address: From one IPv4 address, or one IPv6 network (/64).
    failed_handshakes_per_minute: From one address or network.
    """

    ping_interval_s: Seconds = 25
    ping_timeout_s: Seconds = 20
    connect_timeout_s: Seconds = 10
    head_timeout_s: Seconds = 10
    body_timeout_s: Seconds = 30
    write_timeout_s: Seconds = 20
    max_message_bytes: Count = 1_000_000
    max_attachments: Annotated[int, Field(ge=0)] = 10
    max_nesting: Annotated[int, Field(ge=1, le=500)] = 100
    max_queue_bytes: Annotated[Count, AfterValidator(_at_least_a_message)] = 4_000_000
    max_queued_events: Count = 256
    events_per_second: Count = 100
    events_burst: Count = 200
    connections_per_client: Count = 32
    connections_per_address: Count = 256
    failed_handshakes_per_minute: Count = 60


DEFAULT_LIMITS: Final = Limits()
