"""What the server knows of an Engine.IO connection, which several namespaces may share."""

from collections.abc import Callable

from .packets import CONNECT, BadPacket, Packet, read_packet
from .timer import Timer


class Connection:
    """Puts a client's packets together, and gives up when it is in no namespace for too long.

    Args:
        patience_s: How long is too long.
        give_up: Closes the connection.
    """

    def __init__(self, patience_s: float, give_up: Callable[[], None]) -> None:
        self.half: Packet | None = None
        self._greeted = False
        self._sessions = 0
        self._patience_s = patience_s
        self._give_up = give_up
        self._timer = Timer()
        self._wait()

    def read(self, message: str | bytes) -> Packet | None:
        """The packet that a message completes; None: attachments have yet to come.

        Raises:
            BadPacket: There is no way to go on.
        """
        packet, self.half = self.half, None
        if packet is not None:
            packet.attach(message)
        elif isinstance(message, bytes):
            raise BadPacket("an attachment came without its packet")
        else:
            packet = read_packet(message)
        if packet.kind == CONNECT:
            self._greeted = True
        elif not self._greeted:
            raise BadPacket("the first packet must be CONNECT")
        if not packet.missing:
            return packet
        self.half = packet
        return None

    def joined(self) -> None:
        """A session has begun."""
        self._sessions += 1
        self._timer.cancel()

    def left(self) -> None:
        """A session is over."""
        self._sessions -= 1
        if not self._sessions:
            self._wait()

    def closed(self) -> None:
        self._timer.cancel()

    def _wait(self) -> None:
        self._timer.set(self._patience_s, self._give_up)
