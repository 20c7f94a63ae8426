"""How long the server waits for its clients, and how much it takes from them."""

from dataclasses import dataclass
from typing import Final

# In one message, or in one polling request.
MAX_MESSAGE_BYTES: Final = 1_000_000
# A python-socketio client drops the connection when a poll brings more.
MAX_PACKETS_PER_POLL: Final = 16
UPGRADE_TIMEOUT_S: Final = 10
# How long a poll is held while its session upgrades, before it is told to go; Node's server takes as long.
HOLD_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Args:
    ping_interval_s: How often a client is asked whether it is still there.
    ping_timeout_s: How long it may take to answer that.
    connect_timeout_s: How long a connection may be in no namespace, at its beginning or later.
    """

    ping_interval_s: float = 25
    ping_timeout_s: float = 20
    connect_timeout_s: float = 10


DEFAULT_LIMITS: Final = Limits()
