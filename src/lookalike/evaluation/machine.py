"""What a measurement was made on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["machine"]

LIBRARIES = (
    "lookalike", "numpy", "pillow", "onnxruntime", "faiss-cpu",
    "hnswlib", "usearch", "scann", "autofaiss", "torch", "timm", "openvino", "nncf",
)  # fmt: skip


def machine() -> str:
    """Name the processor, the cores this process may use, and the libraries that matter."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    models = {line.split(":")[1].strip() for line in lines if line.startswith("model name")}
    families = {line.split(":")[1].strip() for line in lines if line.startswith("cpu family")}
    name = " ".join(sorted(models)) or platform.processor() or platform.machine()
    family = f" family {families.pop()}" if len(families) == 1 else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = ", ".join(filter(None, map(installed, LIBRARIES)))
    return f"{name}{family}, {cores} cores, Python {platform.python_version()}; {found}"


def installed(library: str) -> str:
    """Write a library with its release; nothing if it is not there."""
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return ""
