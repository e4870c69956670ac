"""Let torchvision be imported beside a CPU torch whose build it does not match.

Its compiled part looks for two operators that only a matching build defines, and
timm and open_clip import it for nothing that needs them. Tests only: with matching
builds nobody needs this.
"""

from __future__ import annotations

try:
    import torch
except ImportError:
    torch = None

if torch is not None and torch.version.cuda is None:
    library = torch.library.Library("torchvision", "DEF")  # gone with its last reference
    for name in ("nms", "qnms"):
        try:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:  # a build that matches has them already
            break
