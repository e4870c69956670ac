"""What runs a network: one file for each library."""

from __future__ import annotations

__all__ = ["BACKENDS", "EXPORT_BACKENDS"]

# Of the exports of an encoder, the first one that is there and installed is used:
# measured, the faster one.
EXPORT_BACKENDS = ("openvino", "onnx")
BACKENDS = ("auto", "torch", *EXPORT_BACKENDS)
