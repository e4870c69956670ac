"""Requests that ask for another protocol, read as if they did not (RFC 9110, 7.8).

The parser takes what follows such a head for the other protocol, a body included, and
afterwards that body for the next request. So the head is read a second time, without
its wish: then the body is a body, and its end is where the next request begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from httptools import HttpParserUpgrade, HttpRequestParser

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["StayingParser"]


class StayingParser:
    """A parser of requests that stays with HTTP/1, whatever they ask for.

    Args:
        protocol: Takes what is read; of a head that asks, twice.
    """

    def __init__(self, protocol: HttpToolsProtocol) -> None:
        self._protocol = protocol
        self._parser = parser_for(protocol)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    @property
    def is_to_be_read_again(self) -> bool:
        """Whether the head that was read comes once more, without its wish."""
        # Who wants a tunnel names no path: there is nothing to read it as.
        return bool(self._parser.should_upgrade()) and self._parser.get_method() != b"CONNECT"

    def feed_data(self, data: bytes) -> None:
        """Read a piece.

        Raises:
            HttpParserError: It is no request.
            HttpParserUpgrade: A tunnel is asked for.
        """
        while True:
            try:
                self._parser.feed_data(data)
            except HttpParserUpgrade as wish:
                if not self.is_to_be_read_again:
                    raise
                data = self._head_without_wish() + data[wish.args[0] :]
                self._parser = parser_for(self._protocol)
            else:
                return

    def _head_without_wish(self) -> bytes:
        version = self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self._parser.get_method(), self._protocol.url, version)]
        lines += [
            b"%b: %b" % header for header in self._protocol.headers if header[0] != b"upgrade"
        ]
        return b"\r\n".join([*lines, b"", b""])


def parser_for(protocol: HttpToolsProtocol) -> HttpRequestParser:
    """Make a parser as uvicorn does: what comes after the last request is no error."""
    parser = HttpRequestParser(protocol)
    if hasattr(parser, "set_dangerous_leniencies"):  # from httptools 0.6.3 on
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
