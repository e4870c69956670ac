"""The network as a graph that takes pixels: torch's tracing, written as ONNX."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EncoderError, MissingExtra, first_line
from lookalike.images.preprocessing import Preprocessing, channel_scales

if TYPE_CHECKING:
    import torch

    from lookalike.encoders.families.network import TorchNetwork

__all__ = ["has_attention", "pixel_network", "require_exporters", "write_onnx"]

INPUT, OUTPUT = "pixels", "embedding"

# One protobuf message, which an ONNX file is, ends at 2 GB.
LARGEST_FILE_BYTES = 2**31 - 2**24
LARGEST_BATCH = 4096


def require_exporters(name: str, to: str, precision: str) -> None:
    """Import what this export needs before any work is done.

    Raises:
        MissingExtra: Something is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
        import torch  # noqa: F401

        if to == "openvino":
            import openvino  # noqa: F401
        if (to, precision) == ("openvino", "int8"):
            from lookalike.encoders.exporting.quantizing import imported_nncf

            imported_nncf()
    except ImportError as error:
        raise MissingExtra("export", f"Exporting encoder {name!r} to {to}") from error


def pixel_network(images: torch.nn.Module, preprocessing: Preprocessing) -> torch.nn.Module:
    """Put normalisation before a network: uint8 ``(n, h, w, 3)`` to ``(n, dim)``."""
    import torch

    class PixelNetwork(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
        def __init__(self) -> None:
            super().__init__()
            factors, offsets = zip(*channel_scales(preprocessing), strict=True)
            self.images = images
            self.register_buffer("factor", torch.tensor(factors).view(1, 3, 1, 1))
            self.register_buffer("offset", torch.tensor(offsets).view(1, 3, 1, 1))

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            planes = pixels.permute(0, 3, 1, 2).float()
            return self.images(planes * self.factor + self.offset)

    return PixelNetwork().eval()


def write_onnx(network: TorchNetwork, example: NDArray[np.uint8], file: Path, *, name: str) -> None:
    """Trace a network, pixels in, and write it as ONNX.

    Args:
        network: What is traced.
        example: Two pictures.
        file: Where to; weights above 2 GB lie beside it.
        name: The encoder's, for the message.

    Raises:
        EncoderError: torch cannot trace it.
    """
    import torch

    module = pixel_network(network.images, network.preprocessing)
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    with quietly():
        try:
            torch.onnx.export(
                module,
                (torch.from_numpy(np.array(example)),),
                str(file),
                dynamo=True,
                dynamic_shapes=({0: batch},),
                external_data=weight_bytes(module) > LARGEST_FILE_BYTES,
                input_names=[INPUT],
                output_names=[OUTPUT],
                verbose=False,
            )
        except Exception as error:  # tracing fails in as many ways as networks are written
            raise EncoderError(
                f"torch cannot write encoder {name!r} as a graph ({first_line(error)}): "
                "run it with --backend torch."
            ) from error


def weight_bytes(module: Any) -> int:
    """Add up parameters and buffers."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@contextlib.contextmanager
def quietly() -> Any:
    """Keep a library's progress bars and advice to its own developers off the screen."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def has_attention(kinds: set[str]) -> bool:
    """Tell a transformer by the operations of its graph."""
    return bool(kinds & {"Softmax", "ScaledDotProductAttention", "Attention"})
