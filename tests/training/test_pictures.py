"""Packing views: what is read from the tars, how views are cut, and the retrieval measure."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from PIL import Image

from lookalike.errors import UsageError
from lookalike.training.measure import leave_one_out
from lookalike.training.pictures import (
    HELD_OUT_MINIMUM,
    HELD_OUT_PER_CLASS,
    UNLABELLED,
    Picture,
    ViewPlan,
    build_views,
    class_names,
    groups_of,
    preprocess,
    random_window,
    read_photographs,
    read_tiny_imagenet,
    split_held_out,
)


def encoded(colour: tuple[int, int, int], size: tuple[int, int] = (8, 6)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_photographs_take_their_class_and_group_from_the_folder(tmp_path: Path) -> None:
    names = ("caltech101-anchor/1.png", "caltech101-BACKGROUND_Google/2.png", "sample-ant/3.png")
    members = {f"photos-train/{name}": encoded((1, 2, 3)) for name in names}
    tar = write_tar(tmp_path / "photos.tar", members)

    pictures = list(read_photographs(tar))

    assert [one.class_name for one in pictures] == ["caltech101-anchor", None, None]
    assert [one.group for one in pictures] == ["caltech101", "caltech101", "sample"]


def test_tiny_imagenet_labels_its_validation_pictures(tmp_path: Path) -> None:
    members = {
        "tiny-imagenet-200/train/n01/images/n01_0.JPEG": encoded((1, 2, 3)),
        "tiny-imagenet-200/val/images/val_0.JPEG": encoded((1, 2, 3)),
        "tiny-imagenet-200/val/val_annotations.txt": b"val_0.JPEG\tn02\t0\t0\t9\t9\n",
    }
    tar = write_tar(tmp_path / "tiny.tar", members)

    assert [one.class_name for one in read_tiny_imagenet(tar)] == ["tiny-n01", "tiny-n02"]


def test_a_missing_tar_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="LOOKALIKE_SHARED"):
        list(read_photographs(tmp_path / "photos-train.tar"))


def test_only_large_enough_classes_give_held_out_pictures() -> None:
    large = [Picture(f"a/{n:02}", "g", "g-a", b"") for n in range(HELD_OUT_MINIMUM)]
    small = [Picture(f"b/{n}", "g", "g-b", b"") for n in range(3)]

    training, held_out = split_held_out([*large, *small])

    assert held_out == large[:HELD_OUT_PER_CLASS]
    assert training == [*large[HELD_OUT_PER_CLASS:], *small]


def test_preprocess_takes_the_centre() -> None:
    picture = Image.new("RGB", (40, 20), (0, 0, 0))
    picture.paste((255, 255, 255), (8, 0, 32, 20))

    assert preprocess(picture, 8, 8).min() == 255
    # With resize at twice the size, the window is half as wide and high.
    picture = Image.new("RGB", (40, 20), (0, 0, 0))
    picture.paste((255, 255, 255), (13, 3, 27, 17))
    assert preprocess(picture, 8, 16).min() == 255


def test_random_windows_stay_inside_and_keep_the_planned_area() -> None:
    plan = ViewPlan(size=8, views=2, scale=(0.3, 0.5))
    generator = np.random.default_rng(0)

    for _ in range(200):
        left, top, right, bottom = random_window(100, 60, plan, generator)
        assert 0 <= left < right <= 100 + 1e-9
        assert 0 <= top < bottom <= 60 + 1e-9
        assert (right - left) * (bottom - top) <= 0.5 * 6000 + 1e-6


def test_views_are_packed_once_and_opened_afterwards(tmp_path: Path) -> None:
    pictures = [
        Picture("a", "g", "g-a", encoded((10, 20, 30))),
        Picture("b", "h", None, encoded((40, 50, 60))),
    ]
    classes = class_names(pictures)
    plan = ViewPlan(size=4, views=3, scale=(0.5, 1.0))

    views = build_views(tmp_path, "few", pictures, plan, classes)
    stamp = (tmp_path / "few.pixels.npy").stat().st_mtime_ns
    again = build_views(tmp_path, "few", pictures, plan, classes)

    assert groups_of(classes) == ["g"]
    assert views.pixels.shape == (2, 3, 4, 4, 3)
    assert (views.pixels[1] == [40, 50, 60]).all()
    assert views.labels.tolist() == [0, UNLABELLED]
    assert (tmp_path / "few.pixels.npy").stat().st_mtime_ns == stamp
    np.testing.assert_array_equal(again.pixels, views.pixels)


def test_leave_one_out_equals_the_count_by_hand() -> None:
    # On a line of angles, classes a a b a: every query ranks by the angle between them.
    angles = np.radians([0.0, 10.0, 15.0, 40.0])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    labels = np.array([0, 0, 1, 0])

    result = leave_one_out(embeddings, labels)

    # Query 0 ranks 1, 2, 3: hits at 1 and 3. Query 1 ranks 2, 0, 3: hits at 2 and 3.
    # Query 2 has no relevant picture. Query 3 ranks 2, 1, 0: hits at 2 and 3.
    first, other = (1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2
    assert result.mean_average_precision == pytest.approx((first + 2 * other) / 3)
    assert result.precision_at_1 == pytest.approx(1 / 3)
    assert result.pictures == 4
