"""SocketWrapper: one Socket.IO namespace, with its guard, its listeners and its clients."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar, overload

from .connections import Client, ClientKey, Connections
from .events import Args, DeclaresEvents, Event, Question
from .hooks import (
    ConnectHook,
    DisconnectHook,
    ListenerFunction,
    Middleware,
    PresenceHook,
    Publish,
    accept_everybody,
)
from .lifecycle import Lifecycle
from .listeners import Listener, Listeners
from .transport import ACCEPTED, NotAttached, OnlineCount, Presence, Transport, client_room, named_room
from .wire import to_wire

Metadata = TypeVar("Metadata")
Params = ParamSpec("Params")
Answer = TypeVar("Answer")


class SocketWrapper(DeclaresEvents, Generic[Metadata]):
    """A namespace whose clients all have metadata of one type.

    For one connection everything runs in turn: the middleware, `after_client_connect`, the listeners in the
    order in which the client sent the events, at last `on_client_disconnect`. Connections run side by side.

    A client whose time is limited (`socket_ok(..., expires_at=...)`) can send `renewToken` with a fresh token
    for the same `client_connection_key`: the middleware decides again, and the connection goes on.

    Args:
        socket_namespace: `"devUser"` is the namespace `/devUser`.
        connection_middleware: Accepts or refuses each client; without one, everybody is accepted. It gets the
            wrapper, the client, what the client sent as `auth.token` (or `commId`), and the metadata it sent.
            Both are the client's word. What the middleware returns is what you can rely on.
        client_connection_key: The field of the middleware's metadata that says who the client is, such as a
            user's id; without one, each connection is a client of its own.
        after_client_connect: Runs once the client knows that it is accepted.
        on_client_disconnect: Runs exactly once for each accepted connection.
        published_metadata: What everybody may know of a client: `online` and the next two tell it.
        on_client_online: Runs when a client joins: its first connection is there. The calls for its
            connections run beside it. In a cluster, it runs on one of the servers, and after an outage of
            Redis perhaps late or twice: ask `is_online` where it matters.
        on_client_offline: Likewise, when a client leaves: its last connection is gone.
        listeners: Event -> listener; the same as `@wrapper.listener(event)` above each.
        middleware_timeout_s: A middleware that takes longer refuses the client.
    """

    @overload
    def __init__(
        self: "SocketWrapper[None]",
        *,
        socket_namespace: str,
        after_client_connect: ConnectHook[None] | None = None,
        on_client_disconnect: DisconnectHook[None] | None = None,
        published_metadata: Publish[None] | None = None,
        on_client_online: PresenceHook[None] | None = None,
        on_client_offline: PresenceHook[None] | None = None,
        listeners: Mapping[str, ListenerFunction[None, ..., object]] | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        *,
        socket_namespace: str,
        connection_middleware: Middleware[Metadata],
        client_connection_key: str | None = None,
        after_client_connect: ConnectHook[Metadata] | None = None,
        on_client_disconnect: DisconnectHook[Metadata] | None = None,
        published_metadata: Publish[Metadata] | None = None,
        on_client_online: PresenceHook[Metadata] | None = None,
        on_client_offline: PresenceHook[Metadata] | None = None,
        listeners: Mapping[str, ListenerFunction[Metadata, ..., object]] | None = None,
        middleware_timeout_s: float = 5.0,
    ) -> None: ...
    def __init__(
        self,
        *,
        socket_namespace: str,
        connection_middleware: Any = None,
        client_connection_key: str | None = None,
        after_client_connect: Any = None,
        on_client_disconnect: Any = None,
        published_metadata: Any = None,
        on_client_online: Any = None,
        on_client_offline: Any = None,
        listeners: Any = None,
        middleware_timeout_s: float = 5.0,
    ) -> None:
        if client_connection_key and not connection_middleware:
            raise ValueError(
                "client_connection_key needs a connection_middleware: it names a field of its answer"
            )
        super().__init__()
        self.namespace = "/" + socket_namespace.strip("/")
        self.connection_middleware: Middleware[Metadata] = connection_middleware or accept_everybody
        self.client_connection_key = client_connection_key
        self.after_client_connect: ConnectHook[Metadata] | None = after_client_connect
        self.on_client_disconnect: DisconnectHook[Metadata] | None = on_client_disconnect
        self.published_metadata: Publish[Metadata] | None = published_metadata
        self.on_client_online: PresenceHook[Metadata] | None = on_client_online
        self.on_client_offline: PresenceHook[Metadata] | None = on_client_offline
        self.middleware_timeout_s = middleware_timeout_s
        self.listeners = Listeners()
        self.connections = Connections[Metadata]()
        self._transport: Transport | None = None
        for event, function in (listeners or {}).items():
            self.listener(event)(function)

    def listener(
        self, event: str, *, errors: Sequence[str] = ()
    ) -> Callable[[ListenerFunction[Metadata, Params, Answer]], ListenerFunction[Metadata, Params, Answer]]:
        """Declare the listener of `event`; what it returns is the data of the client's ack.

        Args:
            errors: The codes of its own SocketErrors, so that clients know of them.

        Raises:
            ValueError: The event is reserved, or has a listener already.
            TypeError: The function cannot be a listener.
        """

        def add(
            function: ListenerFunction[Metadata, Params, Answer],
        ) -> ListenerFunction[Metadata, Params, Answer]:
            self.listeners.add(Listener(event, function, errors=errors))
            return function

        return add

    def attach(self, transport: Transport) -> Lifecycle[Metadata]:
        """Join a server: sending works from now on. The server calls what this returns."""
        self._transport = transport
        return Lifecycle(self)

    @property
    def transport(self) -> Transport:
        """The way to the clients.

        Raises:
            NotAttached: No server has taken up this wrapper yet.
        """
        if self._transport is None:
            raise NotAttached(f"{self.namespace} has no server yet: send once the server runs")
        return self._transport

    # Who is connected to this server.

    @property
    def connected_clients(self) -> Mapping[str, Sequence[Client[Metadata]]]:
        """Client key -> its open connections. A copy: it does not change as clients come and go."""
        return self.connections.by_key()

    def get_connected_sockets(self) -> Sequence[Client[Metadata]]:
        """Every open connection."""
        return tuple(self.connections)

    def get_client_by_id(self, key: ClientKey) -> Client[Metadata] | None:
        """The client with this key: the oldest of its open connections (`connected_clients[key]` has all)."""
        return next(iter(self.connections.of_client(key)), None)

    def get_client_by_metadata_key(self, field: str, value: object) -> Client[Metadata] | None:
        """The oldest open connection whose metadata has `value` in `field`.

        Raises:
            AttributeError: The metadata has no such field.
        """
        return next((client for client in self.connections if getattr(client.metadata, field) == value), None)

    # Who is online, on this server or, in a cluster, on another one. All of these raise Unavailable while a
    # server of a cluster cannot know.

    async def online(self) -> Mapping[str, Presence]:
        """Client key -> what is known of it, for every client."""
        return await self.transport.online()

    async def is_online(self, key: ClientKey) -> bool:
        """Whether the client has a connection."""
        return await self.transport.presence(str(key)) is not None

    async def presence(self, key: ClientKey) -> Presence | None:
        """What is known of a client, None when it is not online."""
        return await self.transport.presence(str(key))

    async def count_online(self) -> OnlineCount:
        """How many clients there are, and how many connections they have."""
        return await self.transport.count_online()

    # Sending, in a cluster also to clients of other servers. All of these raise ValueError for what cannot be
    # sent, in development TypeError for what is not as declared, and NotAttached before a server runs.

    async def broadcast(self, event: Event[*Args], *args: *Args) -> None:
        """Send an event to every accepted client."""
        await self._emit(event, args, rooms=[ACCEPTED])

    async def broadcast_except_client(self, key: ClientKey, event: Event[*Args], *args: *Args) -> None:
        """Send an event to every client but one: none of its connections gets it."""
        await self._emit(event, args, rooms=[ACCEPTED], except_rooms=[client_room(str(key))])

    async def send_to_client(self, key: ClientKey, event: Event[*Args], *args: *Args) -> int:
        """Send an event to all connections of a client.

        Returns:
            How many connections that were: 0 when the client is not connected; in a cluster without its
            Redis, how many on this server, as the others do not hear it.
        """
        name = self.events.name_of(event, args)
        return await self.transport.emit_to_client(str(key), name, [to_wire(arg) for arg in args])

    async def call_client(
        self,
        key: ClientKey,
        question: Question[Answer, *Args],
        *args: *Args,
        timeout_s: float = 5.0,
    ) -> Sequence[Answer]:
        """Ask all connections of a client, and wait for their acks.

        Returns:
            What each connection answered that did so in time, and as the question has it. Nothing, when the
            client is not connected or none of it answers; and in a cluster without its Redis, what its
            connections to this server answer.
        """
        name = self.events.name_of(question, args)
        wire_args = [to_wire(arg) for arg in args]
        acks = await self.transport.call_client(str(key), name, wire_args, timeout_s)
        return question.answers(acks)

    async def disconnect_client(
        self, key: ClientKey, *, code: str = "disconnected", message: str = "Goodbye"
    ) -> int:
        """Close all connections of a client, after a `closing` event that tells it why.

        A connection that the middleware is deciding about meanwhile is closed once it is accepted.

        Returns:
            How many connections that were; in a cluster without its Redis, how many on this server: the
            others are closed once it is back.
        """
        return await self.transport.dismiss(str(key), code, message)

    async def send_to_room(self, room: str, event: Event[*Args], *args: *Args) -> None:
        """Send an event to every connection that joined `room` (see `Client.join`)."""
        await self._emit(event, args, rooms=[named_room(room)])

    def _emit(
        self, event: Any, args: Sequence[object], *, rooms: Sequence[str], except_rooms: Sequence[str] = ()
    ) -> Awaitable[None]:
        name = self.events.name_of(event, args)
        wire_args = [to_wire(arg) for arg in args]
        return self.transport.emit(name, wire_args, rooms=rooms, except_rooms=except_rooms)
