"""OpenVINO on the CPU: the fastest back-end there for networks that were exported to it."""

from __future__ import annotations

from pathlib import Path
from queue import LifoQueue
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.runtimes.cores import usable_cores
from lookalike.errors import EncoderError, MissingExtra

if TYPE_CHECKING:
    import openvino

__all__ = ["OpenVinoRuntime"]

# Measured on two cores: 8, 16 and 32 pictures a call differ by 6 % at most, on
# ResNet-18 and ViT-S/16 and in every precision.
BATCH_SIZE = 16

# Left alone, OpenVINO computes in bfloat16 wherever the processor has it, so the
# hint is always given. What int8 leaves unrounded is computed in float32: bfloat16
# there was no faster.
HINTS = {"exact": "f32", "bf16": "bf16", "int8": "f32"}
WORDS = {"f32": "float32", "bf16": "bfloat16"}


class OpenVinoRuntime:
    """Runs one exported network, which takes uint8 pixels ``(n, size, size, 3)``.

    Each call under way has a request and a thread of its own. Never fork a
    process that holds one: its threads are not there in the child.

    Args:
        card: What the network is.
        file: Its ``.xml``, the ``.bin`` beside it.
        precision: ``exact``, ``bf16`` or ``int8``.
        threads: Calls under way at the same time; the machine's cores if None.

    Raises:
        MissingExtra: OpenVINO is not installed.
        EncoderError: It refuses the network.
    """

    def __init__(
        self, card: EncoderCard, file: Path, *, precision: str, threads: int | None = None
    ) -> None:
        self._name = card.name
        self.workers = threads or usable_cores()
        self.shares_cores = True
        self.batch_size = BATCH_SIZE
        self._model = compiled(file, card.name, hint=HINTS[precision], workers=self.workers)
        self.hint = str(self._model.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        if precision == "exact" and self.hint != "f32":
            raise EncoderError(
                f"OpenVINO computes encoder {card.name!r} in {self.hint}, though float32 was "
                "asked for: use --backend torch, or ask for precision bf16."
            )
        arithmetic = "int8" if precision == "int8" else WORDS.get(self.hint, self.hint)
        self.description = f"OpenVINO, {arithmetic}, cpu"
        self.dim = row_length(self._model)
        self._requests: LifoQueue[openvino.InferRequest] = LifoQueue()
        for _ in range(self.workers):
            self._requests.put(self._model.create_infer_request())

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
        """Run the network on ``(n, size, size, 3)``: rows as they leave it."""
        request = self._requests.get()
        try:
            return answered(request, pixels)
        except Exception as error:  # the runtime's errors share no public base class
            raise EncoderError(
                f"OpenVINO could not run encoder {self._name!r} on {pixels.shape}: "
                f"{last_line(error)}"
            ) from error
        finally:
            self._requests.put(request)


def compiled(file: Path, name: str, *, hint: str, workers: int) -> openvino.CompiledModel:
    """Load a network with one stream, of one thread, for each call under way."""
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("openvino", f"Running encoder {name!r} with OpenVINO") from error
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": hint,
        "NUM_STREAMS": workers,
        "INFERENCE_NUM_THREADS": workers,
    }
    try:
        core = openvino.Core()
        return core.compile_model(core.read_model(str(file)), "CPU", settings)
    except Exception as error:  # the runtime's errors share no public base class
        raise EncoderError(
            f"OpenVINO cannot load encoder {name!r} from {file}: {last_line(error)}"
        ) from error


def answered(request: openvino.InferRequest, pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
    """Run one request on pixels that it reads where they are, and copy its answer."""
    import openvino

    # A tensor made by hand for every call. `infer(..., share_inputs=True)` keeps
    # the caller's array as its own, and a later call that is not shared is then
    # copied into it: pictures were overwritten that way.
    in_order = np.require(pixels, requirements=["C_CONTIGUOUS", "WRITEABLE"])
    request.set_input_tensor(openvino.Tensor(in_order, shared_memory=True))
    request.infer()
    return np.array(request.get_output_tensor().data)


def row_length(model: openvino.CompiledModel) -> int | None:
    """Return the length of a row, where the network fixes it."""
    shape = model.output(0).get_partial_shape()
    if shape.rank.is_dynamic or len(shape) != 2 or shape[1].is_dynamic:
        return None
    return int(shape[1].get_length())


def last_line(error: Exception) -> str:
    """Shorten OpenVINO's message, which begins with lines of its source."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
