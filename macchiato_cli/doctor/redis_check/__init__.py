"""Whether Redis answers, and nodes could meet there. The standard library only, and not the project's client:
see services_probe.py.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Sequence
from typing import TypeAlias

from . import client
from .address import EXAMPLE, LOCAL, Address, BadURL, read_url
from .nodes import find_nodes, hear_each_other
from .resp import Connection, NotRedis, Refused
from .server import Unfit, judge, memory_notes, name_of, read_info, rehearse

Finding: TypeAlias = tuple[str, str, Sequence[str]]

__all__ = ["check"]


def check(url: str, prefix: str | None = None) -> Finding:
    """State, finding, remedies.

    Args:
        prefix: What the names of the project's nodes begin with; None: the project has no nodes, and what it
            wants of Redis, nobody knows.
    """
    try:
        address = read_url(url)
        if problem_of_client := client.problem():
            return "broken", problem_of_client, ()
        return _examine(address, prefix)
    except BadURL as problem:
        return "broken", f"REDIS_URL {problem}", [EXAMPLE]


def _examine(address: Address, prefix: str | None) -> Finding:
    """What there is to say of a Redis, whether it answers or not."""
    shown = address.shown
    try:
        with address.connect() as connection:
            return _ask(connection, address, prefix)
    except Unfit as unfit:
        return "broken", f"{shown} {unfit.why}", unfit.tries
    except NotRedis:
        return "broken", f"what answers at {shown} is not Redis", [EXAMPLE]
    except Refused as refusal:
        without_login = str(refusal).startswith(("NOAUTH", "WRONGPASS", "ERR AUTH"))
        return "broken", f"{shown} refuses: {refusal}", [address.setting(login=True)] if without_login else []
    except ssl.SSLError as error:
        return _without_tls(address, error)
    except (ConnectionResetError, BrokenPipeError):
        if address.encrypted or address.scheme == "unix":
            return "broken", f"{shown} closes the connection", ()
        with_tls = address.setting(scheme="rediss")
        return "broken", f"{shown} closes the connection: it may want TLS", [with_tls]
    except OSError as error:
        local = address.host in LOCAL and address.scheme in ("redis", "valkey")
        start = [f"redis-server --port {address.port}"] if local else []
        return "broken", f"{shown} cannot be reached: {error.strerror or error}", start


def _ask(connection: Connection, address: Address, prefix: str | None) -> Finding:
    """What there is to say of a Redis that answers."""
    if prefix is None:
        return "ok", f"{address.shown} answers", ()
    info = read_info(connection)
    judge(info, address)
    name = f"doctor-{secrets.token_hex(6)}"
    rehearse(connection, f"{prefix}:{name}", f"{prefix}:node:{name}")
    nodes = find_nodes(connection, prefix)
    hear_each_other(connection, address, prefix)
    forgets, tries = memory_notes(info, address)
    notes = [*nodes.notes(address.database), *forgets]
    found = "; ".join([f"{address.shown} is {name_of(info)}", nodes.told(prefix), *notes])
    return "note" if notes else "ok", found, tries


def _without_tls(address: Address, error: ssl.SSLError) -> Finding:
    if isinstance(error, ssl.SSLCertVerificationError):
        found = f"{address.shown} has a certificate that is not trusted: {error.verify_message}"
        return "broken", found, [address.setting(query="?ssl_ca_certs=DIR/ca.pem")]
    return "broken", f"{address.shown} does not speak TLS as it should: {error.reason or error}", ()
