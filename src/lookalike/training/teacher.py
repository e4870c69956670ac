"""The teacher's targets: its embedding of every view, centred and reduced by PCA."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

from lookalike.errors import UsageError
from lookalike.training.pictures import ViewSet

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]


class Teacher:
    """A pretrained ONNX network that maps float32 (n, 3, h, w) in [-1, 1] to (n, dim)."""

    def __init__(self, path: Path, threads: int = 2) -> None:
        if not path.exists():
            raise UsageError(
                f"The teacher {path} does not exist. Name an ONNX file with --teacher."
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name

    def embed(self, pixels: npt.NDArray[np.uint8], batch_size: int = 8) -> FloatArray:
        """Embed uint8 RGB (n, h, w, 3) to raw float32 (n, dim), not normalised.

        Batches of 8 were the fastest of those tried: the activations stay in the cache.
        """
        parts = [
            self._run(pixels[start : start + batch_size])
            for start in range(0, len(pixels), batch_size)
        ]
        return np.concatenate(parts)

    def _run(self, batch: npt.NDArray[np.uint8]) -> FloatArray:
        scaled = batch.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        output: FloatArray = self.session.run(["embedding"], {self.input: scaled})[0]
        return output


@dataclass(frozen=True)
class Projection:
    """Centring, then projection on the leading principal axes: (n, d) to unit (n, dim)."""

    mean: FloatArray
    axes: FloatArray

    def __call__(self, embeddings: FloatArray) -> FloatArray:
        """Centre, project and normalise rows."""
        reduced = (embeddings - self.mean) @ self.axes
        lengths = np.linalg.norm(reduced, axis=1, keepdims=True)
        return np.asarray(reduced / np.maximum(lengths, 1e-12), np.float32)

    def save(self, path: Path) -> None:
        """Save as .npz."""
        np.savez(path, mean=self.mean, axes=self.axes)

    @classmethod
    def load(cls, path: Path) -> Projection:
        """Load what `save` wrote."""
        with np.load(path) as stored:
            return cls(stored["mean"], stored["axes"])


def fit_projection(embeddings: FloatArray, dim: int, power: float = 0.0) -> Projection:
    """Fit principal component analysis, with partial whitening.

    Axis i is scaled by variance_i ** (-power / 2): power 0 keeps the geometry of the
    teacher, power 1 whitens fully (Jégou and Chum, *Negative evidences and
    co-occurrences in image retrieval*, ECCV 2012, section 3).
    """
    mean = embeddings.mean(axis=0, dtype=np.float64)
    centred = embeddings.astype(np.float64) - mean
    variances, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    leading = np.argsort(variances)[::-1][:dim]
    scales = np.maximum(variances[leading], 1e-12) ** (-power / 2)
    return Projection(mean.astype(np.float32), (vectors[:, leading] * scales).astype(np.float32))


def embed_views(
    teacher: Teacher, views: ViewSet, size: int, path: Path, rows_at_once: int = 64
) -> npt.NDArray[np.float16]:
    """Embed every view, resized to `size`, into a float16 memmap (n, views, dim) at `path`.

    A run that was interrupted goes on where it stopped: a side file counts the rows done.
    """
    count, per_picture = views.pixels.shape[:2]
    probe = teacher.embed(np.zeros((1, size, size, 3), np.uint8))
    progress_path = path.with_suffix(".done")
    done = int(progress_path.read_text()) if progress_path.exists() else 0
    shape = (count, per_picture, probe.shape[1])
    mode = "r+" if done else "w+"
    targets = np.lib.format.open_memmap(path, mode, np.float16, shape)
    resize = _resizer(size)
    for start in range(done, count, rows_at_once):
        block = views.pixels[start : start + rows_at_once]
        flat = block.reshape(-1, *block.shape[2:])
        embedded = teacher.embed(np.stack([resize(view) for view in flat]))
        targets[start : start + len(block)] = embedded.reshape(len(block), per_picture, -1)
        progress_path.write_text(str(start + len(block)))
        if start // 5000 != (start + len(block)) // 5000:
            logger.info("%s: %d of %d pictures embedded", path.stem, start + len(block), count)
    targets.flush()
    return targets


def _resizer(size: int) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]:
    def resize(view: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        if view.shape[0] == size:
            return view
        picture = Image.fromarray(view)
        return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))

    return resize
