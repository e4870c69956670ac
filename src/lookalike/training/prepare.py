"""Prepare what distillation reads: packed views and the teacher's embedding of each.

Run as `python -m lookalike.training.prepare --data DIR --teacher FILE --cache DIR`. Every
step is skipped when its output is already there, so an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lookalike.training.pictures import (
    Picture,
    ViewPlan,
    ViewSet,
    build_views,
    class_names,
    groups_of,
    open_views,
    read_photographs,
    read_tiny_imagenet,
    split_held_out,
)
from lookalike.training.teacher import Teacher, embed_views

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """One training tar: how its views are cut and the size at which the teacher sees them.

    Teacher sizes are the best of 96 to 224 by mean average precision on 2,000 of the
    source's own training pictures: small pictures blown up to 224 px look blurred to it.
    """

    name: str
    plan: ViewPlan
    teacher_size: int


TINY = Source("tiny", ViewPlan(size=64, views=2, scale=(0.4, 1.0), seed=1), teacher_size=160)
PHOTOS = Source("photos", ViewPlan(size=128, views=8, scale=(0.3, 1.0), seed=2), teacher_size=192)


@dataclass(frozen=True)
class Prepared:
    """One source, ready for training: views and raw teacher embeddings (n, views, dim)."""

    views: ViewSet
    targets: npt.NDArray[np.float16]


@dataclass(frozen=True)
class TrainingData:
    """Everything the training loop reads."""

    tiny: Prepared
    photos: Prepared
    classes: list[str]

    @property
    def group_of_class(self) -> npt.NDArray[np.int64]:
        """The group number of every class: (classes,)."""
        groups = groups_of(self.classes)
        return np.array([groups.index(name.split("-", 1)[0]) for name in self.classes], np.int64)


def shared_folder() -> Path:
    """Find the shared folder: LOOKALIKE_SHARED, else `../shared`."""
    return Path(os.environ.get("LOOKALIKE_SHARED", "../shared"))


def default_teacher() -> Path:
    """Name the teacher's weights in the shared folder."""
    folder = shared_folder() / "weights" / "mobilenetv2-1.0-224"
    return folder / "tf2_mobilenet_v2_1.0_224_ptq.float.onnx"


def read_pictures(data: Path) -> tuple[list[Picture], list[Picture], list[Picture]]:
    """Read both tars: tiny-ImageNet, training photographs, held-out photographs."""
    photos, held_out = split_held_out(list(read_photographs(data / "photos-train.tar")))
    return list(read_tiny_imagenet(data / "tiny-imagenet-200.tar")), photos, held_out


def prepare(data: Path, teacher_path: Path, cache: Path) -> TrainingData:
    """Pack views and teacher targets under `cache`, or open what is already there."""
    tiny, photos, held_out = read_pictures(data)
    logger.info("%d small pictures, %d photos, %d held out", len(tiny), len(photos), len(held_out))
    classes = class_names([*tiny, *photos])
    teacher = Teacher(teacher_path)
    ready = {}
    for source, pictures in ((TINY, tiny), (PHOTOS, photos)):
        build_views(cache, source.name, pictures, source.plan, classes)
        views = open_views(cache, source.name)
        path = cache / f"{source.name}.targets.npy"
        ready[source.name] = Prepared(views, embed_views(teacher, views, source.teacher_size, path))
    return TrainingData(ready["tiny"], ready["photos"], classes)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=shared_folder() / "data")
    parser.add_argument("--teacher", type=Path, default=default_teacher())
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    prepare(options.data, options.teacher, options.cache)


if __name__ == "__main__":
    main()
