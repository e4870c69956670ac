"""Write a trained student as one ONNX file: norms folded, large kernels stored as int8.

The graph is built by hand rather than traced, so that every node is one that ONNX Runtime
fuses, and so that the stored kernels expand to float32 once, when the file is loaded:
`Cast` and `Mul` of constants are folded by ONNX Runtime, `DequantizeLinear` is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from lookalike.training.network import ConvNorm, ResidualBlock, SqueezeExcite, Student
from lookalike.training.teacher import Projection

OPSET = 18
# Kernels smaller than this stay float32: they cost no space worth saving.
SMALLEST_ROUNDED = 10_000

FloatArray = npt.NDArray[np.float32]


@dataclass
class GraphBuilder:
    """Collects nodes and constants; every method returns the name of what it adds."""

    rounded: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, inputs: list[str], **attributes: object) -> str:
        """Add a node with one output."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, values: npt.NDArray[np.generic]) -> str:
        """Add a stored array."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def kernel(self, values: FloatArray) -> str:
        """Add weights (outputs, ...), as int8 with one scale per output if they are large."""
        if not self.rounded or values.size < SMALLEST_ROUNDED:
            return self.constant(values)
        stored, scale = round_to_int8(values)
        cast = self.add("Cast", [self.constant(stored)], to=TensorProto.FLOAT)
        return self.add("Mul", [cast, self.constant(scale)])

    def convolution(self, maps: str, kernel: FloatArray, bias: FloatArray, stride: int) -> str:
        """Add a convolution with "same" padding."""
        side, pad = kernel.shape[-1], kernel.shape[-1] // 2
        return self.add(
            "Conv",
            [maps, self.kernel(kernel), self.constant(bias)],
            kernel_shape=[side, side], strides=[stride] * 2, pads=[pad] * 4,
        )  # fmt: skip


def round_to_int8(values: FloatArray) -> tuple[npt.NDArray[np.int8], FloatArray]:
    """Round (outputs, ...) to int8 and one scale per output, so that stored * scale ~ values."""
    largest = np.abs(values).reshape(len(values), -1).max(axis=1)
    scale = np.maximum(largest, 1e-12).astype(np.float32) / np.float32(127)
    scale = scale.reshape(-1, *[1] * (values.ndim - 1))
    return np.rint(values / scale).astype(np.int8), scale


def fold_norm(block: ConvNorm) -> tuple[FloatArray, FloatArray]:
    """Fold the batch norm into kernel and bias.

    gamma * (W x - mean) / sqrt(var + eps) + beta = (g W) x + (beta - g mean), with
    g = gamma / sqrt(var + eps) per output.
    """
    norm = block.norm
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("The batch norm keeps no running statistics, so it cannot be folded.")
    gain = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    kernel = _array(block.conv.weight) * gain.reshape(-1, 1, 1, 1)
    bias = _array(norm.bias) - gain * _array(norm.running_mean)
    return kernel.astype(np.float32), bias.astype(np.float32)


def build_model(
    network: Student, size: int, rounded: bool, whitening: Projection | None = None
) -> onnx.ModelProto:
    """Build `pixels` uint8 (n, size, size, 3) -> `embedding` float32 (n, dim), unit rows.

    A whitening is applied to the unit rows, which are then brought to unit length again.
    """
    graph = GraphBuilder(rounded)
    maps = graph.add("Cast", ["pixels"], to=TensorProto.FLOAT)
    maps = graph.add("Transpose", [maps], perm=[0, 3, 1, 2])
    maps = graph.add("Sub", [maps, graph.constant(_array(network.mean))])
    maps = graph.add("Mul", [maps, graph.constant(1 / _array(network.std))])
    for layer in network.stem:
        if isinstance(layer, ConvNorm):
            maps = graph.add("Relu", [_convolve(graph, maps, layer)])
    for block in network.stages:
        if isinstance(block, ResidualBlock):
            maps = _residual(graph, maps, block)
    means = graph.add("Flatten", [graph.add("GlobalAveragePool", [maps])])
    head = graph.kernel(_array(network.head.weight))
    raw = graph.add("Gemm", [means, head, graph.constant(_array(network.head.bias))], transB=1)
    if whitening is not None:
        axes = graph.constant(whitening.axes)
        shift = graph.constant(-whitening.mean @ whitening.axes)
        raw = graph.add("Gemm", [graph.add("Div", [raw, _length(graph, raw)]), axes, shift])
    graph.nodes.append(helper.make_node("Div", [raw, _length(graph, raw)], ["embedding"]))
    return _model(graph, size, network.config.dim)


def save_model(model: onnx.ModelProto, path: Path) -> None:
    """Check the model and write it."""
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _model(graph: GraphBuilder, size: int, dim: int) -> onnx.ModelProto:
    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", size, size, 3])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", dim])
    return helper.make_model(
        helper.make_graph(graph.nodes, "lookalike-builtin", [pixels], [embedding], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
        producer_name="lookalike",
    )


def _length(graph: GraphBuilder, rows: str) -> str:
    axis = graph.constant(np.array([1], np.int64))
    floor = graph.constant(np.array(1e-12, np.float32))
    return graph.add("Max", [graph.add("ReduceL2", [rows, axis], keepdims=1), floor])


def _residual(graph: GraphBuilder, maps: str, block: ResidualBlock) -> str:
    inner = graph.add("Relu", [_convolve(graph, maps, block.first)])
    inner = _convolve(graph, inner, block.second)
    if isinstance(block.squeeze, SqueezeExcite):
        inner = _squeeze(graph, inner, block.squeeze)
    shortcut = maps
    if isinstance(block.pool, nn.AvgPool2d):
        shortcut = graph.add(
            "AveragePool", [shortcut], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1
        )
    if isinstance(block.shortcut, ConvNorm):
        shortcut = _convolve(graph, shortcut, block.shortcut)
    return graph.add("Relu", [graph.add("Add", [inner, shortcut])])


def _squeeze(graph: GraphBuilder, maps: str, gate: SqueezeExcite) -> str:
    means = graph.add("GlobalAveragePool", [maps])
    for layer, activation in ((gate.reduce, "Relu"), (gate.expand, "HardSigmoid")):
        if layer.bias is None:
            raise ValueError("The gate's convolutions have a bias.")
        means = graph.convolution(means, _array(layer.weight), _array(layer.bias), 1)
        attributes = {"alpha": 1 / 6, "beta": 0.5} if activation == "HardSigmoid" else {}
        means = graph.add(activation, [means], **attributes)
    return graph.add("Mul", [maps, means])


def _convolve(graph: GraphBuilder, maps: str, block: ConvNorm) -> str:
    kernel, bias = fold_norm(block)
    return graph.convolution(maps, kernel, bias, block.conv.stride[0])


def _array(tensor: Tensor) -> FloatArray:
    values: FloatArray = tensor.detach().cpu().numpy().astype(np.float32)
    return values
