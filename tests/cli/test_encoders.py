"""``lookalike encoders``: the list, checks, measurements, and what is refused."""

from __future__ import annotations

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from lookalike.cli import progress
from lookalike.encoders import listing
from lookalike.encoders.known import known_names
from lookalike.server.routes.encoders import listed


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """No weights, no measurements, no hub."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def line_of(name, out):
    return next(line for line in out.splitlines() if line.split()[0] == name)


def test_the_list_names_every_encoder_with_its_facts(lookalike):
    done = lookalike("encoders")
    names = [line.split()[0] for line in done.out.splitlines()]
    assert names == ["name", "builtin", *known_names()]
    shown = " ".join(line_of("builtin", done.out).split())
    assert shown == "builtin 256 6.5 M 128 px Apache-2.0 here"
    assert line_of("mobilenetv3-l", done.out).split()[1:4] == ["1280", "4.2", "M"]
    assert "text" in line_of("clip-vit-b-32", done.out)


def test_the_list_as_json_has_the_whole_card(lookalike):
    facts = [json.loads(line) for line in lookalike("encoders", "--json").out.splitlines()]
    found = {one["name"]: one for one in facts}["dinov2-b"]
    assert found["architecture"] == "vit_base_patch14_dinov2.lvd142m"
    assert (found["dim"], found["preprocessing"]["size"], found["is_here"]) == (768, 518, False)
    assert found["measured"] is None


def test_the_list_and_a_server_say_the_same_in_the_same_words(lookalike):
    facts = json.loads(lookalike("encoders", "--json").out.splitlines()[0])
    served = listed(SimpleNamespace(galleries={}))[0]
    assert served.pop("in_use_by") == []
    assert {key: facts[key] for key in served} == served
    assert facts.keys() - served.keys() == {"preprocessing", "measured"}


def test_the_list_looks_for_each_encoder_once(lookalike, monkeypatch):
    asked = []
    monkeypatch.setattr(listing, "size_on_disk", lambda card: asked.append(card.name) or 0)
    for form in ([], ["--json"]):
        asked.clear()
        assert lookalike("encoders", *form).code == 0
        assert asked == ["builtin", *known_names()]


def test_a_bar_shows_only_where_something_is_pulled(monkeypatch):
    opened = []

    @contextmanager
    def bar(title):
        opened.append(title)
        yield lambda done, total: opened.append((done, total))

    monkeypatch.setattr(progress, "counting_bar", bar)
    with progress.late_bar("Pulling") as tell:
        tell(5, 5)
        assert opened == []
        tell(0, 9)
        tell(9, 9)
    assert opened == ["Pulling", (0, 9), (9, 9)]


def test_a_check_compares_with_the_card(lookalike):
    done = lookalike("encoders", "check", "builtin")
    assert done.code == 0
    assert "within 0.001 of its card numbers" in done.out


def test_a_first_check_notes_the_numbers_and_the_next_compares_with_them(lookalike, encoder):
    assert "noted for the next check" in lookalike("encoders", "check", encoder).out
    assert "within 0.001 of its noted numbers: off by 0.000000" in (
        lookalike("encoders", "check", encoder).out
    )


def test_other_numbers_fail_the_check(lookalike, encoder, tmp_path):
    lookalike("encoders", "check", encoder)
    file = tmp_path / "cache" / "canonical.json"
    noted = json.loads(file.read_text())
    for entry in noted.values():
        entry["first"][0] += 0.5
    file.write_text(json.dumps(noted))
    done = lookalike("encoders", "check", encoder)
    assert done.code == 1
    assert "off by 0.5" in done.err


def test_what_was_measured_stands_in_the_list(lookalike):
    done = lookalike("encoders", "measure", "builtin", "--seconds", "0.1", "--json")
    measured = json.loads(done.out)
    assert measured["runs_on"] == "ONNX Runtime, float32, cpu"
    assert measured["ms_single"] > 0
    shown = line_of("builtin", lookalike("encoders").out).split()
    assert shown[-3] == f"{measured['ms_single']:.1f}"
    assert shown[-2] == f"{measured['pictures_per_s']:,.0f}"


def test_files_of_this_machine_have_nothing_to_pull(lookalike, encoder):
    assert "nothing to pull" in lookalike("encoders", "pull", "builtin", encoder).out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("encoders check regnety_042", 1, "did you mean 'regnety_040'"),
        ("encoders measure nosuch --seconds 0.1", 1, "There is no encoder 'nosuch'"),
        ("encoders export builtin", 2, "is an ONNX network already"),
        ("encoders export resnet18 --precision int8", 2, "judged on real pictures"),
        ("encoders check builtin --device cuda", 2, "runs on the CPU only"),
        ("encoders check builtin?size=8", 2, "takes no options"),
        ("index photos --encoder builtin --pooling mean", 2, "--pooling has no meaning"),
        ("index photos --pooling mean", 2, "name it too, with --encoder"),
        ("index photos --encoder dinov2-s?size=224 --encoder-size 98", 2, "leave one"),
        ("index photos --encoder resnet18 --encoder-mean .5", 2, "--encoder-mean has no meaning"),
        ("encoders pul resnet18", 2, "pul"),
    ],
)
def test_one_sentence_and_an_exit_code(lookalike, photos, words, code, says):
    done = lookalike(*words.split())
    assert (done.code, done.err.count("\n")) == (code, 1 + done.err.count("measuring"))
    assert says in done.err


def test_exports_are_judged_on_real_pictures_where_there_are_some(lookalike, indexed, monkeypatch):
    from lookalike.cli.encoders.export import chosen_pictures

    named = chosen_pictures(str(indexed), "int8")
    assert (len(named.paths), named.origin) == (4, f"from {indexed}")
    rendered = chosen_pictures(None, "bf16")
    assert (rendered.paths, rendered.origin[:8]) == ((), "rendered")
    monkeypatch.chdir(indexed)
    here = chosen_pictures(None, "int8")
    assert (sorted(here.paths), here.origin) == (sorted(named.paths), "from the gallery here")


def test_weights_that_are_not_here_are_told_with_what_to_do(lookalike, photos):
    pytest.importorskip("huggingface_hub")
    done = lookalike("index", photos, "--encoder", "resnet18")
    assert done.code == 1
    assert "encoders pull resnet18" in done.err
    assert not (photos / ".lookalike").exists()
