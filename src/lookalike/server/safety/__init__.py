"""Who may ask a server, how much, and what leaves it.

Layers around the routes, each a plain ASGI application. From outside in: the access
log, then counting, headers, hosts and origins, bodies, who asks and how often, and
the end of streams. Names are imported on first use: making a token needs no server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.late_names import late_names

if TYPE_CHECKING:
    from lookalike.server.safety.access import Access
    from lookalike.server.safety.layers import install_safety

__all__ = ["Access", "install_safety"]

HOMES = {"Access": "access", "install_safety": "layers"}

__getattr__, __dir__ = late_names(__name__, HOMES)
