"""A data set of plain colours, and the means of a run on it."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import colorsys

import pytest
from PIL import Image

from lookalike.evaluation.reproducing.means import Means, ReproduceWish
from lookalike.evaluation.reproducing.systems import system_of

CLASSES = 10
PER_CLASS = 12


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Keep the user's data sets and weights out of it."""
    monkeypatch.setenv("LOOKALIKE_DATASETS", str(tmp_path / "datasets"))
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A folder that holds tiny-ImageNet: ten colours, each a little lighter and darker."""
    folder = tmp_path_factory.mktemp("data")
    for label in range(CLASSES):
        (folder / "tiny-imagenet-200" / f"colour{label}").mkdir(parents=True)
        for number in range(PER_CLASS):
            red, green, blue = colorsys.hsv_to_rgb(label / CLASSES, 1.0 - 0.006 * number, 0.9)
            colour = (round(255 * red), round(255 * green), round(255 * blue))
            file = folder / "tiny-imagenet-200" / f"colour{label}" / f"{number}.png"
            Image.new("RGB", (24, 16), colour).save(file)
    return folder


@pytest.fixture
def means_of(tmp_path, data, encoder):
    """Make the means of a run of one system with the mean-colour encoder."""

    def made(letter, **wish):
        wish = {"data_folders": (data,), "encoders": ("colours",), **wish}
        folder = tmp_path / letter
        folder.mkdir(exist_ok=True)
        return Means(system_of(letter), ReproduceWish(load=lambda name: encoder, **wish), folder)

    return made
