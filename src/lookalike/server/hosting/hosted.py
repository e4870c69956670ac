"""One gallery on a server: opened, its encoder loaded beside, asked."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import numpy as np

from lookalike.encoders import Encoder
from lookalike.encoders.known import canonical_name, known_card
from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery
from lookalike.index import SearchParams
from lookalike.search import Query, Searcher
from lookalike.server.hosting.answered import Answered
from lookalike.server.hosting.batching import QueryBatcher
from lookalike.server.hosting.shared_encoders import SharedEncoders
from lookalike.server.measuring import Measures

__all__ = ["Hosted"]

logger = logging.getLogger(__name__)

# Weights may come from a hub that is away, a disk that is full, a card that is busy: a server
# that runs for months outlasts that.
FIRST_RETRY_S, LAST_RETRY_S = 10.0, 300.0

# An interpreter that ends under a thread in a library of C++ may abort the process.
LOADING_END_S = 5.0


class Hosted:
    """A gallery that is served. Made by ``open``.

    ``search`` belongs to the server's event loop; the rest is safe to share between
    threads.

    Attributes:
        name: What it is called in addresses.
        gallery: The gallery.
        searcher: Answers its queries.
    """

    def __init__(
        self,
        name: str,
        searcher: Searcher,
        *,
        window_ms: float = 3.0,
        max_batch: int = 32,
        measures: Measures | None = None,
    ) -> None:
        self.name = name
        self.gallery = searcher.gallery
        self.searcher = searcher
        self._batcher = QueryBatcher(
            searcher, window_ms=window_ms, max_batch=max_batch, measures=measures, name=name
        )
        self._encoder: Encoder | None = None
        self._problem = "its encoder is not loaded yet"
        self._closing = threading.Event()
        self._was_tried = threading.Event()
        self._loading = threading.Thread(
            target=self._load, name=f"lookalike-load-{name}", daemon=True
        )
        self._loading.start()

    @classmethod
    def open(
        cls,
        name: str,
        path: Path,
        *,
        encoders: SharedEncoders | None = None,
        window_ms: float = 3.0,
        max_batch: int = 32,
        measures: Measures | None = None,
    ) -> Hosted:
        """Open a gallery; its encoder and index are loaded in the background.

        Args:
            name: What it is called in addresses.
            path: Its folder.
            encoders: Where its encoder is loaded.
            window_ms: How long a query waits for others; 0 answers each for itself.
            max_batch: So many are answered together at most.
            measures: Where times are noted.

        Raises:
            GalleryNotFound: There is none.
            GalleryTooNew: A newer Lookalike wrote it.
            GalleryUnreadable: It is damaged, or no gallery.
        """
        searcher = Searcher(Gallery.open(path), load=(encoders or SharedEncoders()).load)
        return cls(name, searcher, window_ms=window_ms, max_batch=max_batch, measures=measures)

    def __repr__(self) -> str:
        return f"Hosted({self.name!r}, {self.gallery!r})"

    def close(self) -> None:
        """Wait for queries that are under way, and a while for loading; close the gallery."""
        self._closing.set()
        self._loading.join(LOADING_END_S)
        self._batcher.close()
        self.searcher.close()
        self.gallery.close()

    def leave(self) -> None:
        """Load nothing any more, since another gallery has taken its place."""
        self._closing.set()

    def note_replaced(self, error: LookalikeError) -> None:
        """Note that another gallery has taken its place, and why that cannot be opened."""
        self._fail(error)

    @property
    def is_ready(self) -> bool:
        """Whether every query can be answered."""
        return not self._problem

    @property
    def problem(self) -> str:
        """Why it is not ready, to go on after its name; empty where it is."""
        return self._problem

    @property
    def has_text(self) -> bool:
        """Whether texts can be searched with; False where only loading will tell."""
        if self._encoder is not None:
            return self._encoder.card.has_text
        name = canonical_name(self.gallery.space.encoder.partition("?")[0])
        return bool(name) and known_card(name).has_text

    @property
    def encoder(self) -> Encoder:
        """The encoder of the gallery's space; waits until it is loaded.

        Raises:
            EncoderError, EncoderNotFound, MissingExtra, SpaceMismatch: It cannot be had.
        """
        return self.searcher.encoder

    def wait_until_ready(self, timeout_s: float | None = None) -> bool:
        """Wait until loading was tried; tell whether the gallery is ready."""
        self._was_tried.wait(timeout_s)
        return self.is_ready

    async def search(self, query: Query, params: SearchParams | None = None) -> Answered:
        """Answer a query, together with those that come at the same time.

        Args:
            query: What is asked.
            params: How hard the index looks; None as it was tuned.

        Raises:
            LookalikeError: As ``Searcher.search``.
        """
        return await self._batcher.search(query, params)

    def _load(self) -> None:
        """Make ready; where that fails, try again from time to time."""
        pause_s = FIRST_RETRY_S
        while not self._made_ready() and not self._closing.wait(pause_s):
            pause_s = min(2 * pause_s, LAST_RETRY_S)

    def _made_ready(self) -> bool:
        """Load index and encoder, and run them once: the first query should wait for nothing."""
        start = time.perf_counter()
        try:
            self.searcher.answered([])
            encoder = self.searcher.encoder
            side = encoder.preprocessing.size
            encoder.encode(np.zeros((1, side, side, 3), dtype=np.uint8))
            if encoder.card.has_text:
                encoder.encode_texts(["a picture"])
        except Exception as error:  # a thread's own end would say nothing to anybody
            self._fail(error)
        else:
            self._batcher.suit(encoder)
            self._encoder = encoder
            self._problem = ""
            seconds = time.perf_counter() - start
            logger.info("gallery %s is ready after %.1f s", self.name, seconds)
        self._was_tried.set()
        return self.is_ready

    def _fail(self, error: Exception) -> None:
        """Keep why the gallery is not ready, and tell it once, unless nobody needs it any more."""
        is_known = isinstance(error, LookalikeError)
        problem = str(error) if is_known else f"its encoder cannot be loaded ({error!r})"
        if problem != self._problem and not self._closing.is_set():
            told = problem.rstrip(".")
            trace = None if is_known else error
            logger.warning("gallery %s is not ready: %s", self.name, told, exc_info=trace)
        self._problem = problem
