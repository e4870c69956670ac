"""Interchange: what goes out comes back, what others made comes in, nothing by half."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.errors import GalleryError, MissingExtra, NoImagesFound, SpaceMismatch, UsageError
from lookalike.gallery import Gallery, NewImage
from lookalike.ingest import (
    FORMATS,
    ImportReport,
    add_images,
    export_gallery,
    import_embeddings,
    update_images,
)
from lookalike.ingest.interchange import exporting, importing
from lookalike.ingest.interchange.importing import named_space, open_embeddings
from lookalike.search import Searcher
from lookalike.vectors import EmbeddingSpace

SPACE = EmbeddingSpace("fingerprint-of-the-tests", 4, encoder="tests")
EAST, NORTH, UP = np.eye(4, dtype=np.float32)[:3]


class FakeSample:
    """A sample as FiftyOne documents it: ``filepath``, fields, ``field_names``."""

    def __init__(self, filepath, **fields):
        self.filepath = filepath
        self._fields = {"id": "1", "filepath": filepath, "tags": [], "metadata": None, **fields}
        self.field_names = tuple(self._fields)

    def __getitem__(self, name):
        return self._fields[name]


class FakeDataset(list):
    """A data set as FiftyOne documents it."""

    def __init__(self, name):
        super().__init__()
        self.info = {}
        self.persistent = False
        self.saved = None
        DATASETS[name] = self

    def add_samples(self, samples):
        self.extend(samples)

    def iter_samples(self) -> Iterator[FakeSample]:
        return iter(self)

    def save(self):
        self.saved = dict(self.info)


DATASETS: dict[str, FakeDataset] = {}


@pytest.fixture(autouse=True)
def fiftyone(monkeypatch):
    """A stand-in for FiftyOne, which brings a database server along."""
    DATASETS.clear()
    module = types.ModuleType("fiftyone")
    module.Sample, module.Dataset = FakeSample, FakeDataset
    module.dataset_exists = DATASETS.__contains__
    module.load_dataset = DATASETS.__getitem__
    module.delete_dataset = DATASETS.pop
    monkeypatch.setitem(sys.modules, "fiftyone", module)
    return module


@pytest.fixture(params=["float16", "float32"])
def filled(request, tmp_path):
    """Twenty images, two of them copies of others, one with a name that is no text."""
    gallery = Gallery.create(tmp_path / "filled", SPACE, dtype=request.param)
    rows = unit(np.random.default_rng(1).standard_normal((18, 4)))
    with gallery.writer() as writer:
        source_id = writer.add_source("folder", "/photos").source_id
        images = [
            NewImage(
                *(source_id, path, f"hash {number % 18}", number, 10**18 + number, 30, 40, "JPEG"),
                taken="2020-01-01T00:00:00" if number % 2 else None,
                camera='A "camera", large' if number % 3 else None,
                latitude=-1.5 if number % 4 else None,
                metadata={"caption": f"line one\nline {number}"} if number % 5 else {},
                embedding_row=number if number < 18 else None,
                indexed_at="2021-01-01T00:00:00Z",
            )
            for number, path in enumerate([f"a b/ä{n}.jpg" for n in range(19)] + ["\udcff.jpg"])
        ]
        writer.commit(images=images, embeddings=rows)
    return gallery


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def told(gallery):
    """All that is known of each image by its absolute path, and its embedding's bits."""
    return {
        gallery.absolute_path(image): (
            *(image.content_hash, image.size_bytes, image.mtime_ns, image.width, image.height),
            *(image.format, image.indexed_at, image.taken, image.camera),
            *(image.latitude, image.longitude, image.metadata),
            gallery.embedding(image.image_id).tobytes(),
        )
        for image in gallery.images()
    }


def place_for(tmp_path, name):
    return "exported" if name == "fiftyone" else str(tmp_path / "exported")


def taken_in(place, name, folder, **given):
    opened = open_embeddings(place, name)
    space = named_space(opened, place=place, space=given.get("space"))
    gallery = Gallery.create(folder, space, dtype=given.pop("dtype", opened.dtype))
    return gallery, import_embeddings(gallery, place, format=name, **given)


