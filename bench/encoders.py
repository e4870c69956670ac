"""Pictures to embeddings: the usual loop, and Lookalike in three precisions.

    python bench/encoders.py [--rounds 3] [--quick]

The usual loop is a DataLoader with two workers and PIL transforms, eager float32
PyTorch, batches of 128, each copied to NumPy. Lookalike is ``add_images`` into a new
gallery, commits included, run by OpenVINO exports that ``export_network`` accepted.
Same pictures, same weights; every measurement is a process of its own, and all ways
take their turn in each round. Loading the network and one small batch before are not
counted; starting the loop's workers is.

The weights are random, seeded, with the batch norms' statistics from photographs:
speed is that of the real ones, agreement is only a hint. Needs the extras export and
timm. With matching torch and torchvision nothing else; beside a CPU torch whose
torchvision does not match, the tests' stand-in for two missing operators is used.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import lookalike
from lookalike.encoders import Encoder, prepare
from lookalike.encoders.assembling import card_and_folder
from lookalike.encoders.exporting import Evidence, export_network, find_export, gates
from lookalike.encoders.exporting.gates import agreement_of
from lookalike.encoders.families import load_network
from lookalike.encoders.names import parse_name
from lookalike.images import Preprocessing, crop, decode
from photographs import SETS, ready_pictures
from reporting import RESULTS, publish, table

NETWORKS = {"ResNet-18": "resnet18", "ViT-S/16": "vit_small_patch16_224"}
PRECISIONS = ("exact", "bf16", "int8")
LOOP = "usual loop"
LOOP_BATCH = 128
LOOP_WORKERS = 2
WORK = RESULTS / "encoders"
# What exports are calibrated and judged on: a third, and the rest.
EXPORT_PICTURES = 450
QUICK = {"500px": 240, "12mp": 24, "12mp-light": 24}
TESTS = Path(__file__).resolve().parents[1] / "tests"


def main() -> None:
    """Run one measurement for the parent process, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="fewer pictures, one round")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        run_step(*asked.step)
        return
    rounds = 1 if asked.quick else asked.rounds
    rows: list[dict[str, object]] = []
    for name, chosen in SETS.items():
        folder = ready_pictures(name, WORK, QUICK[name] if asked.quick else chosen.count)
        for title, network in NETWORKS.items():
            rows += compared(chosen.title, folder, title, network, rounds)
            sys.stderr.write(f"{table(rows)}\n")
    publish("encoders", rows)


def compared(
    pictures: str, folder: Path, title: str, network: str, rounds: int
) -> list[dict[str, object]]:
    """Measure one network on one set of pictures, all ways in turn within each round."""
    notes = in_process("exports", network)
    ways = (LOOP, *PRECISIONS)
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for number in range(rounds):
        for way in ways if number % 2 == 0 else reversed(ways):
            sys.stderr.write(f"{pictures}, {title}, {way}, round {number + 1} ...\n")
            found[way].append(in_process("rate", way, network, str(folder)))
    exact = rows_of(found["exact"][0])
    facts = {"pictures": pictures, "n": len(exact), "network": title}
    return [
        {**facts, **row_of(way, runs, loops=found[LOOP], exact=exact), "note": notes.get(way, "")}
        for way, runs in found.items()
    ]


def row_of(
    way: str,
    runs: list[dict[str, Any]],
    *,
    loops: list[dict[str, Any]],
    exact: NDArray[np.float32],
) -> dict[str, object]:
    """Sum up the rounds of one way: medians, and ratios within each round."""
    count = len(exact)
    rate = count / statistics.median(run["seconds"] for run in runs)
    rounds = list(zip(loops, runs, strict=True))
    row: dict[str, object] = {
        "way": way,
        "pictures/s": rate,
        "x usual loop": statistics.median(a["seconds"] / b["seconds"] for a, b in rounds),
        "processor, ms/picture": 1000 * statistics.median(run["processor"] for run in runs) / count,
        "bare, pictures/s": "",
        "share of bare": "",
    }
    if way != LOOP:
        row["bare, pictures/s"] = count / statistics.median(run["bare"] for run in runs)
        row["share of bare"] = statistics.median(run["bare"] / run["seconds"] for run in runs)
    agreement = agreement_of(exact, rows_of(runs[0]))
    row["cosine to exact, mean"] = f"{agreement.cosine_mean:.5f}"
    row["least"] = f"{agreement.cosine_min:.5f}"
    row["same ten neighbors"] = "" if agreement.overlap is None else f"{agreement.overlap:.3f}"
    return row


def rows_of(run: dict[str, Any]) -> NDArray[np.float32]:
    """Read the embeddings that a measurement left behind."""
    rows: NDArray[np.float32] = np.load(run["rows"])
    return rows


# --- One measurement each, in a process of its own


