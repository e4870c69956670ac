"""The layers in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lookalike.server.safety.access import Doorkeeper, Keeping
from lookalike.server.safety.access_log import AccessLog
from lookalike.server.safety.bodies import BodyLimits
from lookalike.server.safety.headers import SafeHeaders
from lookalike.server.safety.origins import Origins
from lookalike.server.safety.stopping import EndingStreams, Stopping

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp

    from lookalike.server.settings import ServerSettings

__all__ = ["install_safety"]


def install_safety(
    app: FastAPI,
    settings: ServerSettings,
    *,
    measured: Callable[[ASGIApp], ASGIApp] | None = None,
) -> None:
    """Put the layers around an application's routes.

    Call it after the innermost layers are there: what is added later stands outside.
    ``app.state.keeper`` knows the tokens, ``app.state.stopping`` is told when the
    server ends.

    Args:
        app: Gets the layers.
        settings: Of the server.
        measured: Puts the layer that counts requests around an application.

    Raises:
        UsageError: A setting makes no sense.
    """
    app.state.keeper = Doorkeeper(settings)
    app.state.stopping = Stopping()
    layers: list[tuple[Any, dict[str, Any]]] = [
        (EndingStreams, {"stopping": app.state.stopping}),
        (Keeping, {"keeper": app.state.keeper}),
        (BodyLimits, {"limits": settings.limits, "stopping": app.state.stopping}),
        (Origins, {"settings": settings}),
        (SafeHeaders, {}),
    ]
    if measured is not None:
        layers.append((measured, {}))
    layers.append((AccessLog, {}))
    for layer, options in layers:
        app.add_middleware(layer, **options)
