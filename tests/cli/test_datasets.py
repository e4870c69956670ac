"""``lookalike datasets``: the list, pulling, checking, and what is refused."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from lookalike.evaluation.datasets import known
from lookalike.evaluation.datasets.known import known_sets

sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation" / "datasets"))
from loopback_web import running_web
from published_forms import cifar_ten, fashion_mnist, jpeg, sbu, write_tar


@pytest.fixture(autouse=True)
def datasets(tmp_path, monkeypatch):
    """Nothing is here."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LOOKALIKE_DATASETS", str(tmp_path / "datasets"))
    return tmp_path / "datasets"


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A server with a small CIFAR-10 and a small list of photographs."""
    with running_web() as web:
        facts = json.loads(known.FACTS.read_text(encoding="utf-8"))
        place_at(web, facts, "cifar-10", small_cifar(tmp_path), parts={"train": 15, "test": 3},
                 classes={"class": 3})  # fmt: skip
        web.pages |= {"/1.jpg": jpeg((1, 2, 3)), "/2.jpg": jpeg((3, 2, 1))}
        urls = [f"{web.address}/{number}.jpg" for number in (1, 2, 3)]
        texts = sbu(urls, ["a red boat", "two dogs", "gone"])
        file = write_tar(tmp_path / "SBUCaptionedPhotoDataset.tar.gz", texts, "w:gz")
        place_at(web, facts, "sbu-captions", file, parts={"": 3})
        (tmp_path / "facts.json").write_text(json.dumps(facts))
        monkeypatch.setattr(known, "FACTS", tmp_path / "facts.json")
        known_sets.cache_clear()
        yield web
    known_sets.cache_clear()


def small_cifar(folder):
    return write_tar(folder / "cifar-10-python.tar.gz", cifar_ten(), "w:gz")


def place_at(web, facts, name, file, **changed):
    data = file.read_bytes()
    web.pages[f"/{file.name}"] = data
    published = {"name": file.name, "size": len(data), "md5": hashlib.md5(data).hexdigest(),
                 "addresses": [f"{web.address}/{file.name}"]}  # fmt: skip
    entry = next(one for one in facts if one["name"] == name)
    entry |= changed | {"variants": [[published]]}
    file.unlink()


def words_of(name, out):
    return next(line.split() for line in out.splitlines() if line.startswith(name))


# -- the list ------------------------------------------------------------------------------


def test_the_list_names_every_set_with_its_facts(lookalike, datasets):
    for words in (["datasets"], ["datasets", "list"]):
        done = lookalike(*words)
        names = [line.split()[0] for line in done.out.splitlines()]
        assert names == ["name", *known_sets(), "rendered"]
        assert words_of("cifar-10 ", done.out)[1:4] == ["50,000", "10,000", "10"]
        assert words_of("rendered", done.out)[-1] == "always"
        # Where files are put is nobody's input: it stays out of a pipe.
        assert "datasets" in done.err


def test_the_list_says_what_is_here(lookalike, published):
    assert words_of("cifar-10 ", lookalike("datasets").out)[-1] != "ready"
    assert lookalike("datasets", "pull", "cifar-10").code == 0
    assert words_of("cifar-10 ", lookalike("datasets").out)[-1] == "ready"


def test_the_list_as_json_has_all_facts(lookalike):
    facts = [json.loads(line) for line in lookalike("datasets", "--json").out.splitlines()]
    found = {one["name"]: one for one in facts}["cifar-100"]
    assert found["parts"] == {"train": 50_000, "test": 10_000}
    assert found["variants"][0][0]["md5"] == "eb9058c3a382ffc7106e4002c42a8d85"
    assert found["state"] == ""


# -- pulling -------------------------------------------------------------------------------


def test_a_set_is_pulled_and_ready(lookalike, published, datasets):
    done = lookalike("datasets", "pull", "CIFAR10")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("cifar-10 is ready in datasets/prepared/cifar-10-")
    assert lookalike("datasets", "pull", "cifar-10", "-q").out == ""
    # What is unpacked is enough: the archive can go.
    (datasets / "cifar-10-python.tar.gz").unlink()
    asked = len(published.asked)
    assert lookalike("datasets", "pull", "cifar-10").out == done.out
    assert len(published.asked) == asked


def test_photographs_are_pulled_with_their_list(lookalike, published):
    done = lookalike("datasets", "pull", "sbu-captions", "--images", 2)
    assert done.code == 0
    assert done.out.startswith("2 of 2 photographs are here; 0 could not be fetched")
    done = lookalike("datasets", "pull", "sbu-captions")
    assert done.out.startswith("2 of 3 photographs are here; 1 could not be fetched")
    published.pages["/3.jpg"] = jpeg((9, 9, 9))
    assert lookalike("datasets", "pull", "sbu-captions", "--retry").out.startswith("3 of 3")
    assert words_of("sbu-captions", lookalike("datasets").out)[-2:] == ["3", "pictures"]
    checked = lookalike("datasets", "check", "sbu-captions").out
    assert "3 of 3 photographs are here; 0 could not be fetched." in checked


def test_without_a_network_one_line_says_what_to_do(lookalike, monkeypatch, datasets):
    monkeypatch.setenv("LOOKALIKE_OFFLINE", "1")
    done = lookalike("datasets", "pull", "oxford5k")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    for told in ("gnd_roxford5k.pkl", "oxbuild_images-v1.tgz", str(datasets), "by other means"):
        assert told in done.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nothing"], "is not known by that name"),
        (["rendered"], "is drawn by lookalike itself"),
        (["cifar-10", "--images", "5"], "only the photographs of sbu-captions"),
        (["cifar-10", "--retry"], "only the photographs of sbu-captions"),
    ],
)
def test_what_cannot_be_pulled_is_refused(lookalike, words, why):
    done = lookalike("datasets", "pull", *words)
    assert (done.code, done.out) == (2, "")
    assert why in done.err


# -- checking ------------------------------------------------------------------------------


def test_a_folder_is_counted(lookalike, paint, tmp_path):
    for path in ("cat/1", "cat/2", "cat/3", "dog/1"):
        paint(tmp_path / "pets" / f"{path}.png", (1, 2, 3))
    done = lookalike("datasets", "check", "pets")
    assert done.code == 0
    lines = [line.strip() for line in done.out.splitlines()]
    assert lines[:2] == ["pets  (pets)", "4 pictures of 2 classes, 1 to 3 each"]
    assert lines[2].startswith("first picture 12 x 8, ")
    assert "as published" not in done.out


def test_a_published_set_is_compared(lookalike, published, tmp_path):
    assert lookalike("datasets", "pull", "cifar-10").code == 0
    done = lookalike("datasets", "check", "cifar-10", "--json")
    found = json.loads(done.out)
    assert found["parts"] == [
        {"split": "test", "pictures": 3, "classes": 3, "smallest": 1, "largest": 1},
        {"split": "train", "pictures": 15, "classes": 3, "smallest": 5, "largest": 5},
    ]
    assert (found["picture"], found["known"], found["columns"]) == ("32 x 32", True, {"class": 3})
    assert "as published" in lookalike("datasets", "check", "cifar-10").out
    lost = next(Path(found["root"]).glob("test/*/*.png"))
    lost.unlink()
    done = lookalike("datasets", "check", "cifar-10")
    assert done.code == 1
    assert "1 of the 18 pictures of the data set cifar-10 are missing or empty" in done.err


def test_published_files_are_looked_for_where_asked(lookalike, tmp_path, monkeypatch):
    (tmp_path / "downloads").mkdir()
    for name, data in fashion_mnist().items():
        (tmp_path / "downloads" / name).write_bytes(data)
    done = lookalike("datasets", "check", "fashion-mnist", "--data", "downloads")
    assert done.code == 1
    assert "was published with 26,421,880" in done.err
    done = lookalike("datasets", "check", "fashion-mnist")
    assert "run lookalike datasets pull fashion-mnist" in done.err
    assert lookalike("datasets", "check", "downloads").code == 0


@pytest.mark.parametrize("name", ["nowhere", "cifar-10"])
def test_what_is_not_here_is_one_line(lookalike, name):
    done = lookalike("datasets", "check", name)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)


def test_a_picture_that_cannot_be_read_is_said(lookalike, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "pets" / name / "2.png")
    (tmp_path / "pets" / "cat" / "1.png").write_bytes(b"x")
    assert "first picture unreadable" in lookalike("datasets", "check", "pets").out