@pytest.mark.parametrize("name", FORMATS)
def test_what_goes_out_comes_back(filled, tmp_path, monkeypatch, name):
    monkeypatch.setattr(exporting, "rows_at_once", lambda dim: 8)
    monkeypatch.setattr(importing, "rows_at_once", lambda dim: 7)
    place = place_for(tmp_path, name)

    assert export_gallery(filled, place, format=name) == 20
    again, report = taken_in(place, name, tmp_path / "again")

    assert report == ImportReport(added=20, copies=2)
    assert told(again) == told(filled)
    assert (again.space, again.space.encoder, again.dtype) == (SPACE, "tests", filled.dtype)
    assert again.verify().is_clean
    for image in filled.images():
        query = filled.embedding(image.image_id)
        found = [
            [(hit.score, hit.path) for hit in Searcher(gallery).search(query, k=5)]
            for gallery in (filled, again)
        ]
        assert found[0] == found[1]


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_gallery_goes_out(tmp_path, name):
    place = place_for(tmp_path, name)

    assert export_gallery(Gallery.create(tmp_path / "empty", SPACE), place, format=name) == 0


@pytest.mark.parametrize("name", FORMATS)
def test_a_failed_export_leaves_nothing(filled, tmp_path, name):
    def interrupt(done, total):
        raise KeyboardInterrupt

    before = set(os.listdir(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        export_gallery(filled, place_for(tmp_path, name), format=name, on_progress=interrupt)

    assert set(os.listdir(tmp_path)) == before
    assert not DATASETS


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_is_never_written_over_something(filled, tmp_path, name):
    place = place_for(tmp_path, name)
    export_gallery(filled, place, format=name)

    with pytest.raises(UsageError, match="already"):
        export_gallery(filled, place, format=name)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_not_there_is_not_imported(tmp_path, name):
    with pytest.raises(UsageError, match="missing"):
        open_embeddings(str(tmp_path / "missing"), name)


def test_a_lost_part_of_an_export_is_noticed(filled, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "rows_at_once", lambda dim: 8)
    export_gallery(filled, str(tmp_path / "out"), format="clip-retrieval")
    (tmp_path / "out/img_emb/img_emb_1.npy").unlink()

    with pytest.raises(UsageError, match="holds 12 embeddings, but 20 were exported"):
        open_embeddings(str(tmp_path / "out"), "clip-retrieval")


@pytest.mark.parametrize("name", FORMATS)
def test_what_was_imported_goes_out_and_comes_back(tmp_path, name):
    np.save(tmp_path / "x.npy", np.array([EAST, NORTH]))
    gallery, _ = taken_in(str(tmp_path / "x.npy"), "numpy", tmp_path / "g", space="s")
    export_gallery(gallery, place_for(tmp_path, name), format=name)

    again, _ = taken_in(place_for(tmp_path, name), name, tmp_path / "again")

    assert told(again) == told(gallery)


def test_clip_retrieval_finds_its_own_layout(filled, tmp_path):
    export_gallery(filled, str(tmp_path / "out"), format="clip-retrieval")

    rows = np.load(tmp_path / "out/img_emb/img_emb_0.npy")
    table = pq.read_table(tmp_path / "out/metadata/metadata_0.parquet").to_pylist()
    assert (rows.shape, str(rows.dtype)) == ((20, 4), filled.dtype)
    assert [line["image_path"] for line in table][:2] == [
        "/photos/a b/ä0.jpg",
        "/photos/a b/ä1.jpg",
    ]
    assert [line["caption"] for line in table][:2] == [None, "line one\nline 1"]
    np.testing.assert_array_equal(rows[3], filled.embedding(4).astype(rows.dtype))


def test_clip_retrieval_folders_come_in(tmp_path):
    for number, (rows, names) in enumerate([([EAST, NORTH], "ab"), ([UP], "c")]):
        (tmp_path / "clip/img_emb").mkdir(parents=True, exist_ok=True)
        (tmp_path / "clip/metadata").mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / f"clip/img_emb/img_emb_{number}.npy", np.array(rows, np.float16))
        table = pa.table(
            {"image_path": [f"/x/{n}.jpg" for n in names], "caption": [f"a {n}" for n in names]}
        )
        pq.write_table(table, tmp_path / f"clip/metadata/metadata_{number}.parquet")

    gallery, report = taken_in(
        str(tmp_path / "clip"), "clip-retrieval", tmp_path / "g", space="ViT-B/32"
    )

    assert (report.added, gallery.dtype, gallery.space.encoder) == (3, "float16", "ViT-B/32")
    hit = Searcher(gallery).search(UP, k=1)[0]
    assert (hit.path, hit.score, hit.metadata) == ("/x/c.jpg", 1.0, {"caption": "a c"})
    image = gallery.image_at_path("/x/a.jpg")
    assert (image.width, image.height, image.size_bytes, image.format) == (0, 0, 0, "")
    assert image.content_hash.startswith("import:")


def test_parts_of_clip_retrieval_have_to_fit(tmp_path):
    (tmp_path / "clip/img_emb").mkdir(parents=True)
    (tmp_path / "clip/metadata").mkdir()
    np.save(tmp_path / "clip/img_emb/img_emb_0.npy", np.array([EAST, NORTH]))
    with pytest.raises(UsageError, match="metadata_0"):
        open_embeddings(str(tmp_path / "clip"), "clip-retrieval")
    pq.write_table(pa.table({"image_path": ["a"]}), tmp_path / "clip/metadata/metadata_0.parquet")

    with pytest.raises(UsageError, match=r"2 embeddings, but .* has 1 rows"):
        open_embeddings(str(tmp_path / "clip"), "clip-retrieval")


def test_a_bare_array_has_row_numbers_for_names(tmp_path):
    np.save(tmp_path / "base.npy", np.array([EAST, NORTH, UP], dtype=np.float16))

    gallery, report = taken_in(str(tmp_path / "base.npy"), "numpy", tmp_path / "g", space="base")

    assert report.added == 3
    assert [image.path for image in gallery.images()] == ["0", "1", "2"]
    assert Searcher(gallery).search(NORTH, k=1)[0].image_id == 2


def test_a_table_of_others_becomes_metadata(tmp_path):
    folder = tmp_path / "arrays"
    folder.mkdir()
    np.save(folder / "embeddings.npy", np.array([EAST, NORTH]))
    (folder / "images.csv").write_text("width,file_name,label\n9,a.jpg,cat\n8,b.jpg,3\n")

    gallery, _ = taken_in(str(folder), "numpy", tmp_path / "g", space="mine")

    one, two = gallery.images()
    assert (one.path, one.metadata) == ("a.jpg", {"width": 9, "label": "cat"})
    assert (two.path, two.metadata) == ("b.jpg", {"width": 8, "label": 3})
    assert gallery.absolute_path(one) == str(folder / "a.jpg")


def test_arrays_and_tables_have_to_fit(tmp_path):
    folder = tmp_path / "arrays"
    folder.mkdir()
    np.save(folder / "embeddings.npy", np.array([EAST, NORTH]))
    (folder / "images.csv").write_text('path\n"a\nb.jpg"\n')

    with pytest.raises(UsageError, match=r"2 embeddings, but .* has 1 rows"):
        open_embeddings(str(folder), "numpy")


def test_a_table_that_is_no_text_is_refused(tmp_path):
    folder = tmp_path / "arrays"
    folder.mkdir()
    np.save(folder / "embeddings.npy", np.array([EAST]))
    (folder / "images.csv").write_bytes("path\nä.jpg\n".encode("latin-1"))

    with pytest.raises(UsageError, match="write it as CSV, in UTF-8"):
        open_embeddings(str(folder), "numpy")


def test_long_metadata_comes_back(tmp_path):
    gallery = Gallery.create(tmp_path / "filled", SPACE)
    with gallery.writer() as writer:
        writer.add_source("folder", "/photos")
        image = NewImage(*(1, "a.jpg", "hash", 1, 2, 3, 4, "PNG"), embedding_row=0)
        writer.commit(images=[image], embeddings=np.array([EAST]))
        writer.commit(metadata={1: {"text": "x" * 200_000}})
    export_gallery(gallery, str(tmp_path / "out"), format="numpy")

    again, _ = taken_in(str(tmp_path / "out"), "numpy", tmp_path / "again")

    assert again.image(1).metadata == gallery.image(1).metadata


def test_a_damaged_parquet_file_is_refused(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and nothing else PAR1")

    with pytest.raises(UsageError, match="cannot be read"):
        open_embeddings(str(tmp_path / "x.parquet"), "parquet")


def test_ids_alone_name_the_rows_of_an_index(tmp_path):
    (tmp_path / "index").mkdir()
    index = faiss.IndexFlatIP(4)
    index.add(np.array([EAST, NORTH]))
    faiss.write_index(index, str(tmp_path / "index/index.faiss"))
    np.save(tmp_path / "index/image_ids.npy", np.array([70, 90]))

    gallery, _ = taken_in(str(tmp_path / "index"), "faiss", tmp_path / "g", space="s")

    assert [image.path for image in gallery.images()] == ["70", "90"]


@pytest.mark.parametrize(
    ("array", "found"),
    [(np.zeros(3), "shape"), (np.zeros((2, 3), np.uint8), "uint8"), (np.zeros((1, 2, 3)), "shape")],
)
def test_what_is_no_embeddings_is_refused(tmp_path, array, found):
    np.save(tmp_path / "x.npy", array)

    with pytest.raises(UsageError, match=found):
        open_embeddings(str(tmp_path / "x.npy"), "numpy")


def test_rows_are_scaled_and_those_without_direction_skipped(tmp_path):
    rows = np.array(
        [
            [3, 4, 0, 0],
            [0, 0, 0, 0],
            [np.nan, 1, 0, 0],
            [0, np.inf, 0, 0],
            [1, 0, 0, 0],
            [1e300] * 4,
        ]
    )
    np.save(tmp_path / "x.npy", rows)

    gallery, report = taken_in(str(tmp_path / "x.npy"), "numpy", tmp_path / "g", space="s")

    assert report == ImportReport(added=2, scaled=1, skipped=4, first_skipped=("1", "2", "3", "5"))
    np.testing.assert_allclose(gallery.embedding(1), [0.6, 0.8, 0, 0], atol=1e-7)
    assert [(item.path, "zeros" in item.reason) for item in gallery.skipped(1)] == [
        ("1", True),
        ("2", False),
        ("3", False),
        ("5", False),
    ]
    assert gallery.verify().is_clean


def test_a_space_has_to_be_named_once(tmp_path):
    np.save(tmp_path / "x.npy", np.array([EAST]))
    opened = open_embeddings(str(tmp_path / "x.npy"), "numpy")

    with pytest.raises(UsageError, match="--encoder, or call it something with --space"):
        named_space(opened, place="x.npy", space=None)
    with pytest.raises(SpaceMismatch, match="dim 4, but encoder 'net' makes dim 5"):
        named_space(opened, place="x.npy", space=EmbeddingSpace("f", 5, encoder="net"))
    one, same, other = (named_space(opened, place="x.npy", space=name) for name in ("a", "a", "b"))
    assert one == same
    assert one != other


def test_a_gallery_of_another_space_takes_nothing_in(tmp_path, filled):
    export_gallery(filled, str(tmp_path / "out"), format="numpy")
    other = Gallery.create(tmp_path / "other", EmbeddingSpace("other", 4, encoder="x"))

    with pytest.raises(SpaceMismatch):
        import_embeddings(other, str(tmp_path / "out"), format="numpy")
    with pytest.raises(SpaceMismatch):
        import_embeddings(filled, str(tmp_path / "out"), format="numpy", space="renamed")

    assert other.generation == 0


def test_an_interrupted_import_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "rows_at_once", lambda dim: 2)
    np.save(tmp_path / "x.npy", unit(np.random.default_rng(1).standard_normal((7, 4))))
    place = str(tmp_path / "x.npy")
    space = named_space(open_embeddings(place, "numpy"), place=place, space="s")
    gallery = Gallery.create(tmp_path / "g", space)

    def interrupt(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_embeddings(gallery, place, format="numpy", space="s", on_progress=interrupt)
    report = import_embeddings(gallery, place, format="numpy", space="s")

    assert (report.already, report.added) == (4, 3)
    assert [image.path for image in gallery.images()] == list("0123456")


def test_two_embeddings_of_one_picture_are_refused_by_name(tmp_path):
    folder = tmp_path / "arrays"
    folder.mkdir()
    np.save(folder / "embeddings.npy", np.array([EAST, NORTH, UP]))
    (folder / "images.csv").write_text("path\na.jpg\nb.jpg\na.jpg\n")

    with pytest.raises(GalleryError, match=r"'a\.jpg' .* another embedding"):
        taken_in(str(folder), "numpy", tmp_path / "g", space="s")


def test_updates_leave_imports_alone(tmp_path, photos, encoder):
    photos.add("a.png", 1)
    np.save(tmp_path / "x.npy", np.eye(encoder.space.dim, dtype=np.float32))
    gallery = Gallery.create(tmp_path / "g", encoder.space)
    import_embeddings(gallery, str(tmp_path / "x.npy"), format="numpy", space=encoder.space)
    with pytest.raises(NoImagesFound, match="only imported embeddings"):
        update_images(gallery, encoder)
    add_images(gallery, photos.folder, encoder)

    report = update_images(gallery, encoder)

    assert (report.unchanged, report.forgotten) == (1, 0)
    assert len(gallery) == encoder.space.dim + 1


def test_an_exported_parquet_file_says_what_it_is(filled, tmp_path):
    export_gallery(filled, str(tmp_path / "out.parquet"), format="parquet")

    table = pq.read_table(tmp_path / "out.parquet")
    facts = json.loads(table.schema.metadata[b"lookalike"])
    assert (facts["encoder"], facts["dim"], facts["images"]) == ("tests", 4, 20)
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), 4)
    assert table["embedding"][0].as_py() == pytest.approx(filled.embedding(1).tolist())


