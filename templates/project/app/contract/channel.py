"""One namespace: a channel, its messages, and what is done with them."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ..core import Question, SocketWrapper
from ..core.handshake import Credentials, credentials_of
from ..core.listeners import Listener
from ..core.results import EVENT_ERRORS
from ..core.transport import RENEWAL
from .schemas import Schema, Schemas, arguments, by_key, key_of, named, with_default

# What any connection can be refused with, whatever its middleware says itself.
HANDSHAKE_ERRORS: Final = (
    *("invalid_handshake", "rate_limited", "too_many_connections", "timeout", "internal_error"),
)


@dataclass(frozen=True)
class Message:
    """Something that is said: an event, its ack, or one step of connecting."""

    name: str
    key: str
    payload: Callable[[], Schema]
    description: str = ""

    def described(self) -> dict[str, Any]:
        return {
            "name": self.name,
            **({"description": self.description} if self.description else {}),
            "payload": self.payload(),
        }


@dataclass(frozen=True)
class Operation:
    """What the server does: it receives a message, or sends one; and the replies that there are."""

    channel: "Channel"
    action: Literal["receive", "send"]
    message: Message
    replies: Sequence[Message] = ()

    @property
    def key(self) -> str:
        return f"{self.channel.key}.{self.message.key}"

    @property
    def messages(self) -> Sequence[Message]:
        return [self.message, *self.replies]

    def described(self) -> dict[str, Any]:
        channel = {"$ref": f"#/channels/{self.channel.key}"}
        operation: dict[str, Any] = {
            "action": self.action,
            "channel": channel,
            "messages": [self._reference(self.message)],
        }
        if self.replies:
            operation["reply"] = {
                "channel": channel,
                "messages": [self._reference(reply) for reply in self.replies],
            }
        if self.channel.has_token:
            operation["security"] = [{"$ref": "#/components/securitySchemes/token"}]
        return operation

    def _reference(self, message: Message) -> dict[str, str]:
        return {"$ref": f"#/channels/{self.channel.key}/messages/{message.key}"}


class Channel:
    """Reads what a wrapper declares."""

    def __init__(self, wrapper: SocketWrapper[Any], schemas: Schemas) -> None:
        self.address = wrapper.namespace
        self.key = key_of(wrapper.namespace.removeprefix("/"))
        self.credentials = credentials_of(wrapper.connection_middleware) or Credentials(Any, ())
        self._wrapper = wrapper
        self._schemas = schemas
        self._operations = [
            self._connecting(),
            *(self._received(listener) for listener in wrapper.listeners),
            *([self._renewal()] if wrapper.client_connection_key else []),
            *(self._sent(event) for event in wrapper.events),
        ]

    @property
    def has_token(self) -> bool:
        """Whether nobody gets in without a token."""
        return "token" in self._auth().get("required", ())

    def operations(self) -> Iterator[Operation]:
        return iter(self._operations)

    def described(self) -> dict[str, Any]:
        messages = [message for operation in self._operations for message in operation.messages]
        return {
            "address": self.address,
            "messages": by_key(
                (message.key, f"{self.address} {message.name!r}", message.described()) for message in messages
            ),
        }

    def _connecting(self) -> Operation:
        self._auth_of = self._schemas.add(
            self.credentials.auth, "validation", of=f"{self.address}: what its middleware expects"
        )
        connected = {"type": "object", "properties": {"sid": {"type": "string"}}, "required": ["sid"]}
        code: Schema = {"type": "string"}
        if declared := credentials_of(self._wrapper.connection_middleware):
            code["enum"] = sorted({*HANDSHAKE_ERRORS, *declared.errors})
        refused = {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "data": {
                    "type": "object",
                    "properties": {"code": code},
                    "required": ["code"],
                },
            },
            "required": ["message", "data"],
        }
        return Operation(
            self,
            "receive",
            Message("connect", "connect", self._auth_of, "The payload is what clients give as `auth`."),
            [
                Message("connect", "connect.accepted", lambda: connected),
                Message("connect_error", "connect.refused", lambda: refused),
            ],
        )

    def _auth(self) -> Schema:
        """What clients send as `auth`, where its own schema says it."""
        schema = self._auth_of()
        if "$ref" in schema:
            return self._schemas.components[schema["$ref"].rpartition("/")[2]]
        return schema

    def _received(self, listener: Listener) -> Operation:
        of = f"{self.address}: the listener of {listener.event!r}"
        schemas = [
            (each, self._schemas.add(each.type, "validation", of=f"{of}: {each.name}"))
            for each in listener.parameters
        ]
        more = listener.rest
        rest = self._schemas.add(more.type, "validation", of=f"{of}: *{more.name}") if more else None
        answer = self._schemas.add(listener.answer, "serialization", of=f"{of}: what it returns")

        def payload() -> Schema:
            required = [named(schema(), each.name) for each, schema in schemas if each.required]
            optional = [
                with_default(named(schema(), each.name), each.default)
                for each, schema in schemas
                if not each.required
            ]
            return arguments(required, optional, named(rest(), more.name) if more and rest else None)

        codes = sorted({*EVENT_ERRORS, *listener.errors})
        return self._answered(listener.event, payload, answer, codes, text_of(listener.function))

    def _renewal(self) -> Operation:
        token: Schema = {"title": "token", "type": "string"}
        answer: Schema = {
            "type": "object",
            "properties": {"expires_at": {"type": ["number", "null"]}},
            "required": ["expires_at"],
        }
        codes = sorted({*EVENT_ERRORS, *self.credentials.errors, "timeout", "wrong_client"})
        description = "Stay connected with a fresh token. The ack says until when: Unix time, in seconds."
        return self._answered(RENEWAL, lambda: arguments([token]), lambda: answer, codes, description)

    def _answered(
        self,
        event: str,
        payload: Callable[[], Schema],
        answer: Callable[[], Schema],
        codes: list[str],
        description: str,
    ) -> Operation:
        def ack() -> Schema:
            return arguments([{"oneOf": [accepted(answer()), failed(codes)]}])

        key = key_of(event)
        return Operation(
            self,
            "receive",
            Message(event, key, payload, description),
            [Message(event, f"{key}.ack", ack)],
        )

    def _sent(self, event: Any) -> Operation:
        of = f"{self.address}: {event.name!r}"
        schemas = [self._schemas.add(each, "serialization", of=of) for each in event.types]
        key = key_of(event.name)
        if any(listener.event == event.name for listener in self._wrapper.listeners):
            # Both ways: what clients say is another message than what they hear.
            key = f"{key}.heard"
        message = Message(event.name, key, lambda: arguments([schema() for schema in schemas]))
        if not isinstance(event, Question):
            return Operation(self, "send", message)
        answer = self._schemas.add(event.answer, "validation", of=f"{of}: its answer")
        return Operation(
            self, "send", message, [Message(event.name, f"{key}.ack", lambda: arguments([answer()]))]
        )


def accepted(answer: Schema) -> Schema:
    """The ack of a listener that returned."""
    return {
        "type": "object",
        "properties": {"ok": {"const": True}, "data": answer},
        "required": ["ok", "data"],
    }


def failed(codes: list[str]) -> Schema:
    """The ack of a listener that raised."""
    error = {
        "type": "object",
        "properties": {
            "code": {"type": "string", "enum": codes},
            "message": {"type": "string"},
            "details": {},
        },
        "required": ["code", "message", "details"],
    }
    return {
        "type": "object",
        "properties": {"ok": {"const": False}, "error": error},
        "required": ["ok", "error"],
    }


def text_of(function: Any) -> str:
    """What a function's docstring says first."""
    return (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")
