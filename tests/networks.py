"""Small ONNX networks, made on the spot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_mean_colour(
    file: Path, *, size: int | str = "h", batch: int | str = "n", pixels: bool = False
) -> Path:
    """Write a network whose embedding is the picture's mean colour, times (1, 2, 4).

    With ``pixels`` it takes uint8 ``(n, h, w, 3)``, else float ``(n, 3, h, w)``. A
    second output, ``map``, is no embedding.
    """
    weights = numpy_helper.from_array(np.array([1, 2, 4], np.float32), "weights")
    nodes = []
    if pixels:
        given = helper.make_tensor_value_info("pixels", TensorProto.UINT8, [batch, size, size, 3])
        nodes.append(helper.make_node("Cast", ["pixels"], ["wide"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Transpose", ["wide"], ["chw"], perm=[0, 3, 1, 2]))
    else:
        given = helper.make_tensor_value_info("chw", TensorProto.FLOAT, [batch, 3, size, size])
    nodes += [
        helper.make_node("GlobalAveragePool", ["chw"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Mul", ["flat", "weights"], ["embedding"]),
        helper.make_node("Relu", ["chw"], ["map"]),
    ]
    outputs = [
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 3]),
        helper.make_tensor_value_info("map", TensorProto.FLOAT, [batch, 3, size, size]),
    ]
    graph = helper.make_graph(nodes, "mean_colour", [given], outputs, [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, file)
    return file


def write_card(file: Path, **changes: object) -> Path:
    """Write a card beside the mean-colour network."""
    card = {
        "name": "mean colour",
        "weights": file.with_suffix(".onnx").name,
        "dim": 3,
        "output": "embedding",
        "preprocessing": {"size": 8, "resize": 8, "mean": 0.0, "std": 1.0},
    }
    file.write_text(json.dumps({**card, **changes}))
    return file
