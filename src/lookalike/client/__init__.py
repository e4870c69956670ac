"""Asking a running server, as one asks a searcher.

Names are imported on first use: see ``late_names``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.late_names import late_names

if TYPE_CHECKING:
    from lookalike.client.client import Client
    from lookalike.client.receiving import AddProgress, AddReport, SentPicture, ServerJob
    from lookalike.client.records import ServerRecord, find_record, remove_record, write_record

__all__ = [
    "AddProgress",
    "AddReport",
    "Client",
    "SentPicture",
    "ServerJob",
    "ServerRecord",
    "find_record",
    "remove_record",
    "write_record",
]

HOMES = {
    "AddProgress": "receiving",
    "AddReport": "receiving",
    "Client": "client",
    "SentPicture": "receiving",
    "ServerJob": "receiving",
    "ServerRecord": "records",
    "find_record": "records",
    "remove_record": "records",
    "write_record": "records",
}

__getattr__, __dir__ = late_names(__name__, HOMES)
