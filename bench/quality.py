"""Measure how well two encoders find pictures of the same class, with intervals.

The encoder in the box and the MobileNetV2 of the shared data, over the three labelled
sets that no training has seen: every picture is the query once, all others are ranked.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lookalike.evaluation.datasets import open_set
from lookalike.evaluation.matrix import EvalWish, evaluate, write_outputs
from reporting import RESULTS, publish

SHARED = Path(__file__).resolve().parents[2] / "shared"
SETS = ("caltech101-eval", "grocery-eval", "clothing-eval")
METRICS = ("ap", "precision@1", "precision@10", "recall@50", "ndcg@10", "r_precision", "mrr")
MOBILENET = "weights/mobilenetv2-1.0-224/tf2_mobilenet_v2_1.0_224_ptq.float.onnx"
DECLARED = "?size=224&resize=224&mean=.5&std=.5&output=embedding"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS / "quality", help="results, kept")
    out = parser.parse_args().out
    data = Path(os.environ.get("LOOKALIKE_SHARED", SHARED)).resolve()
    encoders = {"builtin": "builtin", "MobileNetV2, 224 px": f"onnx:{data / MOBILENET}{DECLARED}"}
    rows = []
    for name in SETS:
        folder = out / name
        image_set = open_set(str(data / "data" / f"{name}.tar"))
        wish = EvalWish(encoders=tuple(encoders.values()), ks=(1, 5, 10, 20, 50))
        results = evaluate(image_set, wish, folder=folder, say=said)
        write_outputs(results, folder, sets={image_set.fingerprint: image_set})
        rows += [row(name, title, found) for title, found in zip(encoders, results, strict=True)]
    publish("quality", rows)


def said(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def row(name: str, encoder: str, result: Mapping[str, Any]) -> dict[str, object]:
    shown = {"set": name, "pictures": result["set"]["images"], "encoder": encoder}
    return shown | {metric: interval(result["metrics"][metric]) for metric in METRICS}


def interval(estimate: Mapping[str, float]) -> str:
    low, high = estimate["low"], estimate["high"]
    return f"{estimate['mean']:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
