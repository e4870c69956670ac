"""Opening: a server's galleries by their names, at its start and again later."""

from __future__ import annotations

from lookalike.gallery import Gallery
from lookalike.server.hosting.hosted import Hosted
from lookalike.server.hosting.shared_encoders import SharedEncoders
from lookalike.server.measuring import Measures
from lookalike.server.settings import ServerSettings

__all__ = ["Opening"]


class Opening:
    """Opens the galleries of a server; those of one encoder share it.

    Args:
        settings: Of the server.
        measures: Where times are noted.
    """

    def __init__(self, settings: ServerSettings, measures: Measures) -> None:
        self._settings = settings
        self._measures = measures
        self._encoders = SharedEncoders(device=settings.device, backend=settings.backend)

    def __call__(self, name: str) -> Hosted:
        """Open a gallery; its encoder is loaded in the background.

        Raises:
            GalleryError: It cannot be opened.
        """
        return Hosted.open(
            name,
            self._settings.galleries[name],
            encoders=self._encoders,
            window_ms=self._settings.window_ms,
            max_batch=self._settings.max_batch,
            measures=self._measures,
        )

    def whole(self, name: str) -> Hosted:
        """Open a gallery if all of its embeddings are there: it may be copied just now.

        Raises:
            GalleryError: It cannot be opened, or something is missing.
        """
        with Gallery.open(self._settings.galleries[name]) as gallery:
            gallery.snapshot()
        return self(name)
