"""What happens to a connection, from its handshake to its farewell. transport.py says when."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Container, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import orjson

from .connections import Client
from .handshake import ClientMetadata, read_handshake
from .listeners import Listener
from .results import SocketError, SocketNok, SocketOk, ack_nok, ack_ok
from .transport import ACCEPTED, RENEWAL, DisconnectReason, Handshake, Presence, Refusal, client_room
from .wire import to_plain

if TYPE_CHECKING:
    from .socket_wrapper import SocketWrapper

log = logging.getLogger(__name__)
# Who comes and who goes: ACCESS_LOG says whether that is of interest.
access_log = logging.getLogger("app.access")

Metadata = TypeVar("Metadata")


class Lifecycle(Generic[Metadata]):
    """Implements `transport.Handler` for one wrapper."""

    def __init__(self, wrapper: "SocketWrapper[Metadata]") -> None:
        self.namespace = wrapper.namespace
        self.events: Container[str] = wrapper.listeners.events
        self._wrapper = wrapper
        # By sid, from the handshake to the last call: longer than in wrapper.connections, because the events
        # that a client sent just before it left still have their turn.
        self._clients: dict[str, Client[Metadata]] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def handshake(self, handshake: Handshake) -> Refusal | None:
        try:
            comm_id, metadata = read_handshake(handshake)
            client = Client[Metadata](handshake, self._wrapper.transport, self._wrapper.events)
            client.accept(*await self._verdict(client, comm_id, metadata))
        except SocketError as error:
            log.info("%s: refused %s: %s", self.namespace, handshake.address, error.code)
            return Refusal(error.message, {"code": error.code})
        self._clients[client.sid] = client
        return None

    @property
    def watches_presence(self) -> bool:
        return bool(self._wrapper.on_client_online or self._wrapper.on_client_offline)

    def client_key(self, sid: str) -> str:
        return self._clients[sid].key

    def published(self, sid: str) -> bytes:
        return self._clients[sid].published

    async def came(self, presence: Presence) -> None:
        if self._wrapper.on_client_online:
            await self._run_hook(self._wrapper.on_client_online(self._wrapper, presence))

    async def went(self, presence: Presence) -> None:
        if self._wrapper.on_client_offline:
            await self._run_hook(self._wrapper.on_client_offline(self._wrapper, presence))

    async def dismiss(self, key: str, code: str, message: str) -> int:
        return await self._wrapper.connections.dismiss(key, code=code, message=message)

    async def _verdict(
        self, client: Client[Metadata], comm_id: str | None, metadata: ClientMetadata
    ) -> tuple[str, SocketOk[Metadata], bytes]:
        """Who the middleware says this is, and what others may know of that.

        Raises:
            SocketError: Nobody, whatever the reason.
        """
        wrapper, limit = self._wrapper, asyncio.timeout(self._wrapper.middleware_timeout_s)
        try:
            async with limit:
                result = await wrapper.connection_middleware(wrapper, client, comm_id, metadata)
            if limit.expired():
                raise TimeoutError  # The middleware swallowed it.
            if isinstance(result, SocketNok):
                raise SocketError(result.code, result.message)
            if not isinstance(result, SocketOk):
                raise TypeError(f"the middleware returned neither socket_ok nor socket_nok: {result!r:.80}")
            return self._key_of(client, result), result, self._published(result)
        except SocketError:
            raise
        except (Exception, SystemExit, asyncio.CancelledError):
            # Anything that got past here would leave the client waiting until it gives up.
            if limit.expired():
                log.warning("%s: the middleware took over %s s", self.namespace, wrapper.middleware_timeout_s)
                raise SocketError("timeout", "The server took too long to decide") from None
            log.exception("%s: the middleware failed", self.namespace)
            raise SocketError("internal_error", "The server failed to decide") from None

    def _key_of(self, client: Client[Metadata], result: SocketOk[Metadata]) -> str:
        field = self._wrapper.client_connection_key
        key = getattr(result.new_metadata, field) if field else client.sid
        if key is None or key == "":
            raise ValueError(f"the middleware returned metadata with an empty {field!r}")
        return str(key)

    def _published(self, result: SocketOk[Metadata]) -> bytes:
        publish = self._wrapper.published_metadata
        published = to_plain(publish(result.new_metadata)) if publish else {}
        if not isinstance(published, dict):
            raise TypeError(f"published_metadata returned no mapping: {published!r:.80}")
        return orjson.dumps(published)

    def _disconnect_at(self, unix_time_s: float, client: Client[Metadata]) -> asyncio.TimerHandle:
        def disconnect() -> None:
            task = asyncio.create_task(client.disconnect(code="token_expired", message="Log in again"))
            self._tasks.add(task)  # The event loop itself holds tasks by weak references only.
            task.add_done_callback(self._tasks.discard)

        return asyncio.get_running_loop().call_later(max(0.0, unix_time_s - time.time()), disconnect)

    def _watch_expiry(self, client: Client[Metadata]) -> None:
        """Disconnect the client in time: by a timer, since one that only listens is not checked otherwise."""
        if timer := self._expiries.pop(client.sid, None):
            timer.cancel()
        if client.connected and client.expires_at is not None:
            self._expiries[client.sid] = self._disconnect_at(client.expires_at, client)

    async def connected(self, sid: str) -> None:
        client = self._clients[sid]
        wrapper = self._wrapper
        wrapper.connections.add(client)
        access_log.info("%s: %s connected", self.namespace, client.key)
        await wrapper.transport.enter(sid, ACCEPTED)
        await wrapper.transport.enter(sid, client_room(client.key))
        if dismissal := wrapper.connections.dismissal_of(client):
            await client.disconnect(code=dismissal.code, message=dismissal.message)
            return
        self._watch_expiry(client)
        if wrapper.after_client_connect:
            await self._run_hook(wrapper.after_client_connect(wrapper, client, client.metadata))

    async def event(
        self, sid: str, event: object, args: Sequence[object], *, wants_ack: bool
    ) -> tuple[str, Any]:
        client, wrapper = self._clients[sid], self._wrapper
        listener: Listener | None = None
        try:
            # Where no field of the metadata says who a client is, another one could not be told from it.
            if event == RENEWAL and wrapper.client_connection_key:
                return "ok", ack_ok(await self._renew(client, args))
            listener = wrapper.listeners.get(event)
            values = listener.validate(args)
            return "ok", ack_ok(await listener.function(wrapper, client, client.metadata, *values))
        except SocketError as refused:
            error = refused
            error.__traceback__ = None  # It has this frame, which has the error: they would keep each other.
            if listener and wrapper.events.are_checked and not listener.can_answer(error.code):
                log.warning("%s: errors=[...] of %r does not have %r", self.namespace, event, error.code)
        except asyncio.CancelledError:
            error = SocketError("cancelled", "This was cancelled before it was done")
        except (Exception, SystemExit):  # sys.exit() would take all other clients along.
            log.exception("%s: the listener of %r failed", self.namespace, event)
            error = SocketError("internal_error", "The server failed to handle this")
        if not wants_ack:
            # Neither what was sent instead of a name, nor the message: both can quote what clients send.
            name = event if isinstance(event, str) else type(event).__name__
            log.warning("%s: nobody waits to hear that %.80r failed: %s", self.namespace, name, error.code)
        return error.code, ack_nok(error)

    def refuse(self, code: str, message: str) -> dict[str, Any]:
        return ack_nok(SocketError(code, message))

    async def _renew(self, client: Client[Metadata], args: Sequence[object]) -> dict[str, object]:
        """Ask the middleware again, with the token that the client shows now."""
        if len(args) != 1 or not isinstance(args[0], str):
            raise SocketError("invalid_payload", f"{RENEWAL} has one argument: the token")
        _, metadata = read_handshake(client.handshake)
        key, result, published = await self._verdict(client, args[0], metadata)
        if key != client.key:
            raise SocketError("wrong_client", "This token is somebody else's")
        client.accept(key, result, published)
        await self._wrapper.transport.publish(key, published)
        self._watch_expiry(client)
        return {"expires_at": client.expires_at}

    def closed(self, sid: str) -> None:
        client = self._clients[sid]
        if client.connected:
            self._wrapper.connections.remove(client)
        else:
            del self._clients[sid]  # It left before it heard that it was accepted.
        if timer := self._expiries.pop(sid, None):
            timer.cancel()

    async def disconnected(self, sid: str, reason: DisconnectReason) -> None:
        client = self._clients.pop(sid)
        access_log.info("%s: %s left: %s", self.namespace, client.key, reason)
        if self._wrapper.on_client_disconnect:
            await self._run_hook(self._wrapper.on_client_disconnect(self._wrapper, client, reason))

    async def _run_hook(self, hook: Awaitable[None]) -> None:
        try:
            await hook
        except (Exception, SystemExit, asyncio.CancelledError):
            log.exception("%s: a hook failed", self.namespace)
