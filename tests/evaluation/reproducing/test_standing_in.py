"""What is on this machine, and what stands in for the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lookalike.errors import DatasetNotFound, EncoderNotFound, MissingExtra
from lookalike.evaluation.datasets import open_set
from lookalike.evaluation.reproducing import standing_in
from lookalike.evaluation.reproducing.means import Means, ReproduceWish
from lookalike.evaluation.reproducing.standing_in import (
    found_set,
    tell_of_training,
    usable_encoders,
)


@pytest.fixture
def colours(data):
    """The set of colours."""
    return open_set(str(data / "tiny-imagenet-200"))


def test_a_part_of_the_systems_own_data_is_taken_and_said(means_of):
    means = means_of("B")
    assert len(found_set(means).images) == 120
    assert means.remarks == [
        "Of tiny-ImageNet, 120 pictures are searched; the system searched 100,000."
    ]


def test_another_set_stands_in_for_a_missing_one(means_of):
    means = means_of("D")
    assert found_set(means).name == "tiny-imagenet-200"
    assert means.remarks == [
        "SBU Captions is not on this machine: tiny-imagenet-200 stands in for it, with 120 "
        "pictures and 10 classes."
    ]


def test_without_any_data_pictures_are_drawn(means_of, monkeypatch):
    asked = []

    def opened(location, **options):
        asked.append(location)
        raise DatasetNotFound("not here")

    monkeypatch.setattr(standing_in, "open_set", opened)
    with pytest.raises(DatasetNotFound, match="name the folder that holds one with --data"):
        found_set(means_of("E", is_small=True, data_folders=()))
    assert asked == ["cifar-10", "tiny-imagenet", "rendered:960"]


def test_c_takes_any_folder_of_pictures(means_of, data):
    means = means_of("C", data_folders=(data / "tiny-imagenet-200" / "colour3",))
    found = found_set(means)
    assert (found.name, found.labels) == ("colour3", None)
    assert found.images == tuple(sorted(f"{number}.png" for number in range(12)))
    assert means.remarks == []


def test_c_takes_a_part_of_a_large_folder_in_small(means_of, data, monkeypatch):
    monkeypatch.setattr(standing_in, "MOST_IN_SMALL", 50)
    found = found_set(means_of("C", is_small=True))
    assert len(found.images) == 50
    assert found.images == found_set(means_of("C", is_small=True)).images
    assert set(found.images) < set(found_set(means_of("C")).images)


def test_of_captioned_pictures_a_part_is_taken_in_small(means_of, monkeypatch, colours):
    asked = []

    def opened(location, **options):
        asked.append((location, options["limit_per_class"]))
        return replace(colours, labels=None, judgements={}, captions=colours.images)

    monkeypatch.setattr(standing_in, "open_set", opened)
    monkeypatch.setattr(standing_in, "MOST_IN_SMALL", 70)
    found = found_set(means_of("D", is_small=True))
    assert asked == [("sbu-captions", None)]
    assert len(found.images) == 70
    assert len(found_set(means_of("D")).images) == 120


def test_the_encoder_in_the_box_stands_in_where_no_weights_are_here(means_of, encoder):
    means = means_of("B", encoders=())
    (found,) = usable_encoders(means)
    assert (found[0].name, found[1]) == ("builtin", encoder)
    assert means.remarks == [
        "No weights are on this machine for ResNet-18 (resnet18), MobileNet (mobilenetv2) and "
        "CLIP ViT-B/32 (clip-vit-b-32).",
        "The encoder in the box stands in for the system's.",
    ]


def test_of_the_systems_encoders_those_that_work_are_taken(means_of, monkeypatch, encoder):
    monkeypatch.setattr(standing_in, "find_weights", lambda repository, **options: object())

    def load(name):
        if name == "mobilenetv2":
            return encoder
        raise MissingExtra("clip", "This encoder") if "clip" in name else EncoderNotFound("odd.")

    means = means_of("B", encoders=())
    means = Means(means.system, ReproduceWish(load=load), means.folder)
    assert [wanted.title for wanted, _ in usable_encoders(means)] == ["MobileNet"]
    assert means.remarks == [
        "Unusable weights (odd) for ResNet-18 (resnet18).",
        "An optional library is missing (lookalike[clip]) for CLIP ViT-B/32 (clip-vit-b-32).",
    ]


def test_named_encoders_take_the_place_of_the_systems(means_of):
    means = means_of("C", encoders=("vit-b-16", "onnx:/x/net.onnx?size=8"))
    assert [wanted.title for wanted, _ in usable_encoders(means)] == ["ViT-B/16", "net"]
    assert means.remarks == []
    other = means_of("C", encoders=("builtin",))
    list(usable_encoders(other))
    assert other.remarks == ["As was asked, builtin instead of the system's ViT-B/16."]


def test_it_is_said_where_the_encoder_in_the_box_has_seen_the_pictures(means_of, colours):
    from lookalike.encoders import load_encoder

    means = means_of("B")
    tell_of_training(means, means.wish.load("colours"), colours)
    assert means.remarks == []
    tell_of_training(means, load_encoder("builtin"), colours)
    assert "has learned from training pictures of tiny-ImageNet" in means.remarks[0]