def test_lists_of_any_float_type_come_in(tmp_path):
    table = pa.table({"url": ["u", "v"], "n": [1, 2], "embedding": [[2.0, 0.0], [0.0, 3.0]]})
    pq.write_table(table, tmp_path / "x.parquet")

    gallery, report = taken_in(str(tmp_path / "x.parquet"), "parquet", tmp_path / "g", space="s")

    assert (report.added, report.scaled) == (2, 2)
    assert [(image.path, image.metadata) for image in gallery.images()] == [
        ("u", {"n": 1}),
        ("v", {"n": 2}),
    ]


@pytest.mark.parametrize("second", [[1.0], None])
def test_lists_of_several_lengths_are_refused(tmp_path, second):
    pq.write_table(pa.table({"embedding": [[1.0, 0.0], second]}), tmp_path / "x.parquet")

    with pytest.raises(UsageError, match=r"Row 1 of .* but row 0 has one of 2"):
        taken_in(str(tmp_path / "x.parquet"), "parquet", tmp_path / "g", space="s")


def test_faiss_reads_what_was_written(filled, tmp_path):
    export_gallery(filled, str(tmp_path / "out"), format="faiss")

    index = faiss.read_index(str(tmp_path / "out/index.faiss"))
    ids = np.load(tmp_path / "out/image_ids.npy")
    assert (index.ntotal, index.d, index.metric_type) == (20, 4, faiss.METRIC_INNER_PRODUCT)
    np.testing.assert_array_equal(index.reconstruct_n(0, 20), filled.embeddings(ids.tolist()))
    with (tmp_path / "out/images.csv").open(newline="") as table:
        assert [int(line["image_id"]) for line in csv.DictReader(table)] == ids.tolist()


