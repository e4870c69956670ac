"""How much of the encoder's own speed is left when files are read, decoded and written too.

    python bench/extraction.py [--rounds 5]

For each set of pictures and each encoder, in turn within each round:

- bare: ``encoder.encode`` on crops that lie ready in memory;
- end to end: ``add_images`` into a new gallery, commits included;
- plain loop: Pillow and the encoder one after the other, batch by batch, as it is
  usually written (ONNX Runtime shares each batch out over all cores).

Medians over the rounds. The rendered collection is always there; the photographs
come from the shared data where LOOKALIKE_SHARED has them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

import lookalike
from lookalike.demonstration import render_collection
from lookalike.encoders import Encoder, prepare
from lookalike.images import open_source
from lookalike.images.preprocessing import normalized
from reporting import publish

PICTURES = 1000
PLAIN_BATCH = 32


def shared_folder() -> Path | None:
    """Find the shared data, if this machine has it."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("LOOKALIKE_SHARED", default))
    return folder if (folder / "data").is_dir() else None


def picture_sets(work: Path, shared: Path | None) -> Iterator[tuple[str, Path]]:
    """Lay each set out as a folder of at most PICTURES files."""
    rendered = work / "rendered"
    render_collection(rendered, pictures=720)
    yield "rendered, 160-1600 px, all formats", rendered
    if shared is None:
        return
    for name, title in [
        ("caltech101-eval", "Caltech-101, 224 px JPEG"),
        ("clothing-eval", "clothing, full-size JPEG"),
    ]:
        folder = work / name
        with tarfile.open(shared / "data" / f"{name}.tar") as tar:
            members = [member for member in tar.getmembers() if member.isfile()]
            step = max(1, len(members) // PICTURES)
            tar.extractall(folder, members[::step][:PICTURES], filter="data")
        yield title, folder


def encoder_names(shared: Path | None) -> Iterator[tuple[str, str]]:
    """Name the encoder in the box, and a pretrained one where there is one."""
    yield "builtin", "builtin"
    for file in sorted(shared.glob("weights/*/*.onnx")) if shared else []:
        declared = "?size=224&resize=224&mean=.5&std=.5&output=embedding"
        yield "MobileNetV2, 224 px", f"onnx:{file}{declared}"


def readable_files(folder: Path) -> list[str]:
    """List what can be decoded."""
    source = open_source(folder)
    files = []
    for ref in source.scan():
        try:
            lookalike.decode(source.absolute(ref.path), shortest_side=64)
        except lookalike.LookalikeError:
            continue
        files.append(source.absolute(ref.path))
    return files


def bare(encoder: Encoder, crops: np.ndarray) -> Callable[[], object]:
    """Encode crops that lie ready."""
    return lambda: encoder.encode(crops)


def end_to_end(encoder: Encoder, folder: Path) -> Callable[[], object]:
    """Index a folder into a new gallery."""

    def run() -> None:
        with (
            tempfile.TemporaryDirectory() as place,
            lookalike.Gallery.open_or_create(f"{place}/gallery", encoder.space) as gallery,
        ):
            lookalike.add_images(gallery, folder, encoder)

    return run


def plain_loop(encoder: Encoder, weights: Path, files: list[str]) -> Callable[[], object]:
    """Decode a batch with Pillow, encode it, and so on."""
    session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    size, resize = encoder.preprocessing.size, encoder.preprocessing.resize

    def crop(file: str) -> np.ndarray:
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
        scale = resize / min(picture.size)
        picture = picture.resize(
            (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BICUBIC
        )
        left, top = (picture.width - size) // 2, (picture.height - size) // 2
        return np.asarray(picture.crop((left, top, left + size, top + size)))

    def run() -> None:
        for start in range(0, len(files), PLAIN_BATCH):
            pixels = np.stack([crop(file) for file in files[start : start + PLAIN_BATCH]])
            fed = pixels if "uint8" in given.type else normalized(pixels, encoder.preprocessing)
            session.run([encoder.card.output], {given.name: fed})

    return run


def seconds(run: Callable[[], object]) -> float:
    """Time one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def weights_file(name: str) -> Path:
    """Find an encoder's ONNX file from its name."""
    if name == "builtin":
        return Path(lookalike.__file__).parent / "encoders" / "builtin" / "weights.onnx"
    return Path(name.removeprefix("onnx:").rpartition("?")[0])


def measure(title: str, folder: Path, label: str, name: str, rounds: int) -> dict[str, object]:
    """Measure one set with one encoder, the three ways in turn."""
    encoder = lookalike.load_encoder(name)
    files = readable_files(folder)
    crops = np.stack([prepare(file, encoder)[1] for file in files])
    ways = {
        "bare": bare(encoder, crops),
        "end to end": end_to_end(encoder, folder),
        "plain loop": plain_loop(encoder, weights_file(name), files),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, run in ways.items():
            times[way].append(seconds(run))
    rates = {way: len(files) / statistics.median(times[way]) for way in ways}
    return {
        "pictures": title,
        "encoder": label,
        "n": len(files),
        "bare, pictures/s": rates["bare"],
        "end to end, pictures/s": rates["end to end"],
        "end to end / bare": rates["end to end"] / rates["bare"],
        "end to end / plain loop": rates["end to end"] / rates["plain loop"],
    }


def main() -> None:
    """Measure every set with every encoder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    shared = shared_folder()
    rows = []
    with tempfile.TemporaryDirectory() as work:
        for title, folder in picture_sets(Path(work), shared):
            for label, name in encoder_names(shared):
                sys.stderr.write(f"{title}, {label} ...\n")
                rows.append(measure(title, folder, label, name, rounds))
    publish("extraction", rows)


if __name__ == "__main__":
    main()
