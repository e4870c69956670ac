"""What a library answered once is remembered; where it could be of no use it is not asked."""

from __future__ import annotations

import json
import sys

import pytest

pytest.importorskip("huggingface_hub")

from lookalike.encoders.names import parse_name
from lookalike.encoders.weights import located, reach
from lookalike.encoders.weights.located import resolved, source_of
from lookalike.errors import EncoderNotFound


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and no library imported."""
    import huggingface_hub.constants as constants

    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("LOOKALIKE_OFFLINE", raising=False)
    for library in ("timm", "open_clip"):
        monkeypatch.delitem(sys.modules, library, raising=False)
    monkeypatch.setattr(located, "find_spec", lambda library: library)
    return tmp_path / "cache"


def ask(monkeypatch, answers: dict[str, object]) -> list[str]:
    """Stand in for what the libraries know; the list fills with what they are asked."""
    asked: list[str] = []

    def answer(place: str) -> object:
        asked.append(place)
        return answers[place]

    monkeypatch.setattr(located, "timm_repository", answer)
    monkeypatch.setattr(located, "openclip_repository", answer)
    return asked


def refuse(monkeypatch) -> list[str]:
    """Let no hub answer, and fail where a library is asked."""
    monkeypatch.setattr(reach, "why_out_of_reach", lambda address: "no route to host")
    return ask(monkeypatch, {})


def test_a_name_of_timm_s_is_resolved_by_timm_once(monkeypatch, cache):
    monkeypatch.setattr(reach, "why_out_of_reach", lambda address: "")
    asked = ask(monkeypatch, {"resnet26": ("resnet26.bt_in1k", "timm/resnet26.bt_in1k")})
    name = parse_name("timm:resnet26?pooling=mean")
    assert resolved(name) == resolved(name) == parse_name("timm:resnet26.bt_in1k?pooling=mean")
    assert asked == ["resnet26"]
    assert source_of(resolved(name)).place == "timm/resnet26.bt_in1k"
    assert asked == ["resnet26"]
    kept = json.loads((cache / "catalogues.json").read_text())
    assert set(kept) == {"timm:resnet26", "timm:resnet26.bt_in1k"}


def test_a_repository_of_openclip_s_is_looked_up_once(monkeypatch):
    monkeypatch.setattr(reach, "why_out_of_reach", lambda address: "")
    asked = ask(monkeypatch, {"ViT-B-32/some_tag": "owner/repository"})
    name = parse_name("openclip:ViT-B-32/some_tag")
    assert source_of(name).place == source_of(name).place == "owner/repository"
    assert asked == ["ViT-B-32/some_tag"]


@pytest.mark.parametrize("name", ["timm:resnet26", "openclip:ViT-B-32/some_tag"])
def test_without_a_hub_and_weights_no_library_is_asked(monkeypatch, name):
    asked = refuse(monkeypatch)
    with pytest.raises(EncoderNotFound, match=f"run `lookalike encoders pull {name}`") as caught:
        source_of(resolved(parse_name(name)))
    assert "no route to host" in str(caught.value)
    assert asked == []


def test_being_offline_is_told_by_its_variable(monkeypatch):
    monkeypatch.setenv("LOOKALIKE_OFFLINE", "1")
    with pytest.raises(EncoderNotFound, match="LOOKALIKE_OFFLINE is set"):
        resolved(parse_name("timm:resnet26"))


@pytest.mark.parametrize(
    ("name", "answer", "file"),
    [
        ("timm:resnet26", ("resnet26.bt_in1k", "timm/x"),
         "cache/weights/timm--resnet26.bt_in1k/abc/config.json"),
        ("openclip:ViT-B-32/some_tag", "owner/repository",
         "hf/models--owner--repository/snapshots/abc/open_clip_config.json"),
    ],
)  # fmt: skip
def test_where_weights_may_lie_here_the_library_is_asked(monkeypatch, tmp_path, name, answer, file):
    refuse(monkeypatch)
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    parsed = parse_name(name)
    asked = ask(monkeypatch, {parsed.place: answer})
    source_of(resolved(parsed))
    assert parsed.place in asked
