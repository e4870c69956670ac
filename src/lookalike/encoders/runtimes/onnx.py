"""ONNX Runtime on the CPU: the back-end that is always there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.runtimes.cores import usable_cores
from lookalike.errors import EncoderError, first_line
from lookalike.images.preprocessing import normalized

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["OnnxRuntime"]

# Measured on two cores: several single-threaded calls of this size side by
# side embed more pictures a second than one call that shares its work out.
BATCH_SIZE = 16


class OnnxRuntime:
    """Runs one ONNX network on the CPU.

    A uint8 input takes the pixels as they are, ``(n, size, size, 3)``; a float
    input takes ``(n, 3, size, size)``, normalised by the card's mean and std.

    Args:
        card: What the network is.
        weights: The ONNX file.
        threads: Calls under way at the same time; the machine's cores if None.

    Raises:
        EncoderError: ONNX Runtime refuses it, or its inputs and outputs do not
            fit its card.
    """

    def __init__(self, card: EncoderCard, weights: Path, *, threads: int | None = None) -> None:
        self._name = card.name
        self._preprocessing = card.preprocessing
        self._session = open_session(weights, card.name)
        self._input = only_input(self._session, card)
        self.output = chosen_output(self._session, card)
        self._takes_pixels = self._input.type == "tensor(uint8)"
        self._fixed_batch = self._input.shape[0] if isinstance(self._input.shape[0], int) else None
        self.workers = threads or usable_cores()
        self.shares_cores = True
        self.batch_size = self._fixed_batch or BATCH_SIZE
        arithmetic = "int8" if card.precision == "int8" else "float32"
        self.description = f"ONNX Runtime, {arithmetic}, cpu"
        # A network may declare what it does not keep: only running it tells.
        self.dim: int | None = None

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
        """Run the network; one of a fixed batch is given full batches."""
        count = len(pixels)
        if self._fixed_batch and count < self._fixed_batch:
            missing = self._fixed_batch - count
            pixels = np.concatenate([pixels, np.repeat(pixels[-1:], missing, axis=0)])
        fed: NDArray[Any] = (
            np.ascontiguousarray(pixels)
            if self._takes_pixels
            else normalized(pixels, self._preprocessing)
        )
        try:
            (answer,) = self._session.run([self.output], {self._input.name: fed})
        except Exception as error:  # the runtime's errors share no public base class
            raise EncoderError(
                f"ONNX Runtime could not run encoder {self._name!r} on {fed.shape}: "
                f"{first_line(error)}."
            ) from error
        return np.asarray(answer)[:count]


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
            f"{first_line(error)}."
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
