"""The table of known encoders: complete, findable, and what timm and OpenCLIP say themselves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from local_hub import write_safetensors
from lookalike.encoders.known import (
    canonical_name,
    card_of,
    facts,
    known_card,
    known_names,
    names_with_text,
    nearest_names,
)
from lookalike.encoders.weights.folders import open_folder
from lookalike.errors import EncoderNotFound


def named() -> list[tuple[str, str, str]]:
    return [(entry["name"], entry["family"], entry["architecture"]) for entry in facts()]


def test_every_encoder_that_similarity_search_is_built_on_has_a_card():
    for name in [
        "eva02_base_patch14_224.mim_in22k", "clip-vit-b-32", "clip-vit-b-16", "clip-vit-l-14",
        "vit_small_patch16_224.dino", "dinov2-s", "dinov2-b", "dinov2-l", "dinov2-s-reg",
        "dinov2-b-reg", "dinov2-l-reg", "dinov3-s", "dinov3-b", "dinov3-l", "vit-b-16",
        "swin_base_patch4_window7_224", "swin-t", "resnet18", "resnet50", "efficientnet-b3",
        "mobilenetv2", "mobilenetv3-l", "mobilenetv4-s", "mobilenetv4-m", "densenet121",
        "convnext-b", "convnext-t", "regnetx_032", "regnety_040", "siglip-b-16",
        "siglip-so400m-14", "siglip2-b-16", "siglip2-so400m-14", "mobileclip2-s0", "pe-core-b-16",
    ]:  # fmt: skip
        card = known_card(name)
        assert card.repository
        assert card.licence
        assert card.dim > 0
        assert card.parameters > 1_000_000
        assert card.preprocessing.mean is not None


def test_facts_that_are_easily_got_wrong():
    # num_features says 960, but the pooled map goes through one more layer.
    assert known_card("mobilenetv3-l").dim == 1280
    assert known_card("dinov2-b").preprocessing.size == 518
    assert known_card("dinov3-b").preprocessing.size == 256
    # After the projection into the space of the texts, not before (768).
    assert known_card("clip-vit-b-32").dim == 512
    assert known_card("siglip-b-16").preprocessing.fit == "squash"
    # floor(224 / 0.9), floor(288 / 0.875)
    assert known_card("vit-b-16").preprocessing.resize == 248
    assert known_card("efficientnet-b3").preprocessing.resize == 329


def test_names_are_unique_and_short():
    spellings = [name for entry in facts() for name in (entry["name"], *entry["aliases"])]
    assert len(set(spellings)) == len(spellings)
    assert all(canonical_name(name) == name and len(name) <= 24 for name in known_names())


def test_every_architecture_names_its_weights_in_full():
    for _, family, architecture in named():
        assert architecture.count("." if family == "timm" else "/") == 1
        assert canonical_name(architecture)


def test_pins_are_whole_hashes():
    cards = [known_card(name) for name in known_names()]
    assert all(re.fullmatch(r"([0-9a-f]{40})?", card.revision) for card in cards)
    assert all(re.fullmatch(r"([0-9a-f]{64})?", card.sha256) for card in cards)
    assert all(card.revision for card in cards if card.sha256)
    hashes = [card.sha256 for card in cards if card.sha256]
    assert len(set(hashes)) == len(hashes) >= 16


def test_the_page_shows_the_table():
    from library_facts import rows_for_the_page

    page = Path(__file__).parents[2] / "docs" / "encoders.md"
    assert "\n".join(rows_for_the_page()) in page.read_text(encoding="utf-8")


def test_a_card_is_found_by_what_its_library_calls_it():
    assert card_of("timm", "resnet18.a1_in1k") == known_card("resnet18")
    assert card_of("timm", "resnet18") is None
    assert card_of("openclip", "resnet18.a1_in1k") is None


def test_encoders_with_text_come_smallest_first():
    with_text = names_with_text()
    sizes = [known_card(name).parameters for name in with_text]
    assert with_text[0] == "mobileclip2-s0"
    assert sizes == sorted(sizes)
    assert "dinov2-b" not in with_text


def test_an_unknown_card_is_answered_with_the_nearest():
    with pytest.raises(EncoderNotFound, match="did you mean regnety_040"):
        known_card("regnety_042")
    with pytest.raises(EncoderNotFound, match="lists them"):
        known_card("")


def test_the_nearest_name_is_written_as_the_asked_one():
    assert nearest_names("regnety_042")[0] == "regnety_040"
    assert nearest_names("regnety-042")[0] == "regnety-040"
    assert nearest_names("clip") == ("clip-vit-b-32", "clip-vit-b-16", "clip-vit-l-14")
    assert nearest_names("nothing like it") == ()


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("name", ["mobilenetv3-l", "clip-vit-b-32", "siglip-b-16"])
def test_a_card_states_what_its_library_states(name):
    check(name)


@pytest.mark.heavy
@pytest.mark.usefixtures("libraries")
@pytest.mark.filterwarnings("ignore")  # of the libraries, while they build networks
@pytest.mark.parametrize("name", known_names())
def test_every_card_states_what_its_library_states(name):
    check(name)


@pytest.mark.usefixtures("libraries")
def test_the_table_holds_what_its_generator_names():
    from library_facts import NAMED

    assert named() == NAMED


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("name", known_names())
def test_a_card_prepares_pictures_as_its_own_folder_would(tmp_path, name):
    from library_facts import write_config
    from lookalike.encoders.families import describe

    card = known_card(name)
    write_config(tmp_path, card.family, card.architecture)
    weights = {"timm": "model.safetensors", "openclip": "open_clip_model.safetensors"}
    write_safetensors(tmp_path / weights[card.family], {"a": ([1], b"1234")})
    described = describe(open_folder(tmp_path))
    assert described.preprocessing == card.preprocessing
    assert described.dim in {0, card.dim}
    assert (described.family, described.has_text) == (card.family, card.has_text)


def check(name: str) -> None:
    """Read every fact out of the installed library again, and compare with the table."""
    from library_facts import PINS, facts_of

    (entry,) = [entry for entry in facts() if entry["name"] == name]
    fresh = facts_of(name, entry["family"], entry["architecture"])
    stated = {key: value for key, value in entry.items() if key not in PINS}
    assert json.loads(json.dumps(fresh)) == stated
