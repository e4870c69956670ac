"""Headers that every answer carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CSP", "SafeHeaders"]

# Nothing inline, nothing from elsewhere, in no frame.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "manifest-src 'self'"
)

# The page takes pictures with the camera; nothing else of the machine is its business.
PERMISSIONS = (
    "camera=(self), microphone=(), geolocation=(), display-capture=(), usb=(), serial=(), "
    "midi=(), payment=()"
)

# Where a route set one of them, its own stays.
DEFAULTS = tuple(
    (name.encode("ascii"), value.encode("ascii"))
    for name, value in {
        "content-security-policy": CSP,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "permissions-policy": PERMISSIONS,
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-store",
    }.items()
)


class SafeHeaders:
    """The layer that adds them.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                headers += [item for item in DEFAULTS if item[0] not in present]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, secured)
