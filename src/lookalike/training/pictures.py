"""Turn the training tars into packed arrays of views: square uint8 crops, decoded once.

A view is a random crop that both the teacher and the student see, so that the teacher is
paid once per view and not once per epoch ("function matching", Beyer et al., *Knowledge
distillation: A good teacher is patient and consistent*, CVPR 2022, section 3).
"""

from __future__ import annotations

import io
import json
import logging
import math
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from lookalike.errors import UsageError
from lookalike.images import Preprocessing, crop, decode

logger = logging.getLogger(__name__)

UNLABELLED = -1
HELD_OUT_PER_CLASS = 4
HELD_OUT_MINIMUM = 16
# Folders whose pictures share no class: random backgrounds, and one picture per ImageNet class.
FOLDERS_WITHOUT_CLASS = ("caltech101-BACKGROUND_Google", "sample-")


@dataclass(frozen=True)
class Picture:
    """One encoded training picture and the class it belongs to, if any."""

    name: str
    group: str
    class_name: str | None
    data: bytes

    def decode(self) -> Image.Image:
        """Decode to an RGB picture."""
        return Image.open(io.BytesIO(self.data)).convert("RGB")


@dataclass(frozen=True)
class ViewPlan:
    """How many views are cut from every picture, and how large they are stored.

    The first view is always the whole centred square; the others are random crops whose
    share of the picture's area is drawn from `scale`.
    """

    size: int
    views: int
    scale: tuple[float, float]
    aspect: float = 4 / 3
    seed: int = 0


@dataclass(frozen=True)
class ViewSet:
    """The packed views of one source: `pixels` (n, views, size, size, 3), `labels` (n,)."""

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def read_photographs(tar_path: Path) -> Iterator[Picture]:
    """Read `photos-train.tar`: the folder is the class, the folder's prefix is the group."""
    for name, data in _members(tar_path):
        folder = name.split("/")[-2]
        unlabelled = folder.startswith(FOLDERS_WITHOUT_CLASS)
        yield Picture(name, folder.split("-", 1)[0], None if unlabelled else folder, data)


def read_tiny_imagenet(tar_path: Path) -> Iterator[Picture]:
    """Read `tiny-imagenet-200.tar`: training pictures and the labelled validation pictures."""
    validation: dict[str, bytes] = {}
    classes: dict[str, str] = {}
    for name, data in _members(tar_path):
        parts = name.split("/")
        if name.endswith("val_annotations.txt"):
            lines = (line.split("\t") for line in data.decode().splitlines())
            classes = {fields[0]: fields[1] for fields in lines}
        elif parts[1] == "val" and name.endswith(".JPEG"):
            validation[name] = data
        elif parts[1] == "train" and name.endswith(".JPEG"):
            yield Picture(name, "tiny", f"tiny-{parts[2]}", data)
    for name, data in validation.items():
        yield Picture(name, "tiny", f"tiny-{classes[Path(name).name]}", data)


