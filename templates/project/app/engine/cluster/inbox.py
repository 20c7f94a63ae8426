"""What a node does when it hears another one."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from socketio.packet import ACK, EVENT

from ...core.transport import Handler
from ..calls import Call
from ..outgoing import Outgoing, outgoing
from ..packets import fill
from . import messages
from .link import ENCODING_ERRORS
from .messages import NotUnderstood
from .rooms import ClusterRooms, parts_of, sizes
from .roster import ClusterRoster
from .tasks import Tasks

log = logging.getLogger(__name__)

# Of the library's messages. As with ours, what is not known may say who is not to hear it.
FIELDS: Final = frozenset(
    {
        *("method", "host_id", "namespace", "sid", "room", "id", "args"),
        *("event", "data", "binary", "skip_sid", "callback"),
    }
)
# From directory.lua: how many nodes have a client.
SHARE: Final = re.compile(rb"\d{1,4} /")


class Inbox:
    """
    Args:
        handlers: By namespace.
    """

    def __init__(self, rooms: ClusterRooms, roster: ClusterRoster, handlers: Mapping[str, Handler]) -> None:
        self.received = 0
        self.passed_over = 0
        self._rooms = rooms
        self._roster = roster
        self._handlers = handlers
        self._here = rooms.node.encode()
        self._of_library = rooms.channel.encode()
        self._tasks = Tasks()

    def take(self, channel: bytes, message: bytes) -> None:
        """Do what a message says, whatever it is."""
        if message.startswith(self._here):
            return  # It is our own: Redis leaves nobody out.
        self.received += 1
        try:
            if channel == self._of_library:
                self._take_of_library(message)
            elif SHARE.match(message):
                self._take_share(message)
            else:
                self._act(*messages.read(message))
        except NotUnderstood as problem:
            self.passed_over += 1
            if self.passed_over == 1:
                log.warning("A message from another version was passed over, as all like it are: %s", problem)
        except Exception:
            log.exception("a message from another node failed")

    def stop(self) -> None:
        self._tasks.cancel()

    def _take_share(self, message: bytes) -> None:
        nodes, _, client = message.decode(errors=ENCODING_ERRORS).partition(" ")
        namespace, _, key = client.partition(",")
        self._roster.share(namespace, key, int(nodes))

    def _take_of_library(self, message: bytes) -> None:
        try:
            data = json.loads(message)
        except ValueError as error:
            raise NotUnderstood("it is not JSON") from error
        if not isinstance(data, dict) or not FIELDS.issuperset(data):
            raise NotUnderstood("it has fields that python-socketio's messages do not have")
        if data.get("host_id") != self._rooms.host_id or data.get("method") == "callback":
            self._rooms.of_library.put_nowait(data)

    def _act(self, node: str, message: messages.Message, parts: Sequence[bytes]) -> None:
        namespace = message.namespace
        handler = self._handlers.get(namespace)
        if handler is None:
            return  # It is of a version that has it.
        match message:
            case messages.Emit():
                event = Outgoing(EVENT, namespace, parts[0], parts[1:])
                self._rooms.deliver(namespace, event, message.rooms, message.except_rooms)
            case messages.Call():
                event = Outgoing(EVENT, namespace, parts[0], parts[1:])
                self._tasks.begin(self._answer(node, message, event))
            case messages.Answer():
                if call := self._rooms.calls.get(message.number):
                    answer = json.loads(parts[0])
                    # Without attachments, what looks like a placeholder is what the client has said.
                    call.add(fill(answer, list(parts[1:])) if len(parts) > 1 else answer)
            case messages.Gone():
                if call := self._rooms.calls.get(message.number):
                    call.add(None)
            case messages.Dismiss():
                self._tasks.begin(dismiss(handler, message))

    async def _answer(self, node: str, asked: messages.Call, event: Outgoing) -> None:
        """Pass on the acks of the connections that are here, to the node that asked."""
        call = Call()

        def pass_on(answer: Sequence[Any] | None) -> None:
            parts: list[bytes] = []
            head: messages.Head = messages.Gone(kind="gone", namespace=asked.namespace, number=asked.number)
            if answer is not None:
                parts = parts_of(outgoing(ACK, asked.namespace, answer))
                head = messages.Answer(
                    kind="answer", namespace=asked.namespace, sizes=sizes(parts), number=asked.number
                )
            message = messages.write(self._rooms.node, head, parts)
            self._rooms.directory.publish(self._rooms.channel_of(node), message)
            call.add(answer)

        with self._rooms.asked(asked.namespace, asked.client, event, pass_on) as count:
            call.expect(count)
            await call.answers(asked.timeout_s)


async def dismiss(handler: Handler, message: messages.Dismiss) -> None:
    await handler.dismiss(message.client, message.code, message.message)
