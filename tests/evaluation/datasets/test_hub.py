"""Sets of the Hugging Face hub: by its library where that is installed, else one sentence."""

from __future__ import annotations

import sys
import types

import pytest
from published_forms import jpeg, png

from lookalike.errors import DatasetNotFound, MissingExtra, UsageError
from lookalike.evaluation.datasets import open_set


class Image:
    def __init__(self, decode=True):
        self.decode = decode


class ClassLabel:
    def __init__(self, names):
        self.names = names

    def int2str(self, number):
        return self.names[number]


class Part:
    """As much of a loaded part as is used of it."""

    def __init__(self, rows, features, fingerprint="f"):
        self.rows, self.features, self._fingerprint = rows, features, fingerprint

    def cast_column(self, name, kind):
        assert not kind.decode
        return self

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows)


@pytest.fixture
def library(monkeypatch):
    """A library that knows one set of two parts."""
    features = {"img": Image(), "label": ClassLabel(["cat", "dog"]), "fine": ClassLabel(["a"])}
    rows = [
        {"img": {"bytes": make((n, 0, 0)), "path": None}, "label": n % 2, "fine": -1}
        for n, make in enumerate((png, jpeg, png, png))
    ]
    parts = {"train": Part(rows, features), "test": Part(rows[:2], features)}

    def load_dataset(name, split=None, **options):
        module.options.append(options)
        module.asked.append((name, split))
        if name != "some/pets":
            raise FileNotFoundError(f"no {name}\nand more")
        return parts[split] if split else parts

    module = types.ModuleType("datasets")
    module.Image, module.ClassLabel = Image, ClassLabel
    module.load_dataset, module.asked, module.bars = load_dataset, [], []
    module.__version__, module.options = "5.2.0", []
    module.are_progress_bars_disabled = lambda: False
    module.disable_progress_bars = lambda: module.bars.append("off")
    module.enable_progress_bars = lambda: module.bars.append("on")
    monkeypatch.setitem(sys.modules, "datasets", module)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return module


def test_a_set_of_the_hub_is_written_as_files_once(library):
    found = open_set("hf:some/pets")
    assert (found.name, len(found.images), len(found.queries)) == ("hf-some-pets", 4, 2)
    assert set(found.labels) == {"cat", "dog"}
    assert found.judgements["labels"].groups == ("cat", "dog")
    assert (found.root / "train/dog/0000001.jpeg").read_bytes() == jpeg((1, 0, 0))
    assert open_set("hf:some/pets").fingerprint == found.fingerprint
    assert library.asked == [("some/pets", None)]
    assert library.bars == ["off", "on"]


def test_one_part_of_it_is_searched_with_itself(library):
    found = open_set("hf:some/pets:train")
    assert (len(found.images), found.is_leave_one_out) == (4, True)
    assert library.asked == [("some/pets", "train")]


def test_what_the_hub_does_not_have_is_one_sentence(library):
    with pytest.raises(DatasetNotFound, match=r"cannot be loaded \(no some/cars\): check"):
        open_set("hf:some/cars")
    with pytest.raises(UsageError, match="write hf:NAME"):
        open_set("hf:")


@pytest.mark.parametrize(
    ("release", "options"), [("3.6.0", {"trust_remote_code": False}), ("4.0.0", {})]
)
def test_no_release_is_allowed_to_run_what_a_set_brings(library, release, options):
    library.__version__ = release
    open_set("hf:some/pets")
    assert library.options == [options]


def test_a_set_without_pictures_is_refused(library):
    library.load_dataset = lambda name, split=None, **options: {
        "train": Part([], {"text": "string"})
    }
    with pytest.raises(UsageError, match="no column of pictures"):
        open_set("hf:some/texts")


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"pip install 'lookalike\[datasets\]'"):
        open_set("hf:some/pets")