def split_held_out(pictures: Sequence[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Split into training pictures and a few held-out pictures of every class.

    Held-out pictures choose the inference size and crop; the evaluation tars never do.
    The first pictures of a class by name are held out, so the split needs no random state.
    """
    by_class: dict[str, list[Picture]] = {}
    for picture in pictures:
        if picture.class_name is not None:
            by_class.setdefault(picture.class_name, []).append(picture)
    held_out = {
        picture.name
        for members in by_class.values()
        if len(members) >= HELD_OUT_MINIMUM
        for picture in sorted(members, key=lambda picture: picture.name)[:HELD_OUT_PER_CLASS]
    }
    training = [picture for picture in pictures if picture.name not in held_out]
    return training, [picture for picture in pictures if picture.name in held_out]


def centred_square(width: int, height: int) -> tuple[float, float, float, float]:
    """Compute the centred square window whose side is the shorter side."""
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def preprocess(picture: Image.Image, size: int, resize: int) -> npt.NDArray[np.uint8]:
    """Cut the encoder's input (size, size, 3), as every user of the encoder does."""
    return crop(decode(picture), Preprocessing(size, resize))


def random_window(
    width: int, height: int, plan: ViewPlan, generator: np.random.Generator
) -> tuple[float, float, float, float]:
    """Draw a crop window by area and aspect (Szegedy et al., *Going deeper*, 2015, section 6)."""
    area = width * height * generator.uniform(*plan.scale)
    log_aspect = math.log(plan.aspect)
    ratio = math.exp(generator.uniform(-log_aspect, log_aspect))
    crop_width = min(width, math.sqrt(area * ratio))
    crop_height = min(height, math.sqrt(area / ratio))
    left = generator.uniform(0, width - crop_width)
    top = generator.uniform(0, height - crop_height)
    return left, top, left + crop_width, top + crop_height


def cut_views(
    picture: Image.Image, plan: ViewPlan, generator: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Cut the planned views: (views, size, size, 3), the whole centred square first."""
    boxes = [centred_square(*picture.size)]
    boxes += [random_window(*picture.size, plan, generator) for _ in range(plan.views - 1)]
    target = (plan.size, plan.size)
    return np.stack(
        [np.asarray(picture.resize(target, Image.Resampling.BICUBIC, box=box)) for box in boxes]
    )


def build_views(
    folder: Path, name: str, pictures: Sequence[Picture], plan: ViewPlan, classes: Sequence[str]
) -> ViewSet:
    """Pack the views of `pictures` under `folder`, or open them if they are already there."""
    finished = folder / f"{name}.json"
    facts = {"plan": repr(plan), "pictures": len(pictures), "classes": list(classes)}
    if finished.exists() and json.loads(finished.read_text()) == facts:
        return open_views(folder, name)
    folder.mkdir(parents=True, exist_ok=True)
    shape = (len(pictures), plan.views, plan.size, plan.size, 3)
    pixels = np.lib.format.open_memmap(folder / f"{name}.pixels.npy", "w+", np.uint8, shape)

    def pack(row: int) -> None:
        generator = np.random.default_rng((plan.seed, row))
        pixels[row] = cut_views(pictures[row].decode(), plan, generator)

    with ThreadPoolExecutor(2) as pool:
        for done, _ in enumerate(pool.map(pack, range(len(pictures))), start=1):
            if done % 10_000 == 0:
                logger.info("%s: %d of %d pictures cut", name, done, len(pictures))
    pixels.flush()
    numbers = {class_name: number for number, class_name in enumerate(classes)}
    group_numbers = {group: number for number, group in enumerate(groups_of(classes))}
    labels = [numbers.get(picture.class_name or "", UNLABELLED) for picture in pictures]
    groups = [group_numbers.get(picture.group, UNLABELLED) for picture in pictures]
    np.save(folder / f"{name}.labels.npy", np.array(labels, np.int64))
    np.save(folder / f"{name}.groups.npy", np.array(groups, np.int64))
    finished.write_text(json.dumps(facts))
    return open_views(folder, name)


def open_views(folder: Path, name: str) -> ViewSet:
    """Open packed views without reading the pixels into memory."""
    return ViewSet(
        np.load(folder / f"{name}.pixels.npy", mmap_mode="r"),
        np.load(folder / f"{name}.labels.npy"),
        np.load(folder / f"{name}.groups.npy"),
    )


def class_names(pictures: Sequence[Picture]) -> list[str]:
    """List the classes in sorted order."""
    return sorted({picture.class_name for picture in pictures if picture.class_name is not None})


def groups_of(classes: Sequence[str]) -> list[str]:
    """List the groups (`caltech101`, `clothing`, `grocery`, `tiny`) that have classes."""
    return sorted({name.split("-", 1)[0] for name in classes})


def _members(tar_path: Path) -> Iterator[tuple[str, bytes]]:
    """Read every regular file of a tar in order."""
    if not tar_path.exists():
        raise UsageError(
            f"{tar_path} does not exist. Name the folder that holds the training tars with "
            "--data, or set LOOKALIKE_SHARED."
        )
    with tarfile.open(tar_path) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is not None:
                yield member.name, stream.read()