def in_process(*step: str) -> dict[str, Any]:
    """Run a step in a new process; return what it found."""
    environment = {**os.environ, "LOOKALIKE_CACHE": str(WORK / "cache"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, __file__, "--step", *step]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_step(kind: str, *given: str) -> None:
    """Do what the parent asked for, and print it as JSON."""
    found: dict[str, Any]
    if kind == "exports" or given[0] == LOOP:
        sys.path.append(str(TESTS))
        import torchvision_shim  # noqa: F401 - before timm
    if kind == "exports":
        found = ready_exports(*given)
    else:
        way, network, folder = given
        measure = loop_rate if way == LOOP else partial_rate(way)
        seconds, rows = measure(network, Path(folder))
        file = WORK / f"rows-{network}-{way.replace(' ', '-')}-{Path(folder).name}.npy"
        np.save(file, rows)
        found = {**seconds, "rows": str(file)}
    sys.stdout.write(json.dumps(found) + "\n")


Measured = tuple[dict[str, float], NDArray[np.float32]]


def partial_rate(precision: str) -> Callable[[str, Path], Measured]:
    """Choose the precision of a measurement."""
    return lambda network, folder: pipeline_rate(network, folder, precision)


def pipeline_rate(network: str, folder: Path, precision: str) -> Measured:
    """Time ``add_images``, and the encoder alone on the same pictures, prepared."""
    encoder = lookalike.load_encoder(
        f"{weights_folder(network)}?precision={precision}", device="cpu", backend="openvino"
    )
    files = sorted(folder.iterdir())
    crops = np.stack([prepare(file, encoder)[1] for file in files])
    encoder.encode(crops[: 2 * encoder.batch_size])
    started = time.perf_counter()
    encoder.encode(crops)
    bare = time.perf_counter() - started
    spent, rows = added(folder, encoder)
    return {**spent, "bare": bare}, rows


def processor_seconds() -> float:
    """Add up what this process and its ended children have computed so far."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def added(folder: Path, encoder: Encoder) -> Measured:
    """Index a folder into a new gallery; return what that took, and the embeddings by name."""
    add_images = lookalike.add_images  # imports what it stands on, as the loop did before
    with (
        tempfile.TemporaryDirectory() as place,
        lookalike.Gallery.open_or_create(f"{place}/gallery", encoder.space) as gallery,
    ):
        used, started = processor_seconds(), time.perf_counter()
        add_images(gallery, folder, encoder)
        spent = {"seconds": time.perf_counter() - started, "processor": processor_seconds() - used}
        images = sorted(gallery.images(), key=lambda image: image.path)
        return spent, gallery.embeddings([image.image_id for image in images])


def loop_rate(network: str, folder: Path) -> Measured:
    """Time the loop as it is usually written."""
    import torch
    from torch.utils.data import DataLoader

    model = named_model(network)
    load_safely(model, weights_folder(network))
    card, _ = card_and_folder(parse_name(str(weights_folder(network))))
    files = sorted(folder.iterdir())
    given = card.preprocessing
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (given.mean, given.std))

    class Pictures(torch.utils.data.Dataset):  # type: ignore[misc]
        """What everybody writes: open, resize, centre crop, tensor, normalise."""

        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, number: int) -> Any:
            picture = Image.open(files[number]).convert("RGB")
            shortest = min(picture.size)
            size = tuple(given.resize * side // shortest for side in picture.size)
            picture = picture.resize(size, Image.Resampling[given.interpolation.upper()])
            left, top = (round((side - given.size) / 2) for side in size)
            picture = picture.crop((left, top, left + given.size, top + given.size))
            pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()
            return (pixels.float().div(255) - mean) / std

    parts = []
    with torch.inference_mode():
        model(torch.zeros(2, 3, given.size, given.size))
        used, started = processor_seconds(), time.perf_counter()
        for batch in DataLoader(Pictures(), batch_size=LOOP_BATCH, num_workers=LOOP_WORKERS):
            parts.append(model(batch).numpy().copy())
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "processor": processor_seconds() - used}, np.concatenate(parts)


# --- Networks and their exports


def weights_folder(network: str) -> Path:
    """Where a network's weights lie, in hub form."""
    return WORK / network


def named_model(network: str) -> Any:
    """Build a network without its classifier."""
    import timm

    return timm.create_model(network, num_classes=0).eval()


def load_safely(model: Any, folder: Path) -> None:
    """Load weights, all but the classifier's."""
    from safetensors.torch import load_file

    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({name: weights[name] for name in model.state_dict()})


def ready_exports(network: str) -> dict[str, str]:
    """Make the weights and their exports, unless they are there; return what to note on each.

    Random weights tell pictures apart less than trained ones, so that their ranking
    suffers more from int8: what the gate would refuse is measured all the same, and
    the table says so.
    """
    folder = ready_pictures("500px", WORK, EXPORT_PICTURES)
    files = sorted(folder.iterdir())
    if not weights_folder(network).is_dir():
        save_weights(network, files[:: len(files) // 64])
    gate, gates.LOWEST_OVERLAP = gates.LOWEST_OVERLAP, 0.0
    notes = {}
    for precision in PRECISIONS:
        overlap = ready_export(f"{weights_folder(network)}?precision={precision}", files).overlap
        if precision == "int8" and overlap is not None:
            verdict = "refused" if overlap < gate else "accepted"
            notes[precision] = f"{verdict}: {overlap:.3f} of the same ten neighbors"
    return notes


def ready_export(name: str, files: list[Path]) -> Evidence:
    """Export a network, unless that was done before; return how it did."""
    card, weights = card_and_folder(parse_name(name))
    found = find_export(card, weights.digest(), "openvino")
    if found is None:
        found = export_network(
            load_network(weights, card), card, weights.digest(), to="openvino",
            precision=card.precision,
            pictures=np.stack(list(prepared(files, card.preprocessing))),
        )  # fmt: skip
    return found.evidence


def prepared(files: list[Path], preprocessing: Preprocessing) -> Iterator[NDArray[np.uint8]]:
    """Decode and cut each picture."""
    for file in files:
        yield crop(decode(file, shortest_side=preprocessing.resize), preprocessing)


def save_weights(network: str, files: list[Path]) -> None:
    """Make random weights, with batch norms that know photographs, and save them in hub form."""
    import timm
    import torch

    torch.manual_seed(0)
    model = timm.create_model(network)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    norms = [part for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
    if norms:
        with torch.inference_mode():
            model.train()(torch.stack([transform(Image.open(file)) for file in files]))
    timm.models.save_for_hf(model.eval(), weights_folder(network), safe_serialization=True)


if __name__ == "__main__":
    main()