@pytest.mark.parametrize("kind", ["Flat", "IVF2,Flat", "HNSW8,Flat"])
def test_bare_faiss_indexes_come_in(tmp_path, kind):
    rows = unit(np.random.default_rng(1).standard_normal((100, 4)))
    index = faiss.index_factory(4, kind)
    index.train(rows)
    index.add(rows)
    faiss.write_index(index, str(tmp_path / "x.faiss"))

    gallery, report = taken_in(
        str(tmp_path / "x.faiss"), "faiss", tmp_path / "g", space="s", dtype="float32"
    )

    assert report.added == 100
    np.testing.assert_array_equal(gallery.embeddings(list(range(1, 101))), rows)


def test_a_file_that_is_no_index_is_refused(tmp_path):
    (tmp_path / "x.faiss").write_bytes(b"IxFI" + b"\1" * 60)

    with pytest.raises(UsageError, match="cannot be read"):
        open_embeddings(str(tmp_path / "x.faiss"), "faiss")


def test_a_fiftyone_data_set_is_kept_with_its_fields(filled):
    export_gallery(filled, "exported", format="fiftyone")

    dataset = DATASETS["exported"]
    assert (dataset.persistent, len(dataset)) == (True, 20)
    assert json.loads(dataset.saved["lookalike"])["dtype"] == filled.dtype
    assert dataset[1].filepath == "/photos/a b/ä1.jpg"
    assert dataset[1]["lookalike_camera"] == 'A "camera", large'
    np.testing.assert_array_equal(dataset[1]["embedding"], filled.embedding(2))


