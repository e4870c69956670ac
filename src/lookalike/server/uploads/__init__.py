"""Pictures that are sent here: received, kept on disk, and added to their gallery."""

from __future__ import annotations

from lookalike.server.uploads.desk import Uploads
from lookalike.server.uploads.outcomes import Outcome
from lookalike.server.uploads.places import remove_pictures, uploads_folder

__all__ = ["Outcome", "Uploads", "remove_pictures", "uploads_folder"]
