"""Who may ask a server, how much, and what leaves it.

Layers around the routes, each a plain ASGI application. From outside in: the access
log, then counting, headers, hosts and origins, bodies, who asks and how often, and
the end of streams. Names are imported on first use: making a token needs no server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike.server.safety.access import Access
    from lookalike.server.safety.layers import install_safety

__all__ = ["Access", "install_safety"]

HOMES = {"Access": "access", "install_safety": "layers"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