def test_fiftyone_samples_of_others_come_in(tmp_path):
    dataset = FakeDataset("quickstart")
    dataset.add_samples(
        [FakeSample("/d/a.jpg", embedding=[0.0, 2.0], weather="rain", box=object())]
    )

    gallery, report = taken_in("quickstart", "fiftyone", tmp_path / "g", space="s")

    assert (report.added, report.scaled) == (1, 1)
    image = gallery.image(1)
    assert (gallery.absolute_path(image), image.metadata) == ("/d/a.jpg", {"weather": "rain"})


def test_fiftyone_samples_without_embeddings_are_refused():
    FakeDataset("bare").add_samples([FakeSample("/d/a.jpg")])

    with pytest.raises(UsageError, match="compute embeddings into that field"):
        open_embeddings("bare", "fiftyone")


def test_a_missing_library_is_named(monkeypatch, filled):
    monkeypatch.setitem(sys.modules, "fiftyone", None)

    with pytest.raises(MissingExtra, match=r"lookalike\[fiftyone\]"):
        export_gallery(filled, "exported", format="fiftyone")


def test_an_unknown_format_is_refused(filled):
    with pytest.raises(UsageError, match=r"'hdf5': use clip-retrieval, parquet"):
        export_gallery(filled, "exported", format="hdf5")


def test_only_the_library_of_the_format_is_loaded():
    program = (
        "import sys, lookalike.ingest; "
        "print(sorted({'pyarrow', 'faiss', 'fiftyone'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
