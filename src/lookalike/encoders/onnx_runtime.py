"""Encoders run by ONNX Runtime on the CPU: the default back-end."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.cards import EncoderCard, weights_digest
from lookalike.errors import EncoderError, EncoderNotFound
from lookalike.images.preprocessing import Preprocessing, normalized
from lookalike.vectors import EmbeddingSpace, unit_rows

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["OnnxEncoder"]

# Measured on two cores: several single-threaded calls of this size side by
# side embed more pictures a second than one call that shares its work out.
BATCH_SIZE = 16


class OnnxEncoder:
    """Runs one ONNX network.

    A uint8 input takes the pixels as they are, ``(n, size, size, 3)``; a float
    input takes ``(n, 3, size, size)``, normalised by the card's mean and std.

    Args:
        card: What the network is.
        weights: The ONNX file.
        threads: Calls under way at the same time; the machine's cores if None.

    Raises:
        EncoderNotFound: The weights file is not there.
        EncoderError: ONNX Runtime refuses it, or it does not fit its card.
    """

    def __init__(self, card: EncoderCard, weights: Path, *, threads: int | None = None) -> None:
        if not weights.is_file():
            raise EncoderNotFound(f"Encoder {card.name!r} has no weights file at {weights}.")
        digest = weights_digest(weights)
        if card.sha256 and card.sha256 != digest:
            raise EncoderError(
                f"The weights {weights} are not the ones of their card (sha256 {digest[:12]}, "
                f"the card says {card.sha256[:12]}): bring back the right file, or its card."
            )
        self._session = open_session(weights, card.name)
        self._input = only_input(self._session, card)
        self._output = chosen_output(self._session, card)
        self._takes_pixels = self._input.type == "tensor(uint8)"
        self._fixed_batch = self._input.shape[0] if isinstance(self._input.shape[0], int) else None
        self._threads = threads or usable_cores()
        self._card = self._card_with_dim(card)
        self._space = self._card.space(digest)

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
    def batch_size(self) -> int:
        """How many pictures one call is best given."""
        return self._fixed_batch or BATCH_SIZE

    @property
    def workers(self) -> int:
        """How many calls are best under way at the same time."""
        return self._threads

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
        step = self.batch_size
        parts = [pixels[start : start + step] for start in range(0, len(pixels), step)]
        if not parts:
            return np.empty((0, self._space.dim), dtype=np.float32)
        if len(parts) == 1:
            return self._encode_part(parts[0])
        with ThreadPoolExecutor(min(self._threads, len(parts))) as pool:
            return np.concatenate(list(pool.map(self._encode_part, parts)))

    def _encode_part(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        count = len(pixels)
        if self._fixed_batch and count < self._fixed_batch:
            missing = self._fixed_batch - count
            pixels = np.concatenate([pixels, np.repeat(pixels[-1:], missing, axis=0)])
        rows = self._run(pixels)[:count]
        # Half-precision networks overflow on odd pictures: such a row has no
        # direction, and must not take its batch with it.
        rows[~np.isfinite(rows).all(axis=1)] = 0
        return unit_rows(rows)

    def _run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        fed: NDArray[Any] = (
            np.ascontiguousarray(pixels)
            if self._takes_pixels
            else normalized(pixels, self.preprocessing)
        )
        try:
            (answer,) = self._session.run([self._output], {self._input.name: fed})
        except Exception as error:  # the runtime's errors share no public base class
            raise EncoderError(
                f"ONNX Runtime could not run encoder {self._card.name!r} on {fed.shape}: "
                f"{first_line(error)}"
            ) from error
        flat = answer.reshape(answer.shape[:2]) if answer.shape[2:] in {(), (1, 1)} else answer
        if flat.ndim != 2:
            raise EncoderError(
                f"Output {self._output!r} of encoder {self._card.name!r} has shape "
                f"{answer.shape}, but an embedding is (n, dim): choose another output."
            )
        return np.array(flat, dtype=np.float32)

    def _card_with_dim(self, card: EncoderCard) -> EncoderCard:
        """Run one black picture, so that a wrong declaration shows at once."""
        size = card.preprocessing.size
        self._card = card
        picture = np.zeros((self._fixed_batch or 1, size, size, 3), dtype=np.uint8)
        dim = self._run(picture).shape[1]
        if card.dim not in {0, dim}:
            raise EncoderError(
                f"The card of encoder {card.name!r} says dim {card.dim}, "
                f"but its output {self._output!r} has {dim}."
            )
        return replace(card, dim=dim, output=self._output)


def open_session(weights: Path, name: str) -> onnxruntime.InferenceSession:
    """Load a network with one thread a call: parallel calls share the cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            weights.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime's errors share no public base class
        raise EncoderError(
            f"ONNX Runtime cannot load the weights of encoder {name!r} at {weights}: "
            f"{first_line(error)}"
        ) from error


def only_input(session: onnxruntime.InferenceSession, card: EncoderCard) -> onnxruntime.NodeArg:
    """Return the network's input, which has to be one picture batch."""
    inputs = session.get_inputs()
    if len(inputs) == 1 and len(inputs[0].shape) == 4:
        pixels = inputs[0].type == "tensor(uint8)"
        if pixels or inputs[0].type == "tensor(float)":
            return inputs[0]
    found = ", ".join(f"{item.name} {item.type} {item.shape}" for item in inputs)
    raise EncoderError(
        f"Encoder {card.name!r} needs one input, float (n, 3, h, w) or uint8 (n, h, w, 3); "
        f"the network has: {found}."
    )


def chosen_output(session: onnxruntime.InferenceSession, card: EncoderCard) -> str:
    """Return the name of the embedding's output, and refuse to guess among several."""
    names = [str(item.name) for item in session.get_outputs()]
    if card.output in names:
        return card.output
    if not card.output and len(names) == 1:
        return names[0]
    asked = f"no output {card.output!r}" if card.output else "several outputs"
    raise EncoderError(
        f"The network of encoder {card.name!r} has {asked}: choose one of {', '.join(names)} "
        "by the card's 'output' or by --encoder-output."
    )


def usable_cores() -> int:
    """Count the cores this process may use: its affinity, and a container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores or 1, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no cgroup, or its quota is "max"
        return cores or 1


def first_line(error: Exception) -> str:
    """Shorten a runtime's message, which can run over many lines."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
