"""Connections that cannot be held open for nothing.

Uvicorn waits without end for a request's head, and reads the rest of a body that was
refused for as long as somebody sends it. This protocol gives both a bound, as well as
the size of the head, the number of connections, and readers that do not read.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from httptools import HttpParserError, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lookalike.server.safety.access import is_loopback
from lookalike.server.safety.bodies import has_body
from lookalike.server.safety.rate import address_key
from lookalike.server.safety.upgrades import StayingParser

__all__ = ["GuardedProtocol"]

# From the first byte of a request's head to its end.
HEAD_S = 10.0
MOST_HEAD_BYTES = 64 * 1024
MOST_CONNECTIONS = 512
# Of one address: it cannot shut the door on all others. A proxy of this machine may have all.
MOST_OF_ONE = MOST_CONNECTIONS // 2
# Requests of one connection that wait for the answer to the one before.
MOST_WAITING = 100
# An answer of which nobody takes anything for so long.
STALL_S = 60.0
# After an answer that came before the whole request, so that the asker can read it.
LINGER_S = 2.0
MOST_LINGER_BYTES = 16 * 2**20

HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class Lingering:
    """A transport that, when closed, says good-bye first and listens a moment longer.

    Closing while the asker still sends would make its system throw our answer away.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._thrown_away = 0
        self.is_request_whole = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether nothing more is sent."""
        return self.is_lingering or self._transport.is_closing()

    @property
    def is_lingering(self) -> bool:
        """Whether what arrives is thrown away."""
        return self._timer is not None

    def close(self) -> None:
        """Close, a moment later where a request is still arriving."""
        if self.is_closing():
            return
        if self.is_request_whole or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._timer = self._loop.call_later(LINGER_S, self._transport.abort)
        self._transport.write_eof()
        self._transport.resume_reading()

    def throw_away(self, data: bytes) -> None:
        """Take what is not wanted, up to a bound; then the asker has to wait for the end."""
        self._thrown_away += len(data)
        if self._thrown_away > MOST_LINGER_BYTES:
            self._transport.pause_reading()

    def forget(self) -> None:
        """Stop waiting: the connection is gone."""
        if self._timer is not None:
            self._timer.cancel()


class GuardedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, with an end to all waiting."""

    head_s = HEAD_S
    stall_s = STALL_S
    most_connections = MOST_CONNECTIONS
    most_of_one = MOST_OF_ONE

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self.lingering = Lingering(cast("asyncio.Transport", transport))
        self.head_timer: asyncio.TimerHandle | None = None
        self.stall_timer: asyncio.TimerHandle | None = None
        self.head_bytes = 0  # and of all else that is no body
        self.staying = StayingParser(self)
        self.parser = cast("HttpRequestParser", self.staying)
        self.was_asked_to_change = False
        super().connection_made(cast("asyncio.Transport", self.lingering))
        self.asker = "" if self.client is None else address_key(self.client[0])
        if self.is_one_too_many():
            self.lingering.abort()
            return
        self.arm()

    def is_one_too_many(self) -> bool:
        """Tell whether all connections are taken, or those that one address may have."""
        if len(self.connections) > self.most_connections:
            return True
        if is_loopback(self.asker):
            return False
        own: int = sum(getattr(other, "asker", None) == self.asker for other in self.connections)
        return own > self.most_of_one

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget every timer."""
        for timer in (self.head_timer, self.stall_timer):
            if timer is not None:
                timer.cancel()
        self.lingering.forget()
        super().connection_lost(exc)

    def arm(self) -> None:
        """Wait for a head, but not for ever."""
        if self.head_timer is None:
            self.head_timer = self.loop.call_later(self.head_s, self.lingering.abort)

    def disarm(self) -> None:
        """Wait for a head no longer."""
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Take what came, unless the connection is at its end."""
        if self.lingering.is_lingering:
            self.lingering.throw_away(data)
            return
        self.head_bytes += len(data)
        super().data_received(data)
        if self.parser is None or self.lingering.is_closing():
            return
        if not self.is_idle:
            if self.head_bytes > MOST_HEAD_BYTES:
                self.lingering.abort()
            return
        if self.head_bytes > MOST_HEAD_BYTES:
            self.cut_off()
            return
        # Also where the rest of a refused body trickles in, or line ends before a request.
        if self.timeout_keep_alive_task is None:
            self.arm()

    def cut_off(self) -> None:
        """End a connection on which more comes than anybody reads."""
        if self.lingering.is_request_whole:  # so it is the next one's head
            self.lingering.write(HEAD_TOO_LARGE)
            self.lingering.is_request_whole = False
        self.lingering.close()

    def on_headers_complete(self) -> None:
        """Begin to answer.

        Raises:
            HttpParserError: A tunnel is asked for, and there is a body, which the parser
                would take for the next request. Or too many requests came without
                waiting for an answer.
        """
        if self.staying.is_to_be_read_again:
            self.was_asked_to_change = True
            return
        self.disarm()
        self.head_bytes = 0
        self.lingering.is_request_whole = False
        if self.parser.should_upgrade() and has_body(self.scope):
            raise HttpParserError("a body and a tunnel")
        if len(self.pipeline) >= MOST_WAITING:
            raise HttpParserError("too many requests at once")
        super().on_headers_complete()
        if self.was_asked_to_change:
            # Whoever stands between may take what comes after it for the other protocol.
            self.cycle.keep_alive = self.was_asked_to_change = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those after a body say nothing that anybody reads."""
        if self.lingering.is_request_whole:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a piece; what stands between pieces may be a quarter as much."""
        if not self.is_idle:
            self.head_bytes -= len(body) + len(body) // 4
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Know that nothing more is to come of a request."""
        if self.staying.is_to_be_read_again:
            return
        self.lingering.is_request_whole = True
        is_answered = self.is_idle
        super().on_message_complete()
        if is_answered and not self.lingering.is_closing():
            # A small rest of a refused body is here: the connection can be used again.
            self.disarm()
            self.head_bytes = 0
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def pause_writing(self) -> None:
        """Give the reader of an answer a while to go on."""
        super().pause_writing()
        self.stall_timer = self.loop.call_later(self.stall_s, self.lingering.abort)

    def resume_writing(self) -> None:
        """Go on: the reader does."""
        if self.stall_timer is not None:
            self.stall_timer.cancel()
            self.stall_timer = None
        super().resume_writing()
