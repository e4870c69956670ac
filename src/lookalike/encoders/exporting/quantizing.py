"""Networks in 8-bit integers: ranges from real pictures, one scale for each channel."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.exporting.graphs import INPUT, has_attention, quietly

__all__ = ["imported_nncf", "round_for_onnx", "round_for_openvino"]

POOLINGS = {"ReduceMean", "AvgPool", "MaxPool"}
SUMS = {"Add", "Multiply"}


def imported_nncf() -> Any:
    """Import NNCF without the part that reports its use to its makers.

    It sends what it quantizes unless ``openvino_telemetry`` is missing, so it
    is told that it is. It also makes every later logger of the process its own.
    """
    before = sys.modules.get("openvino_telemetry")
    logger_class = logging.getLoggerClass()
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        with quietly():
            import nncf
    finally:
        del sys.modules["openvino_telemetry"]
        if before is not None:
            sys.modules["openvino_telemetry"] = before
        logging.setLoggerClass(logger_class)
    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf


def round_for_openvino(model: Any, pictures: NDArray[np.uint8], *, is_careful: bool = False) -> Any:
    """Quantize an OpenVINO model by NNCF's post-training quantization.

    Ranges reach from the lowest to the highest value seen. NNCF's own choice, the
    mean of each picture's, kept fewer neighbors of every network that kept enough
    (docs/backends.md). Of convolutional networks the pooling is left in
    float32; with care also the sums of branches, which costs a tenth of the speed.
    """
    nncf = imported_nncf()
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    kinds = {operation.get_type_name() for operation in model.get_ops()}
    is_transformer = has_attention(kinds)
    spared = (set() if is_transformer else POOLINGS) | (SUMS if is_careful else set())
    with quietly():
        return nncf.quantize(
            model,
            nncf.Dataset([picture[None] for picture in pictures]),
            model_type=nncf.ModelType.TRANSFORMER if is_transformer else None,
            ignored_scope=nncf.IgnoredScope(types=sorted(spared & kinds), validate=False),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(pictures),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
            ),
        )


class PictureReader:
    """Feeds pictures to ONNX Runtime's calibration one by one."""

    def __init__(self, pictures: NDArray[np.uint8]) -> None:
        self._rest = iter(pictures)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Return the next picture; None at the end. ONNX Runtime names this method."""
        picture = next(self._rest, None)
        return None if picture is None else {INPUT: picture[None]}


def round_for_onnx(source: Path, target: Path, pictures: NDArray[np.uint8]) -> None:
    """Quantize an ONNX file by ONNX Runtime's static quantization.

    Of transformers only the matrix products: rounding what lies between them
    costs agreement, and time for going to and fro.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = target.with_name("prepared.onnx")
    kinds = {node.op_type for node in onnx.load(source).graph.node}
    with quietly():
        quant_pre_process(str(source), str(prepared))
        quantize_static(
            str(prepared),
            str(target),
            PictureReader(pictures),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gemm"] if has_attention(kinds) else None,
        )
    prepared.unlink()
