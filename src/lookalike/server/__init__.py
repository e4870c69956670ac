"""The server: galleries for a page in the browser and for programs.

``serve`` runs one; ``create_app`` makes its ASGI application for a server of your own.
Names are imported on first use: see ``late_names``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.late_names import late_names

if TYPE_CHECKING:
    from lookalike.server.app import create_app
    from lookalike.server.running import serve
    from lookalike.server.settings import Limits, ServerSettings

__all__ = ["Limits", "ServerSettings", "create_app", "serve"]

HOMES = {
    "Limits": "settings",
    "ServerSettings": "settings",
    "create_app": "app",
    "serve": "running",
}

__getattr__, __dir__ = late_names(__name__, HOMES)
