"""The sets that are known by name: their forms are read, their facts asserted."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import re
import struct

import numpy as np
import pytest
from PIL import Image
from published_forms import (
    TEN,
    cifar_hundred,
    cifar_hundred_binary,
    cifar_pixels,
    cifar_ten,
    cifar_ten_binary,
    fashion_mnist,
    gnd,
    idx,
    labelled,
    png,
    python_two,
    revisited_pictures,
    write_files,
    write_tar,
    write_zip,
)

from lookalike.errors import DatasetNotFound, DatasetUnreadable, UsageError
from lookalike.evaluation.datasets import forms, open_set, preparing, published, revisited
from lookalike.evaluation.datasets.known import known_set, known_sets, nearest_names
from lookalike.evaluation.datasets.revisited import read_gnd
from lookalike.evaluation.judging.runs import Run


def pixels_of(found, path):
    with Image.open(found.root / path) as picture:
        return np.asarray(picture)


# -- facts ---------------------------------------------------------------------------------


def test_the_facts_are_written_as_facts_are():
    for one in known_sets().values():
        assert re.fullmatch(r"[a-z0-9-]+", one.name)
        assert all(count > 0 for count in (*one.parts.values(), *one.classes.values()))
        assert one.licence
        assert one.citation
        assert one.page.startswith("http")
        for variant in one.variants:
            for file in variant:
                assert "/" not in file.name
                assert re.fullmatch("([0-9a-f]{32})?", file.md5)
                assert re.fullmatch("([0-9a-f]{64})?", file.sha256)
                assert all(place.startswith("http") for place in file.addresses)
                assert all(place.endswith(file.name) for place in file.addresses)
    assert set(known_sets()) == {
        *("cifar-10", "cifar-100", "tiny-imagenet", "caltech-101", "fashion-mnist"),
        *("oxford5k", "paris6k", "sbu-captions"),
    }


def test_a_name_is_found_as_people_write_it():
    for name in ("cifar-10", "CIFAR10", "Cifar_10"):
        assert known_set(name).name == "cifar-10"
    assert known_set("cifar-1000") is None
    assert nearest_names("fashion-mnits") == ["fashion-mnist"]


@pytest.mark.heavy
def test_torchvision_states_the_same_checksums():
    pytest.importorskip("torch")
    pytest.importorskip("torchvision_shim")
    from torchvision import datasets

    def md5s(name):
        return {file.name: file.md5 for variant in known_sets()[name].variants for file in variant}

    for name, theirs in [("cifar-10", datasets.CIFAR10), ("cifar-100", datasets.CIFAR100)]:
        assert md5s(name)[theirs.filename] == theirs.tgz_md5
    ours = md5s("fashion-mnist")
    assert {file: ours[file] for file, _ in datasets.FashionMNIST.resources} == dict(
        datasets.FashionMNIST.resources
    )
    assert list(known_sets()["fashion-mnist"].class_names) == datasets.FashionMNIST.classes
    assert md5s("sbu-captions")[datasets.SBU.filename] == datasets.SBU.md5_checksum


# -- CIFAR ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "contents"),
    [("cifar-10-python", cifar_ten()), ("cifar-10-binary", cifar_ten_binary())],
)
@pytest.mark.parametrize("is_packed", [True, False])
def test_cifar_10_is_read_in_both_its_forms(tmp_path, name, contents, is_packed):
    if is_packed:
        place = write_tar(tmp_path / f"{name}.tar.gz", contents, "w:gz")
    else:
        place = write_files(tmp_path / name, contents)
    found = open_set(str(place))
    assert (len(found.images), len(found.queries)) == (15, 3)
    assert set(found.labels) == set(TEN)
    assert found.remarks == ("Searched in: the part train; searched with: the part test.",)
    # Picture 1 of the third batch is the seventh of the training pictures.
    expected = cifar_pixels(3, seed=2)[1].reshape(3, 32, 32).transpose(1, 2, 0)
    assert np.array_equal(pixels_of(found, "train/automobile/00007.png"), expected)
    test = cifar_pixels(3, seed=5)[0].reshape(3, 32, 32)
    assert np.array_equal(pixels_of(found, "test/airplane/00000.png")[..., 0], test[0])
    assert found.judgements["labels"].groups == ("airplane", "automobile", "bird")


def test_both_forms_of_cifar_are_the_same_set(tmp_path):
    for pair in ((cifar_ten, cifar_ten_binary), (cifar_hundred, cifar_hundred_binary)):
        files = [write_tar(tmp_path / f"{make.__name__}.tar.gz", make(), "w:gz") for make in pair]
        first, second = (open_set(str(file)) for file in files)
        assert first.fingerprint == second.fingerprint
        assert (first.images, first.labels) == (second.images, second.labels)


@pytest.mark.parametrize("contents", [cifar_hundred(), cifar_hundred_binary()])
def test_cifar_100_has_fine_and_coarse_labels(tmp_path, contents):
    file = str(write_tar(tmp_path / "cifar-100.tar.gz", contents, "w:gz"))
    assert set(open_set(file).labels) == {"apple", "pear", "bee", "ant"}
    coarse = open_set(file, labels="coarse")
    assert coarse.labels == ("insects", "fruit", "insects", "fruit")  # ant, apple, bee, pear
    assert coarse.judgements["labels"].groups == ("insects", "fruit", "insects", "fruit")


def test_the_test_pictures_of_cifar_alone_are_searched_with_each_other(tmp_path):
    file = write_tar(tmp_path / "cifar-10.tar.gz", cifar_ten(per_batch=6), "w:gz")
    found = open_set(str(file), split="test")
    assert (len(found.images), found.is_leave_one_out) == (6, True)
    assert all(path.startswith("test/") for path in found.images)


def hostile_batch(tmp_path):
    class Program:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'trace'}",)

    return pickle.dumps({"data": Program(), "labels": [0]}, 2)


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_a_cifar_that_wants_to_run_a_program_is_refused_and_named(tmp_path, datasets, name):
    contents = cifar_ten() | {f"cifar-10-batches-py/{name}": hostile_batch(tmp_path)}
    file = write_tar(tmp_path / "cifar-10-python.tar.gz", contents, "w:gz")
    with pytest.raises(DatasetUnreadable, match=rf"{name} was not read: it asks for \w+\.system"):
        open_set(str(file))
    assert not (tmp_path / "trace").exists()
    assert not list(datasets.glob("prepared/cifar*"))


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("data_batch_3", None, "lacks data_batch_3"),
        ("batches.meta", None, "lacks the names of the classes"),
        ("data_batch_1", python_two({"data": np.zeros((2, 10), np.uint8)}), "does not hold what"),
        ("data_batch_1", python_two([1, 2]), "does not hold what"),
        (
            "test_batch",
            python_two({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 9]}),
            "a label beyond its 3 classes",
        ),
        (
            "test_batch",
            python_two({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}),
            "2 pictures of its part test and 1 labels",
        ),
        *(
            (
                "test_batch",
                pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": labels}),
                "does not hold what CIFAR's do",
            )
            for labels in ([0.5, 1.0], np.zeros((2, 2), int), np.array(["a", "b"]))
        ),
    ],
)
def test_a_cifar_with_holes_is_one_sentence(tmp_path, name, content, why):
    contents = cifar_ten()
    contents.pop(f"cifar-10-batches-py/{name}")
    if content is not None:
        contents[f"cifar-10-batches-py/{name}"] = content
    file = write_tar(tmp_path / "cifar-10-python.tar.gz", contents, "w:gz")
    with pytest.raises(DatasetUnreadable, match=why):
        open_set(str(file))


def test_a_binary_cifar_of_another_length_is_one_sentence(tmp_path):
    contents = cifar_ten_binary()
    contents["cifar-10-batches-bin/test_batch.bin"] += b"x"
    file = write_tar(tmp_path / "cifar-10-binary.tar.gz", contents, "w:gz")
    with pytest.raises(DatasetUnreadable, match="no multiple of 3,073"):
        open_set(str(file))


def test_two_cifars_side_by_side_are_not_mixed(tmp_path):
    folder = write_files(tmp_path, cifar_ten() | cifar_hundred())
    both = "holds both cifar-10-batches-py and cifar-100-python"
    with pytest.raises(UsageError, match=both):
        open_set(str(folder))
    assert len(open_set(str(folder / "cifar-100-python")).images) == 4


def test_names_of_classes_are_texts(tmp_path):
    contents = cifar_ten()
    contents["cifar-10-batches-py/batches.meta"] = pickle.dumps({"label_names": [["cat"], "dog"]})
    with pytest.raises(DatasetUnreadable, match="does not hold what CIFAR's do"):
        open_set(str(write_files(tmp_path, contents)))


def test_names_of_classes_lead_nowhere(tmp_path):
    meta = {"label_names": ["../../../out", "/etc/x", "T-shirt/top"]}
    contents = cifar_ten() | {"cifar-10-batches-py/batches.meta": python_two(meta)}
    found = open_set(str(write_tar(tmp_path / "set.tar.gz", contents, "w:gz")))
    assert set(found.labels) == {"../../../out", "/etc/x", "T-shirt/top"}
    folders = {path.split("/")[1] for path in found.images}
    assert folders == {"out", "etc-x", "T-shirt-top"}


# -- Fashion-MNIST -------------------------------------------------------------------------


@pytest.mark.parametrize("is_packed", [True, False])
def test_idx_files_are_read(tmp_path, is_packed):
    contents = fashion_mnist()
    if not is_packed:
        contents = {
            name.removesuffix(".gz"): gzip.decompress(data) for name, data in contents.items()
        }
    folder = write_files(tmp_path / "fashion", contents)
    found = open_set(str(folder))
    assert (len(found.images), len(found.queries)) == (6, 3)
    assert set(found.labels) == {"0", "1", "2"}
    raw = gzip.decompress(fashion_mnist()["t10k-images-idx3-ubyte.gz"])
    expected = np.frombuffer(raw[16:], np.uint8).reshape(3, 28, 28)[1]
    assert np.array_equal(pixels_of(found, "test/1/00001.png"), expected)
    one_file = open_set(str(folder / next(iter(contents))))
    assert one_file.fingerprint == found.fingerprint


def test_one_idx_file_alone_is_no_set(tmp_path):
    contents = fashion_mnist()
    contents.pop("t10k-labels-idx1-ubyte.gz")
    with pytest.raises(DatasetNotFound, match="lacks t10k-labels-idx1-ubyte"):
        open_set(str(write_files(tmp_path / "fashion", contents)))


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("train-images-idx3-ubyte.gz", b"<html>", "cannot be read as an idx file"),
        ("train-images-idx3-ubyte.gz", idx(np.zeros(4, np.uint8)), "another form"),
        ("train-labels-idx1-ubyte.gz", idx(np.zeros(5, np.uint8)), "6 pictures .* and 5 labels"),
        (
            "train-labels-idx1-ubyte.gz",
            gzip.compress(struct.pack(">HBBI", 0, 8, 1, 2**32 - 1) + b"x", mtime=0),
            "announces 4,294,967,295 bytes",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            gzip.compress(struct.pack(">HBBI", 0, 8, 1, 9) + b"x", mtime=0),
            "not the one that it announces",
        ),
        ("train-labels-idx1-ubyte.gz", idx(np.zeros(6, np.uint8))[:-12], "cannot be read as"),
    ],
)
def test_damaged_idx_files_are_one_sentence(tmp_path, name, data, why):
    folder = write_files(tmp_path / "fashion", fashion_mnist() | {name: data})
    with pytest.raises(DatasetUnreadable, match=why):
        open_set(str(folder))


# -- the revisited Oxford and Paris --------------------------------------------------------


def positives(found, protocol):
    depth = len(found.images)
    ids = np.tile(np.arange(depth), (len(found.queries), 1))
    scores = np.tile(np.linspace(1, 0, depth, dtype=np.float32), (len(found.queries), 1))
    return found.judgements[protocol].judge(Run(found.queries, ids, scores)).grades.tolist()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("form", ["folder", "archive beside", "pickle"])
def test_the_revisited_sets_are_judged_by_their_own_lists(tmp_path, form, protocol):
    folder = tmp_path / "roxford5k"
    if form == "archive beside":
        folder.mkdir()
        write_tar(folder / "oxbuild_images-v1.tgz", revisited_pictures(), "w:gz")
    else:
        write_files(folder, revisited_pictures())
    (folder / "gnd_roxford5k.pkl").write_bytes(gnd(protocol))
    found = open_set(str(folder / "gnd_roxford5k.pkl" if form == "pickle" else folder))
    assert found.images == tuple(
        f"images/{name}.jpg" for name in ("bridge_1", "bridge_2", "other_1", "tower_1", "tower_2")
    )
    assert found.queries == ("query/bridge_q.png", "query/tower_q.png")
    assert (found.labels, found.is_leave_one_out) == (None, False)
    # bridge_1 is hard and bridge_2 easy; tower_1 hard, tower_2 easy, other_1 junk.
    assert positives(found, "easy") == [[-1, 1, 0, 0, 0], [0, 0, -1, -1, 1]]
    assert positives(found, "medium") == [[1, 1, 0, 0, 0], [0, 0, -1, 1, 1]]
    assert positives(found, "hard") == [[1, -1, 0, 0, 0], [0, 0, -1, 1, -1]]


def test_a_query_is_cropped_to_its_box(tmp_path):
    folder = write_files(tmp_path, revisited_pictures())
    (folder / "gnd_roxford5k.pkl").write_bytes(gnd())
    found = open_set(str(folder))
    # The picture's columns hold 0, 10, 20 ...; the box is (1.4, 2, 11, 9.6).
    crop = pixels_of(found, "query/tower_q.png")
    assert crop.shape == (8, 10, 3)
    assert crop[0, :, 0].tolist() == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    assert pixels_of(found, "query/bridge_q.png").shape == (4, 6, 3)  # a box beyond the edge
    original = (folder / "jpg" / "bridge_1.jpg").read_bytes()
    assert (found.root / "images" / "bridge_1.jpg").read_bytes() == original


def test_labels_cannot_be_chosen_where_lists_judge(tmp_path):
    folder = write_files(tmp_path, revisited_pictures())
    (folder / "gnd_roxford5k.pkl").write_bytes(gnd())
    with pytest.raises(UsageError, match="is judged by its own lists"):
        open_set(str(folder), labels="folder")


def test_names_may_be_an_array_too(tmp_path):
    content = pickle.loads(gnd())
    content["imlist"] = np.array(content["imlist"])
    folder = write_files(tmp_path, revisited_pictures())
    (folder / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content))
    assert len(open_set(str(folder)).images) == 5


def test_a_missing_picture_is_named(tmp_path):
    contents = revisited_pictures()
    contents.pop("jpg/bridge_2.jpg")
    folder = write_files(tmp_path, contents)
    (folder / "gnd_roxford5k.pkl").write_bytes(gnd())
    with pytest.raises(DatasetNotFound, match=r"1 of the 7 pictures .* are missing, bridge_2"):
        open_set(str(folder))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda content: content["gnd"][0].update(easy=[5]), "lies beyond the 5 images"),
        (lambda content: content["gnd"][0].update(easy=[-1]), "lies beyond the 5 images"),
        (lambda content: content["gnd"][0].pop("hard"), "'hard'"),
        (lambda content: content["gnd"].pop(), "do not fit each other"),
        (lambda content: content["gnd"][0].update(easy=[0.7]), "easy is no whole number"),
        (lambda content: content["gnd"][0].update(easy=[True]), "easy is no whole number"),
        (lambda content: content["gnd"][0].update(easy=np.array(["a"])), "no whole number"),
        (lambda content: content["gnd"][0].update(easy=[10**400]), "too large"),
        (lambda content: content["gnd"][0].update(easy=[0, 0]), "is judged twice"),
        (lambda content: content["gnd"][0].update(junk=[0, 4]), "is judged twice"),
        (lambda content: content["gnd"][0].update(easy=[0] * 6), "more positions of easy than"),
        (lambda content: content["qimlist"].__setitem__(0, "tower_1"), "names 'tower_1' twice"),
        (lambda content: content["qimlist"].__setitem__(1, "tower_q"), "names 'tower_q' twice"),
        (lambda content: content["imlist"].__setitem__(1, "other_1"), "names 'other_1' twice"),
        (lambda content: content["imlist"].__setitem__(1, ["x"] * 9), "list is no name"),
        (lambda content: content["gnd"][0].update(bbx=[10**400, 0, 1, 1]), "too large"),
        (lambda content: content["gnd"][0].update(bbx=[1.0]), "a box has four numbers"),
        (lambda content: content["gnd"][0].update(bbx=[9, 9, 1, 1]), "lies outside of 20 x 16"),
        (lambda content: content["imlist"].append("../out"), "is no name of a picture"),
        (lambda content: content.clear(), "'imlist'"),
    ],
)
def test_a_judging_pickle_that_makes_no_sense_is_one_sentence(tmp_path, change, why):
    content = pickle.loads(gnd())
    change(content)
    folder = write_files(tmp_path, revisited_pictures())
    (folder / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(DatasetUnreadable, match=why):
        open_set(str(folder))


def test_positions_may_be_written_as_fractions_that_are_none(tmp_path):
    content = pickle.loads(gnd())
    content["gnd"][0]["hard"] = np.array([1.0])
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content))
    assert read_gnd(tmp_path / "gnd_roxford5k.pkl").answers[0].hard == (1,)


def test_a_long_list_that_is_named_again_and_again_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(revisited, "MAX_JUDGED", 20)
    content = pickle.loads(gnd())
    content["qimlist"] = [f"q{number}" for number in range(10)]
    content["gnd"] = [content["gnd"][0]] * 10
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(DatasetUnreadable, match="it judges more than 20 pictures"):
        read_gnd(tmp_path / "gnd_roxford5k.pkl")


def test_a_judging_pickle_that_wants_to_run_a_program_is_refused_and_named(tmp_path):
    folder = write_files(tmp_path, revisited_pictures())
    (folder / "gnd_rparis6k.pkl").write_bytes(hostile_batch(tmp_path))
    with pytest.raises(DatasetUnreadable, match=r"asks for \w+\.system"):
        open_set(str(folder))
    assert not (tmp_path / "trace").exists()


# -- by name -------------------------------------------------------------------------------


def test_a_set_is_opened_by_its_name_where_its_file_lies(tmp_path, datasets, facts_of):
    file = write_tar(tmp_path / "cifar-10-python.tar.gz", cifar_ten(), "w:gz")
    facts_of("cifar-10", [file], parts={"train": 15, "test": 3}, classes={"class": 3})
    with pytest.raises(DatasetNotFound) as refusal:
        open_set("cifar-10")
    for told in ("lookalike datasets pull cifar-10", "http://127.0.0.1:9/", file.name, datasets):
        assert str(told) in str(refusal.value)
    found = open_set("cifar-10", data_folders=[tmp_path])
    assert (found.name, len(found.images), found.licence) == ("cifar-10", 15, "none stated")
    # What is unpacked is enough from then on.
    file.unlink()
    assert open_set("cifar10").fingerprint == found.fingerprint
    assert open_set("cifar-10").root == found.root


def test_another_file_of_that_name_is_refused(tmp_path, datasets, facts_of):
    file = write_tar(tmp_path / "cifar-10-python.tar.gz", cifar_ten(), "w:gz")
    facts_of("cifar-10", [file], parts={"train": 15, "test": 3}, classes={"class": 3})
    whole = file.read_bytes()
    file.write_bytes(whole[:-10])
    with pytest.raises(DatasetUnreadable, match=r"was published with [\d,]+: it was not copied"):
        open_set("cifar-10", data_folders=[tmp_path])
    file.write_bytes(whole[:-10] + b"0123456789")
    with pytest.raises(DatasetUnreadable, match="is not the file that was published: its md5 is"):
        open_set("cifar-10", data_folders=[tmp_path])
    # Nothing unsound was kept that a later call would take for the set.
    with pytest.raises(DatasetUnreadable):
        open_set("cifar-10", data_folders=[tmp_path])
    file.write_bytes(whole)
    assert len(open_set("cifar-10", data_folders=[tmp_path]).images) == 15


def test_what_was_unpacked_by_path_does_not_pass_for_the_published_set(tmp_path, facts_of):
    file = write_zip(tmp_path / "caltech-101.zip", labelled())
    assert len(open_set(str(file)).images) == 6
    with pytest.raises(DatasetUnreadable, match="was published with 137,414,764"):
        open_set("caltech-101", data_folders=[tmp_path])


def test_a_set_that_was_unpacked_by_path_is_compared_and_then_kept(tmp_path, facts_of):
    contents = {f"101_ObjectCategories/{name}": data for name, data in labelled().items()}
    file = write_zip(tmp_path / "caltech-101.zip", contents)
    facts_of("caltech-101", [file], parts={"": 6}, classes={"folder": 2})
    by_path = open_set(str(file))
    by_name = open_set("caltech-101", data_folders=[tmp_path])
    assert by_name.root == by_path.root
    file.unlink()
    assert open_set("caltech-101").fingerprint == by_path.fingerprint


def test_what_an_older_version_prepared_is_prepared_anew(tmp_path, datasets, facts_of, monkeypatch):
    file = write_tar(tmp_path / "cifar-10-python.tar.gz", cifar_ten(), "w:gz")
    facts_of("cifar-10", [file], parts={"train": 15, "test": 3}, classes={"class": 3})
    before = open_set("cifar-10", data_folders=[tmp_path]).root
    monkeypatch.setattr(preparing, "VERSION", 2)
    monkeypatch.setattr(forms, "VERSION", 2)
    assert published.prepared_known(known_set("cifar-10")) is None
    after = open_set("cifar-10", data_folders=[tmp_path]).root
    assert after != before
    assert published.prepared_known(known_set("cifar-10")).root == after


def test_counts_are_asserted(tmp_path, facts_of):
    file = write_tar(tmp_path / "cifar-10-python.tar.gz", cifar_ten(), "w:gz")
    facts_of("cifar-10", [file], parts={"train": 16, "test": 3}, classes={"class": 3})
    with pytest.raises(DatasetUnreadable, match="should have 16 pictures in train where 15 are"):
        open_set("cifar-10", data_folders=[tmp_path])
    facts_of("cifar-10", [file], parts={"train": 15, "test": 3}, classes={"class": 10})
    with pytest.raises(DatasetUnreadable, match="should have 10 labels of class where 3 are"):
        open_set("cifar-10", data_folders=[tmp_path])
    assert len(open_set(str(file)).images) == 15


def test_fashion_mnist_by_name_has_names_of_classes(tmp_path, datasets, facts_of):
    write_files(datasets, fashion_mnist())
    files = [datasets / name for name in fashion_mnist()]
    facts_of("fashion-mnist", files, parts={"train": 6, "test": 3}, classes={"class": 3})
    assert set(open_set("fashion-mnist").labels) == {"T-shirt/top", "Trouser", "Pullover"}


def test_oxford_by_name_needs_its_pickle_and_its_archive(tmp_path, datasets, facts_of):
    write_files(datasets, {"gnd_roxford5k.pkl": gnd()})
    archive = write_tar(tmp_path / "oxbuild_images-v1.tgz", revisited_pictures(), "w:gz")
    files = [datasets / "gnd_roxford5k.pkl", archive]
    facts_of("oxford5k", files, parts={"images": 5, "query": 2})
    with pytest.raises(DatasetNotFound, match=r"or fetch oxbuild_images-v1\.tgz") as refusal:
        open_set("oxford5k")
    assert "gnd_roxford5k" not in str(refusal.value)
    found = open_set("oxford5k", data_folders=[tmp_path])
    assert (len(found.images), len(found.queries)) == (5, 2)
    assert list(found.judgements) == ["easy", "medium", "hard"]


def test_a_checksum_is_computed_once(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    os.utime(file, (1e9, 1e9))
    assert published.md5_of(file) == "900150983cd24fb0d6963f7d28e17f72"
    monkeypatch.setattr(published.hashlib, "md5", None)
    assert published.md5_of(file) == "900150983cd24fb0d6963f7d28e17f72"


def test_pictures_are_written_without_loss(tmp_path):
    found = open_set(str(write_tar(tmp_path / "cifar-10.tar.gz", cifar_ten(), "w:gz")))
    with Image.open(io.BytesIO((found.root / found.images[0]).read_bytes())) as picture:
        assert (picture.format, picture.size, picture.mode) == ("PNG", (32, 32), "RGB")
    assert png((0, 0, 0)).startswith(b"\x89PNG")
