"""The encoder: a card, a runtime that runs its network, and perhaps a text tower."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.protocol import Runtime, TextTower
from lookalike.errors import EncoderError, UsageError
from lookalike.images.preprocessing import Preprocessing
from lookalike.vectors import EmbeddingSpace, unit_rows

__all__ = ["NetworkEncoder"]

logger = logging.getLogger(__name__)

# One odd picture, or two copies of it, may overflow; so many at once do not.
CERTAINLY_BROKEN = 4


class NetworkEncoder:
    """Checks what goes in, shares it out in batches, and brings rows to unit length.

    Args:
        card: What the network is; a dim of 0 is filled in.
        digest: sha256 of its weights.
        runtime: What runs it.
        text_tower: Loads the text tower, when first asked for texts; None where
            there is none.

    Raises:
        EncoderError: The network does not fit its card.
    """

    def __init__(
        self,
        card: EncoderCard,
        digest: str,
        runtime: Runtime,
        *,
        text_tower: Callable[[], TextTower] | None = None,
    ) -> None:
        self._card = card
        self._runtime = runtime
        self._load_tower = text_tower
        self._tower: TextTower | None = None
        self._tower_lock = threading.Lock()
        self._card = replace(card, dim=self._checked_dim())
        self._space = self._card.space(digest)

    def __repr__(self) -> str:
        return f"<encoder {self._card.name}, dim {self._space.dim}, {self.runs_on}>"

    @property
    def card(self) -> EncoderCard:
        """What it is and what it costs."""
        return self._card

    @property
    def space(self) -> EmbeddingSpace:
        """Where its embeddings live."""
        return self._space

    @property
    def preprocessing(self) -> Preprocessing:
        """How a decoded picture becomes its input."""
        return self._card.preprocessing

    @property
    def runs_on(self) -> str:
        """What runs it, with which precision, on which device."""
        return self._runtime.description

    @property
    def batch_size(self) -> int:
        """How many pictures one call is best given."""
        return self._runtime.batch_size

    @property
    def workers(self) -> int:
        """How many calls are best under way at the same time."""
        return self._runtime.workers

    @property
    def shares_cores(self) -> bool:
        """Whether it computes on the cores that decode pictures."""
        return self._runtime.shares_cores

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed prepared pictures: ``(n, size, size, 3)`` to unit rows ``(n, dim)``.

        A row of zeros means that the network has nothing to say of a picture.

        Raises:
            EncoderError: The pictures have another shape or type.
        """
        size = self.preprocessing.size
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (size, size, 3):
            raise EncoderError(
                f"Encoder {self._card.name!r} takes uint8 pictures (n, {size}, {size}, 3), "
                f"not {pixels.dtype} {pixels.shape}."
            )
        # One picture needs no batch size, which graphics cards have to measure.
        step = 1 if len(pixels) < 2 else self.batch_size
        parts = [pixels[start : start + step] for start in range(0, len(pixels), step)]
        if not parts:
            return np.empty((0, self._space.dim), dtype=np.float32)
        if len(parts) == 1:
            return self._encode_part(parts[0])
        with ThreadPoolExecutor(min(self.workers, len(parts))) as pool:
            return np.concatenate(list(pool.map(self._encode_part, parts)))

    def encode_texts(
        self, texts: Sequence[str], *, template: str | None = None
    ) -> NDArray[np.float32]:
        """Embed texts into the space of the pictures: unit rows ``(n, dim)``.

        Raises:
            UsageError: The encoder has no text tower, a text is empty, or the
                template has no place for it.
        """
        worded = [templated(text, template) for text in texts]
        tower = self._text_tower()
        if not worded:
            return np.empty((0, self._space.dim), dtype=np.float32)
        return self._checked_rows(tower.encode(worded), len(worded), what="text tower")

    def _text_tower(self) -> TextTower:
        if self._load_tower is None:
            from lookalike.encoders.known import pictures_only

            raise pictures_only(self._card.name)
        with self._tower_lock:
            if self._tower is None:
                self._tower = self._load_tower()
            return self._tower

    def _encode_part(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._checked_rows(self._runtime.run(pixels), len(pixels), what="network")

    def _checked_rows(
        self, answer: NDArray[np.floating], count: int, *, what: str
    ) -> NDArray[np.float32]:
        """Bring an answer to unit rows; refuse what is no embedding."""
        rows = np.array(without_points(answer), dtype=np.float32)
        if rows.ndim != 2 or rows.shape != (count, self._card.dim):
            raise EncoderError(
                f"The {what} of encoder {self._card.name!r} answers {count} inputs with shape "
                f"{answer.shape}, but embeddings are ({count}, {self._card.dim}): choose another "
                "output or pooling."
            )
        # Half-precision networks overflow on odd pictures: such a row has no
        # direction, and must not take its batch with it.
        broken = ~np.isfinite(rows).all(axis=1)
        if broken.any():
            self._tell_broken(int(broken.sum()), count, what)
            rows[broken] = 0
        return unit_rows(rows)

    def _tell_broken(self, broken: int, count: int, what: str) -> None:
        """Refuse a network that answers with no numbers to whatever it is given.

        Raises:
            EncoderError: It does.
        """
        if broken == count >= CERTAINLY_BROKEN:
            raise EncoderError(
                f"The {what} of encoder {self._card.name!r} answers all of {count} inputs with "
                "NaN or infinity: its weights are damaged, or it needs precision exact."
            )
        logger.warning(
            "encoder %s answered %d of %d inputs with NaN or infinity",
            self._card.name, broken, count,
        )  # fmt: skip

    def _checked_dim(self) -> int:
        """Learn the dim, by running one black picture where nothing else tells it."""
        size = self.preprocessing.size
        dim = self._runtime.dim
        if dim is None:
            black = np.zeros((1, size, size, 3), dtype=np.uint8)
            answer = without_points(self._runtime.run(black))
            if answer.ndim != 2:
                raise EncoderError(
                    f"Encoder {self._card.name!r} answers with shape {answer.shape}, but an "
                    "embedding is (n, dim): choose another output or pooling."
                )
            dim = int(answer.shape[1])
        if self._card.dim not in {0, dim}:
            raise EncoderError(
                f"The card of encoder {self._card.name!r} says dim {self._card.dim}, "
                f"but its network has {dim}: bring back the right weights, or mend the card."
            )
        return dim


def without_points(answer: NDArray[np.floating]) -> NDArray[np.floating]:
    """Drop the two last axes of a pooled map ``(n, dim, 1, 1)``."""
    return answer.reshape(answer.shape[:2]) if answer.shape[2:] == (1, 1) else answer


def templated(text: str, template: str | None) -> str:
    """Put a text into its template.

    Raises:
        UsageError: There is no text, or no place for it.
    """
    if not text.strip():
        raise UsageError("A text to search with is empty: say what the pictures show.")
    if template is None:
        return text
    if template.count("{}") != 1:
        raise UsageError(
            f"The template {template!r} needs one {{}} in the place of the text, "
            "as in 'a photo of {}'."
        )
    return template.replace("{}", text)
