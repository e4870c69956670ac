"""Opening a set by its place: folders, archives, tables; what is searched in and what with."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from published_forms import labelled, png, tiny_imagenet, write_files, write_tar, write_zip
from table_forms import positives

from lookalike.errors import (
    DatasetError,
    DatasetNotFound,
    DatasetUnreadable,
    StorageFull,
    UsageError,
)
from lookalike.evaluation.datasets import datasets_folder, open_set, preparing

# -- folders -------------------------------------------------------------------------------


def test_a_folder_of_labelled_folders_is_a_set(tmp_path):
    folder = write_files(tmp_path / "Pets of Ours", labelled())
    found = open_set(str(folder))
    assert (found.name, found.root) == ("pets-of-ours", folder)
    assert found.images == ("cat/cat-0.png", "cat/cat-1.png", "cat/cat-2.png",
                            "dog/dog-0.png", "dog/dog-1.png", "dog/dog-2.png")  # fmt: skip
    assert found.labels == ("cat",) * 3 + ("dog",) * 3
    assert found.class_count == 2
    assert found.is_leave_one_out
    assert found.captions is None
    assert positives(found) == [2, 2, 2, 2, 2, 2]


def test_pictures_beside_the_folders_are_left_out_and_said(tmp_path):
    folder = write_files(tmp_path / "pets", labelled() | {"loose.png": png((0, 0, 0))})
    found = open_set(str(folder))
    assert len(found.images) == 6
    assert found.remarks == ("Left out for want of a folder: 1 picture.",)


def test_where_all_lies_in_one_folder_that_one_is_looked_into(tmp_path):
    write_files(tmp_path / "download" / "pets" / "v1", labelled())
    found = open_set(str(tmp_path / "download"))
    assert found.root == tmp_path / "download" / "pets" / "v1"
    assert set(found.labels) == {"cat", "dog"}


def test_nested_folders_have_two_columns_of_labels(tmp_path):
    names = ("Fruit/Apple/1", "Fruit/Apple/2", "Fruit/Pear/1", "Fruit/Pear/2",
             "Drink/Milk/1", "Drink/Milk/2")  # fmt: skip
    folder = write_files(tmp_path / "shop", {f"{name}.png": png((0, 0, 0)) for name in names})
    assert positives(open_set(str(folder))) == [1, 1, 3, 3, 3, 3]
    by_parent = open_set(str(folder), labels="parent")
    assert by_parent.labels == ("Milk", "Milk", "Apple", "Apple", "Pear", "Pear")
    assert positives(by_parent) == [1] * 6
    with pytest.raises(UsageError, match="no labels called 'colour': there are folder, parent"):
        open_set(str(folder), labels="colour")


def test_train_and_test_folders_are_parts(tmp_path):
    contents = {f"train/{name}": data for name, data in labelled().items()}
    contents |= {f"test/{name}": data for name, data in labelled(count=1).items()}
    folder = write_files(tmp_path / "pets", contents)
    found = open_set(str(folder))
    assert (len(found.images), len(found.queries), found.is_leave_one_out) == (6, 2, False)
    assert found.queries == ("test/cat/cat-0.png", "test/dog/dog-0.png")
    assert found.remarks == ("Searched in: the part train; searched with: the part test.",)
    assert positives(found) == [3, 3]

    inside = open_set(str(folder), split="train")
    assert (len(inside.images), inside.is_leave_one_out) == (6, True)
    assert positives(inside) == [2] * 6
    assert len(open_set(str(folder), split="all").images) == 8
    with pytest.raises(UsageError, match="no part 'val': its parts are test, train"):
        open_set(str(folder), split="val")


def test_a_split_is_refused_where_there_is_none(tmp_path):
    folder = write_files(tmp_path / "pets", labelled())
    with pytest.raises(UsageError, match="no part 'test': it is not split"):
        open_set(str(folder), split="test")


def test_few_of_each_class_are_taken_from_all_over_it(tmp_path):
    folder = write_files(tmp_path / "pets", labelled(count=8))
    found = open_set(str(folder), limit_per_class=2)
    assert found.images == ("cat/cat-0.png", "cat/cat-4.png", "dog/dog-0.png", "dog/dog-4.png")
    assert found.is_leave_one_out
    assert len(open_set(str(folder), limit_per_class=100).images) == 16
    with pytest.raises(UsageError, match="fewer than 2 there is nothing to find"):
        open_set(str(folder), limit_per_class=1)


def test_the_fingerprint_tells_states_of_a_set_apart(tmp_path):
    folder = write_files(tmp_path / "pets", labelled())
    first = open_set(str(folder)).fingerprint
    assert open_set(str(folder)).fingerprint == first
    elsewhere = shutil.copytree(folder, tmp_path / "other" / "place")
    assert open_set(str(elsewhere)).fingerprint == first
    assert open_set(str(folder), limit_per_class=2).fingerprint != first
    # Other pictures of the same names are another set.
    (folder / "cat" / "cat-0.png").write_bytes(png((0, 0, 0), (99, 99)))
    assert open_set(str(folder)).fingerprint != first
    (folder / "cat" / "cat-1.png").rename(folder / "dog" / "cat-1.png")
    assert open_set(str(folder)).fingerprint != first


@pytest.mark.parametrize(
    ("contents", "why"),
    [
        ({}, "holds no pictures"),
        ({"cat/note.txt": b"x"}, "holds no pictures"),
        ({"1.png": b"x", "2.png": b"x"}, "lie side by side"),
        ({"cat/1.png": b"x", "cat/2.png": b"x"}, "same folder, 'cat': every answer would be right"),
        ({"cat/1.png": b"x", "dog/1.png": b"x"}, "a class needs at least two images"),
    ],
    ids=["empty", "no pictures", "no labels", "one class", "classes of one image"],
)
def test_what_cannot_be_judged_is_refused(tmp_path, contents, why):
    (tmp_path / "set").mkdir()
    folder = write_files(tmp_path / "set", contents)
    with pytest.raises(UsageError, match=why):
        open_set(str(folder))


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(DatasetNotFound, match=r"perhaps cifar-10 or cifar-100 is meant"):
        open_set("cifar-11")
    with pytest.raises(DatasetNotFound, match="No data set is at ''"):
        open_set("")
    note = tmp_path / "note.md"
    note.write_text("x")
    with pytest.raises(DatasetNotFound, match="No data set is at"):
        open_set(str(note))


def test_a_hundred_thousand_pictures_open_in_about_a_second(tmp_path):
    root = tmp_path / "big"
    for name in range(100):
        (root / f"class-{name:03}").mkdir(parents=True)
    blank = root / "class-000" / "0000.png"
    blank.write_bytes(png((0, 0, 0)))
    for number in range(1, 20_000):
        os.link(blank, root / f"class-{number % 100:03}" / f"{number:05}.png")
    opening_s, looking_s = [], []
    for _ in range(3):
        start = time.thread_time()
        found = open_set(str(root))
        opened = time.thread_time()
        sizes = [
            (Path(at) / name).stat().st_size for at, _, names in os.walk(root) for name in names
        ]
        opening_s.append(opened - start)
        looking_s.append(time.thread_time() - opened)
    assert len(found.images) == len(sizes) == 20_000
    # 100,000 open in a second where a look at each takes half of that: a few times as long
    # is allowed, whatever the machine.
    assert min(opening_s) < 10 * min(looking_s)


# -- archives ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tgz", "zip"])
def test_an_archive_is_the_same_set_as_its_folder(tmp_path, kind):
    contents = {f"pets/{name}": data for name, data in labelled().items()}
    file = tmp_path / f"pets.{kind}"
    if kind == "zip":
        write_zip(file, contents)
    else:
        write_tar(file, contents, "w" if kind == "tar" else "w:gz")
    found = open_set(str(file))
    folder = write_files(tmp_path / "plain" / "pets", labelled())
    plain = open_set(str(folder))
    assert (found.name, found.fingerprint) == (plain.name, plain.fingerprint)
    for path in found.images:
        assert (found.root / path).read_bytes() == (folder / path).read_bytes()


def test_an_archive_is_unpacked_once_wherever_it_lies(tmp_path, monkeypatch):
    file = write_tar(tmp_path / "pets.tar", labelled())
    first = open_set(str(file))
    written = {path: (first.root / path).stat().st_mtime_ns for path in first.images}
    (tmp_path / "moved").mkdir()
    moved = file.rename(tmp_path / "moved" / "pets.tar")
    again = open_set(str(moved))
    assert again.root == first.root
    assert {path: (again.root / path).stat().st_mtime_ns for path in again.images} == written
    assert datasets_folder() in again.root.parents


def test_another_archive_of_the_same_name_is_another_set(tmp_path):
    first = open_set(str(write_tar(tmp_path / "pets.tar", labelled())))
    os.remove(tmp_path / "pets.tar")
    second = open_set(str(write_tar(tmp_path / "pets.tar", labelled(("cow", "pig")))))
    assert second.root != first.root
    assert set(second.labels) == {"cow", "pig"}


def test_progress_is_told_while_unpacking(tmp_path):
    told = []
    file = write_tar(tmp_path / "pets.tar", labelled())
    open_set(str(file), on_progress=lambda done, total: told.append((done, total)))
    assert len(told) == 6
    assert all(0 < done <= total == file.stat().st_size for done, total in told)
    told.clear()
    open_set(str(file), on_progress=lambda done, total: told.append((done, total)))
    assert told == []


def test_what_a_killed_process_left_is_swept_away(tmp_path, datasets):
    file = write_tar(tmp_path / "pets.tar", labelled())
    found = open_set(str(file))
    place = found.root.parent
    shutil.move(place, place.with_name(f".{place.name}.part"))
    (place.with_name(f".{place.name}.part") / "pictures" / "cat" / "cat-0.png").unlink()
    again = open_set(str(file))
    assert len(again.images) == 6
    assert (again.root / "cat" / "cat-0.png").is_file()
    assert not place.with_name(f".{place.name}.part").exists()


def test_an_interruption_leaves_nothing_half_done(tmp_path, datasets):
    def interrupt(done, total):
        raise KeyboardInterrupt

    file = write_tar(tmp_path / "pets.tar", labelled())
    with pytest.raises(KeyboardInterrupt):
        open_set(str(file), on_progress=interrupt)
    assert not list(datasets.glob("prepared/pets*"))
    assert not list(datasets.glob("prepared/*.part"))
    assert len(open_set(str(file)).images) == 6


def test_damaged_facts_are_made_again(tmp_path):
    file = write_tar(tmp_path / "pets.tar", labelled())
    facts = open_set(str(file)).root.parent / "set.json"
    for damage in ("{", "{}", facts.read_text().replace('"columns"', '"colours"')):
        facts.write_text(damage)
        assert len(open_set(str(file)).images) == 6


def test_a_full_disk_is_one_sentence(tmp_path, datasets, monkeypatch):
    def full(self, path, chunks):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preparing.FileWriter, "write", full)
    file = write_tar(tmp_path / "pets.tar", labelled())
    with pytest.raises(StorageFull, match=r"make room, or set LOOKALIKE_DATASETS"):
        open_set(str(file))
    assert not list(datasets.glob("prepared/pets*"))


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("LOOKALIKE_DATASETS", str(tmp_path / "file"))
    file = write_tar(tmp_path / "pets.tar", labelled())
    with pytest.raises(DatasetError, match="set LOOKALIKE_DATASETS to a folder that can"):
        open_set(str(file))


# -- tiny-ImageNet -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_the_layout_of_tiny_imagenet_is_recognised(tmp_path, kind):
    place = tmp_path / "tiny"
    if kind == "folder":
        write_files(place, tiny_imagenet())
    else:
        place = tmp_path / f"tiny.{kind}"
        (write_zip if kind == "zip" else write_tar)(place, tiny_imagenet())
    found = open_set(str(place))
    assert (len(found.images), found.queries) == (
        6,
        ("val/images/val_0.JPEG", "val/images/val_1.JPEG"),
    )
    assert found.images[0] == "train/n01/images/n01_0.JPEG"
    assert set(found.labels) == {"crane (n01)", "crane (n02)", "goldfish"}
    assert found.judgements["labels"].groups == ("goldfish", "crane (n01)")
    assert positives(found) == [2, 2]
    assert set(open_set(str(place), labels="wnid").labels) == {"n01", "n02", "n03"}
    assert "Left out for want of labels: 1 picture outside of train and val." in found.remarks


def test_tiny_imagenet_with_its_validation_sorted_into_folders(tmp_path):
    contents = {name: data for name, data in tiny_imagenet().items() if "/val/" not in name} | {
        "tiny-imagenet-200/val/n03/images/val_0.JPEG": png((0, 0, 0))
    }
    found = open_set(str(write_files(tmp_path, contents)))
    assert found.judgements["labels"].groups == ("goldfish",)


def test_a_damaged_list_of_labels_is_one_sentence(tmp_path):
    folder = write_files(tmp_path, tiny_imagenet())
    (folder / "tiny-imagenet-200" / "val" / "val_annotations.txt").write_text("<html>\n")
    with pytest.raises(DatasetUnreadable, match="its line '<html>' names no class"):
        open_set(str(folder))


# -- Caltech-101 ---------------------------------------------------------------------------


def test_caltech_101_as_an_archive_within_an_archive(tmp_path):
    contents = {f"101_ObjectCategories/{name}": data for name, data in labelled().items()}
    contents["101_ObjectCategories/BACKGROUND_Google/image_0001.jpg"] = png((0, 0, 0))
    contents["101_ObjectCategories/BACKGROUND_Google/tmp"] = b"x"
    inner = write_tar(tmp_path / "inner.tar.gz", contents, "w:gz").read_bytes()
    notes = write_tar(tmp_path / "notes.tar", {"Annotations/cat/a.mat": b"x"}).read_bytes()
    file = write_zip(
        tmp_path / "caltech.zip",
        {
            "caltech-101/101_ObjectCategories.tar.gz": inner,
            "caltech-101/Annotations.tar": notes,
            "__MACOSX/caltech-101/._101_ObjectCategories.tar.gz": b"x",
        },
    )
    for place in (str(file), str(write_files(tmp_path / "plain", contents))):
        found = open_set(place)
        assert set(found.labels) == {"cat", "dog"}
        assert found.remarks == ("The folder BACKGROUND_Google is no class: it is left out.",)


def test_an_archive_within_an_archive_is_no_way_out(tmp_path):
    inner = write_tar(tmp_path / "inner.tar", {"../../../out.png": png((0, 0, 0))}).read_bytes()
    file = write_zip(tmp_path / "set.zip", labelled() | {"inner.tar": inner})
    with pytest.raises(DatasetUnreadable, match=r"inner\.tar.*would be written outside"):
        open_set(str(file))


# -- rendered ------------------------------------------------------------------------------


def test_the_drawn_collection_is_always_there(datasets):
    told = []
    found = open_set("rendered:48", on_progress=lambda done, total: told.append((done, total)))
    assert (len(found.images), found.class_count, found.is_leave_one_out) == (48, 24, True)
    assert "car" in found.labels
    assert "damaged" not in found.labels
    assert told[-1] == (50, 50)
    assert open_set("rendered:48").fingerprint == found.fingerprint


@pytest.mark.parametrize("asked", ["rendered:x", "rendered:-5", "rendered:20"])
def test_a_drawn_collection_of_no_sensible_size_is_refused(asked):
    with pytest.raises(UsageError, match="write rendered:N"):
        open_set(asked)


# -- the real ones -------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "images", "queries", "classes"),
    [
        ("caltech101-eval.tar", 3030, 3030, 101),
        ("grocery-eval.tar", 971, 971, 50),
        ("clothing-eval.tar", 372, 372, 10),
        ("tiny-imagenet-200.tar", 40_000, 5_000, 200),
    ],
)
def test_the_real_pictures_are_all_found(shared, name, images, queries, classes):
    found = open_set(str(shared / "data" / name))
    assert (len(found.images), len(found.queries), found.class_count) == (images, queries, classes)
    assert (found.root / found.images[-1]).stat().st_size > 500
