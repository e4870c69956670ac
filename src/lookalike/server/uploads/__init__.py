"""Pictures that are sent here: received, kept on disk, and added to their gallery."""

from __future__ import annotations

from lookalike.gallery.uploads import uploads_folder
from lookalike.server.uploads.desk import Uploads
from lookalike.server.uploads.uploaded import UploadedPicture

__all__ = ["UploadedPicture", "Uploads", "uploads_folder"]
