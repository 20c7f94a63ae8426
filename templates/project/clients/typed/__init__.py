"""What all typed clients do. The modules beside this one are made from the contract: see README.md."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Self, TypeVar

import socketio
from socketio.exceptions import BadNamespaceError, SocketIOError

log = logging.getLogger(__name__)

ANSWER_WITHIN_S: Final = 5.0
"""How long to wait for the server, in seconds."""

_MOST_UNHEARD: Final = 1000
"""Of what nobody asked for, no more is kept than this: the latest."""

# Refusals that a later attempt may not meet.
_PASSING: Final = ("internal_error", "rate_limited", "timeout", "too_many_connections")

_Result = TypeVar("_Result")


class Refused(Exception):
    """The server said no: to a connection, or to an event; `code` is for programs, `message` for people."""

    def __init__(self, code: str, message: str, details: Any = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details = details


class Disconnected(Refused):
    """The connection is over, and does not come back by itself."""


class SocketClient:
    """A connection to one namespace, as `async with`, or between `connect()` and `disconnect()`.

    Args:
        url: Where the server is, such as `http://127.0.0.1:3000`.
        auth: What the namespace wants to know.
        namespace: Such as `/devUser`; typed clients know theirs.
        reconnection: Come back by itself when the connection breaks.
    """

    namespace: str = "/"

    def __init__(
        self, url: str, auth: Any = None, *, namespace: str | None = None, reconnection: bool = False
    ) -> None:
        self.url = url
        self.namespace = namespace or self.namespace
        self.ended: asyncio.Future[Disconnected] = asyncio.Future()
        """Done when the connection is over, with the reason."""
        self._auth = auth
        self._comes_back = reconnection
        self._connected = asyncio.Event()
        self._was_connected = False
        self._closing: Mapping[str, Any] = {}
        self._handlers: dict[str, Callable[..., Any]] = {}
        self._unheard: deque[tuple[str, list[Any]]] = deque(maxlen=_MOST_UNHEARD)
        self._news = asyncio.Condition()
        # `Any`, since python-socketio has no type hints. asyncio handles Ctrl-C: two that do so fail.
        self._socket: Any = socketio.AsyncClient(
            reconnection=reconnection, reconnection_delay_max=5, handle_sigint=False
        )
        self._socket.on("*", self._on_event, namespace=self.namespace)
        self._socket.on("connect", self._on_connect, namespace=self.namespace)
        self._socket.on("connect_error", self._on_connect_error, namespace=self.namespace)
        self._socket.on("disconnect", self._on_disconnect, namespace=self.namespace)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    async def connect(self) -> None:
        """Raises:
        Refused: The server does not accept `auth`.
        ConnectionError: No server answers.
        """
        if self.ended.done():  # It was connected before.
            self.ended = asyncio.Future()
        try:
            await self._socket.connect(
                self.url, auth=self._auth, namespaces=[self.namespace], wait_timeout=2 * ANSWER_WITHIN_S
            )
        except SocketIOError as error:
            await self._leave()
            if self.ended.done():
                why = self.ended.result()
                raise Refused(why.code, why.message, why.details) from None
            raise ConnectionError(f"no server answers at {self.url}: {error}") from None
        except BaseException:
            await self._leave()
            raise

    async def disconnect(self) -> None:
        """End the connection, if there is one."""
        await self._leave()
        self._end("disconnected", "client disconnect")

    async def connected(self) -> None:
        """Wait until there is a connection; raises Disconnected when none comes back."""
        await self.unless_ended(self._connected.wait())

    async def unless_ended(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Do the work; when the connection is over, stop, and raise why: Disconnected."""
        working = asyncio.create_task(work)
        both: list[asyncio.Future[Any]] = [working, self.ended]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise self.ended.result()
        finally:
            working.cancel()

    @property
    def unheard(self) -> list[tuple[str, list[Any]]]:
        """The events, with their arguments, that nobody expected and no handler got."""
        return list(self._unheard)

    # What the methods of typed clients do, for any event.

    async def call_untyped(self, event: str, /, *args: Any, within_s: float = ANSWER_WITHIN_S) -> Any:
        """Send an event; returns what the server answers.

        Raises:
            Refused: The server refused it; Disconnected: it ended the connection, perhaps after it was done.
            TimeoutError: No answer came in time.
            ConnectionError: There is no connection, or it broke.
        """
        sending = self._socket.call(event, args, namespace=self.namespace, timeout=within_s)
        try:
            ack = await self.unless_ended(sending)
        except BadNamespaceError:
            raise ConnectionError(f"not connected to {self.namespace}") from None
        except SocketIOError:
            raise TimeoutError(f"no answer to {event!r} within {within_s:g} s") from None
        if not ack["ok"]:
            error = ack["error"]
            raise Refused(error["code"], error["message"], error["details"])
        return ack["data"]

    async def emit_untyped(self, event: str, /, *args: Any) -> None:
        """Send an event, and do not wait for an answer.

        Raises:
            ConnectionError: There is no connection.
        """
        try:
            await self._socket.emit(event, args, namespace=self.namespace)
        except SocketIOError:
            raise ConnectionError(f"not connected to {self.namespace}") from None

    async def expect_untyped(self, event: str, /, *, within_s: float = ANSWER_WITHIN_S) -> Any:
        """What was said with the next event of this name: its argument, or a tuple when there are several.

        Without a handler, what came since the connection was made counts, too: it is taken from `unheard`.

        Raises:
            TimeoutError: None came in time; it says what did.
            Disconnected: The connection is over.
        """
        try:
            return await asyncio.wait_for(self.unless_ended(self._next(event)), within_s)
        except TimeoutError:
            heard = ", ".join(name for name, _ in self._unheard) or "nothing"
            raise TimeoutError(f"{event!r} did not come within {within_s:g} s, but {heard}") from None

    def on_untyped(self, event: str, handler: Callable[..., Any], /) -> None:
        """Have the handler called with each event of this name; what it returns answers a question.

        `connect` and `disconnect` (with the reason) are told, too; `*` is all else, with its name first.
        """
        self._handlers[event] = handler

    # What python-socketio calls.

    async def _on_event(self, event: str, *args: Any) -> Any:
        if event == "closing" and args and isinstance(args[0], dict):
            self._closing = args[0]
        if event in self._handlers:
            return await self._call(event, *args)
        self._unheard.append((event, list(args)))
        async with self._news:
            self._news.notify_all()
        return await self._call("*", event, *args)

    async def _on_connect(self) -> None:
        self._closing = {}
        self._was_connected = True
        self._connected.set()
        await self._call("connect")

    async def _on_connect_error(self, problem: Any = None) -> None:
        if isinstance(problem, dict):  # The server's own words; anything else is a broken connection.
            code = (problem.get("data") or {}).get("code", "refused")
            is_again = self._comes_back and self._was_connected
            if is_again and code in _PASSING:
                return  # The next attempt may succeed.
            self._end(code, problem.get("message", ""))
            if is_again:
                self._leaving = asyncio.create_task(self._leave())

    async def _on_disconnect(self, reason: str) -> None:
        self._connected.clear()
        is_over = reason == self._socket.reason.SERVER_DISCONNECT or not self._comes_back
        if is_over or self._closing:
            self._end(self._closing.get("code", "disconnected"), self._closing.get("message", reason))
        try:
            await self._call("disconnect", reason)
        except Exception:  # It must not keep python-socketio from connecting again.
            log.exception("the handler of 'disconnect' failed")

    async def _call(self, event: str, *args: Any) -> Any:
        handler = self._handlers.get(event)
        answer = handler(*args) if handler else None
        answer = await answer if inspect.isawaitable(answer) else answer
        # python-socketio takes a tuple for several answers.
        return list(answer) if isinstance(answer, tuple) else answer

    async def _next(self, event: str) -> Any:
        async with self._news:
            while True:
                for heard in self._unheard:
                    if heard[0] == event:
                        self._unheard.remove(heard)
                        _, args = heard
                        return args[0] if len(args) == 1 else tuple(args) or None
                await self._news.wait()

    async def _leave(self) -> None:
        await self._socket.shutdown()
        await self._socket.disconnect()  # What Ctrl-C left of a connection that was just being made.

    def _end(self, code: str, message: str) -> None:
        if not self.ended.done():
            self.ended.set_result(Disconnected(code, message))
